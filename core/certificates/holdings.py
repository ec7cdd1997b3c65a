"""Use cases of chargers' own certificates: known, in use, ending, renewed, revoked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from cryptography import x509

from core.audit import service as audit
from core.audit.service import PLATFORM, Actor
from core.certificates import store, x509s
from core.certificates.models import ChargerCertificate, Revocation
from core.certificates.states import CertificateUse, Origin
from core.chargers import registry
from core.chargers.checks import invalid
from core.chargers.models import Charger
from core.chargers.text import storable_or_none
from core.commands import service as commands
from core.commands.models import CommandRow
from core.commands.security import RequestCertificate
from core.commands.states import Priority
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id

log = structlog.get_logger()

ASKED_EVERY: Final = timedelta(days=1)
ASK_WITHIN: Final = timedelta(minutes=10)
ANSWER_WITHIN_S: Final = 30.0
BATCH: Final = 100
OVERLAP: Final = 100
"""Revocations under way at the same instant, at most."""
REVOKED: Final = "certificates:revoked"
"""The doorbell topic on which nodes hear the serial numbers of revoked certificates."""
_HEX: Final = frozenset("0123456789abcdef")
_MAX_SERIAL_CHARS: Final = 40


async def remember(
    tx: Tx,
    charger_id: str,
    chain: Sequence[x509.Certificate],
    *,
    use: CertificateUse,
    origin: Origin,
) -> ChargerCertificate:
    """Return the row of a charger's certificate, made if it is new; *chain* begins with it."""
    facts = x509s.described(chain[0])
    known = await store.certificate_by_print(tx, charger_id, facts.fingerprint)
    if known is not None:
        return known
    values: dict[str, Any] = {
        "fingerprint": facts.fingerprint,
        "serial_number": facts.serial_number,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "not_before": facts.not_before,
        "not_after": facts.not_after,
    }
    added = await store.add_certificate(
        tx,
        id=new_id("crt"),
        charger_id=charger_id,
        use=use,
        origin=origin,
        chain=x509s.pem_of(chain),
        **values,
    )
    added = added or await store.certificate_by_print(tx, charger_id, facts.fingerprint)
    if added is None:
        raise AssertionError("a certificate that is there cannot be read")
    return added


async def installed(tx: Tx, certificate_id: str) -> None:
    """Note that a charger took a certificate that was signed for it."""
    await store.change_certificate(tx, certificate_id, installed_at=tx.now)
    found = await store.certificate(tx, certificate_id)
    if found is not None:
        await store.supersede_others(tx, found)


async def used(tx: Tx, charger_id: str, chain: Sequence[x509.Certificate]) -> None:
    """Note that a charger logged in with a certificate, whoever signed it."""
    row = await remember(
        tx, charger_id, chain, use=CertificateUse.CHARGING_STATION, origin=Origin.SEEN
    )
    await store.change_certificate(
        tx, row.id, last_used_at=tx.now, installed_at=row.installed_at or tx.now
    )
    if row.last_used_at is None:
        await store.supersede_others(tx, row)


async def get(tx: Tx, certificate_id: str) -> ChargerCertificate:
    """Return a charger's certificate.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.certificate(tx, certificate_id)
    if found is None:
        raise not_found("certificate")
    return found


async def newest(
    tx: Tx,
    *,
    charger_id: str | None = None,
    current: bool = False,
    ends_before: datetime | None = None,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[ChargerCertificate]:
    """Return chargers' certificates, the newest first.

    Args:
        current: Only those that nothing replaced and nobody revoked.
        ends_before: Only those that end before this instant.
    """
    return await store.certificates_newest(
        tx,
        charger_id=charger_id,
        current=current,
        ends_before=ends_before,
        before_number=before_number,
        limit=limit,
    )


async def renew(tx: Tx, actor: Actor, charger: Charger, use: CertificateUse) -> CommandRow:
    """Ask a charger for a new signing request, the beginning of a new certificate.

    Raises:
        PlatformError: ``charger_offline``, ``overloaded``.
    """
    if not charger.online:
        raise PlatformError("charger_offline", "The charger is not connected; nothing was sent.")
    row = await commands.enqueue(
        tx,
        charger=charger,
        command=RequestCertificate(use=use.value),
        priority=Priority.OPERATOR if actor is not PLATFORM else Priority.BACKGROUND,
        expires_at=tx.now + ASK_WITHIN,
        timeout_s=ANSWER_WITHIN_S,
        requested_by=actor.name,
    )
    after = {"charger_id": charger.id, "use": use.value}
    await audit.record(tx, actor, "certificate.renewal_asked", row.id, after=after)
    return row


async def renew_what_ends(tx: Tx, *, before_end: timedelta) -> int:
    """Ask connected chargers for new requests when their certificates end; return how many."""
    found = await store.to_renew(
        tx, ends_before=tx.now + before_end, asked_before=tx.now - ASKED_EVERY, limit=BATCH
    )
    for certificate in found:
        charger = await registry.get(tx, certificate.charger_id)
        try:
            await renew(tx, PLATFORM, charger, certificate.use)
        except PlatformError as exc:  # gone again, or busy: the next pass comes
            log.warning("renewal_postponed", charger_id=charger.id, reason=exc.code)
            continue
        await store.change_certificate(tx, certificate.id, renewal_asked_at=tx.now)
    return len(found)


async def revoke(tx: Tx, actor: Actor, serial_number: str, *, reason: str | None) -> Revocation:
    """Accept a certificate no more, whoever signed it, and end the sockets that stand on it.

    Every node hears of it at the commit, or finds it at its next sweep.

    Raises:
        PlatformError: ``invalid_parameter``; ``conflict``: it is revoked already.
    """
    serial = x509s.normal_serial(serial_number)
    if not (set(serial) <= _HEX and len(serial) <= _MAX_SERIAL_CHARS and serial != "0"):
        raise invalid("serial_number", "is a serial number in hexadecimal, as openssl shows it")
    row = await store.add_revocation(
        tx,
        serial_number=serial,
        reason=storable_or_none(reason, max_chars=200),
        revoked_by=actor.name,
    )
    if row is None:
        raise PlatformError("conflict", "This certificate is revoked already.")
    tx.ring(REVOKED, serial)
    await audit.record(tx, actor, "certificate.revoked", serial, after={"reason": row.reason})
    return row


async def revoked_lately(tx: Tx, *, seen: int | None) -> Sequence[Revocation]:
    """Return the revocations after number *seen*, and some before it, the oldest first.

    Numbers are taken before the commit: a lower one may become visible after a higher one.

    Args:
        seen: The newest number of the call before; ``None``: there was none.
    """
    if seen is None:
        newest_ones = await store.newest_revocations(tx, before_number=None, limit=OVERLAP)
        return newest_ones[::-1]
    return await store.revoked_after(tx, seen - OVERLAP)


async def unrevoke(tx: Tx, actor: Actor, serial_number: str) -> None:
    """Accept a certificate again.

    Raises:
        PlatformError: ``not_found``.
    """
    row = await store.remove_revocation(tx, x509s.normal_serial(serial_number))
    if row is None:
        raise not_found("revocation")
    before = {"reason": row.reason}
    await audit.record(tx, actor, "certificate.unrevoked", row.serial_number, before=before)


async def revocations(
    tx: Tx, *, before_number: int | None = None, limit: int = 50
) -> Sequence[Revocation]:
    """Return the newest revocations first."""
    return await store.newest_revocations(tx, before_number=before_number, limit=limit)
