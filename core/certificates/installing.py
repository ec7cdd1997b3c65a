"""Certificates that a charger should have, or no more, wanted against reported (M03 to M05)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from cryptography import x509

from core.audit import service as audit
from core.audit.service import PLATFORM, Actor
from core.certificates import store, x509s
from core.certificates.models import InstalledCertificate
from core.certificates.states import RootUse
from core.certificates.x509s import HashData
from core.chargers import registry
from core.chargers.checks import invalid
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Command
from core.commands.models import CommandRow
from core.commands.security import DeleteCertificate, InstallCertificate, ReportCertificates
from core.commands.states import Priority
from core.desired import service as desired
from core.desired.kinds import KINDS, Kind, Outcome, by_verdict
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

log = structlog.get_logger()

MAX_CERTIFICATE_CHARS: Final = 5500
"""OCPP 2.0.1 InstallCertificate; 1.6 security whitepaper 5.6."""
MAX_REPORTED: Final = 200
ASK_WITHIN: Final = timedelta(minutes=10)
ANSWER_WITHIN_S: Final = 30.0
INSTALLABLE: Final = frozenset(RootUse) - {RootUse.V2G_CHAIN}


async def want(
    tx: Tx, actor: Actor, charger: Charger, *, use: RootUse, pem: str, present: bool = True
) -> Desired:
    """Wish that a charger has a certificate for *use*, or has it no more.

    Raises:
        PlatformError: ``invalid_parameter``: not one PEM certificate, too long, or of a use that
            cannot be installed.
    """
    if use not in INSTALLABLE:
        raise invalid("use", "is a root certificate; chargers make their own chains (sign)")
    try:
        [certificate] = x509s.read_chain(pem)
    except (x509s.Unreadable, ValueError) as exc:
        raise invalid("certificate", "is one certificate as PEM") from exc
    text = x509s.pem_of([certificate])
    if len(text) > MAX_CERTIFICATE_CHARS:
        raise invalid("certificate", f"has at most {MAX_CERTIFICATE_CHARS} characters")
    facts = x509s.described(certificate)
    if present and facts.not_after <= tx.now:
        raise invalid("certificate", f"is still valid; this one ended {facts.not_after:%Y-%m-%d}")
    wanted: dict[str, Any] = {
        "use": use.value,
        "certificate": text,
        "subject": facts.subject,
        "serial_number": facts.serial_number,
        "fingerprint": facts.fingerprint,
    }
    key = f"{use.value}:{facts.fingerprint}"
    return await desired.want(
        tx, actor, charger, kind=CERTIFICATE.name, key=key, wanted=wanted, present=present
    )


async def ask(tx: Tx, actor: Actor, charger: Charger, *, use: RootUse | None = None) -> CommandRow:
    """Ask a charger which certificates it has.

    Raises:
        PlatformError: ``charger_offline``, ``overloaded``.
    """
    if not charger.online:
        raise PlatformError("charger_offline", "The charger is not connected; nothing was sent.")
    command = ReportCertificates(use=None if use is None else use.value)
    row = await _ask(tx, charger, command, actor)
    after = {"charger_id": charger.id, "use": command.use}
    await audit.record(tx, actor, "certificate.report_asked", row.id, after=after)
    return row


async def _ask(tx: Tx, charger: Charger, command: Command, actor: Actor) -> CommandRow:
    return await commands.enqueue(
        tx,
        charger=charger,
        command=command,
        priority=Priority.BACKGROUND if actor is PLATFORM else Priority.OPERATOR,
        expires_at=tx.now + ASK_WITHIN,
        timeout_s=ANSWER_WITHIN_S,
        requested_by=actor.name,
    )


async def reported(
    tx: Tx,
    charger_id: str,
    *,
    uses: Sequence[RootUse],
    found: Sequence[tuple[RootUse, HashData]],
) -> None:
    """Take what a charger says it has of *uses*, and compare it with what it should have."""
    kept = found[:MAX_REPORTED]
    if len(found) > len(kept):
        log.warning("certificates_dropped", charger_id=charger_id, dropped=len(found) - len(kept))
    rows = [
        {
            "use": use.value,
            "hash_algorithm": data.hash_algorithm,
            "issuer_name_hash": data.issuer_name_hash.lower(),
            "issuer_key_hash": data.issuer_key_hash.lower(),
            "serial_number": data.serial_number,
        }
        for use, data in kept
    ]
    await store.put_installed(tx, charger_id, uses, rows)
    have = await store.installed(tx, charger_id)
    for wish in await desired.of_charger(tx, charger_id, kind=CERTIFICATE.name):
        if RootUse(wish.wanted["use"]) not in uses:
            continue
        match = _match(wish, have)
        value = None if match is None else _facts(match)
        await desired.reported(tx, charger_id, kind=CERTIFICATE.name, key=wish.key, value=value)


async def installed(tx: Tx, charger_id: str) -> Sequence[InstalledCertificate]:
    """Return what a charger last said it has."""
    return await store.installed(tx, charger_id)


def _match(wish: Desired, have: Sequence[InstalledCertificate]) -> InstalledCertificate | None:
    [certificate] = x509s.read_chain(wish.wanted["certificate"])
    for one in have:
        if one.use.value != wish.wanted["use"] or one.hash_algorithm not in x509s.HASHES:
            continue
        own = x509s.hash_data(certificate, certificate, one.hash_algorithm)
        is_it = own.issuer_name_hash == one.issuer_name_hash and x509s.same_serial(
            own.serial_number, one.serial_number
        )
        if is_it and x509s.is_self_issued(certificate):
            is_it = own.issuer_key_hash == one.issuer_key_hash
        if is_it:
            return one
    return None


def _facts(one: InstalledCertificate) -> dict[str, Any]:
    return {
        "use": one.use.value,
        "hash_algorithm": one.hash_algorithm,
        "issuer_name_hash": one.issuer_name_hash,
        "issuer_key_hash": one.issuer_key_hash,
        "serial_number": one.serial_number,
    }


async def _command(tx: Tx, wish: Desired) -> Command | None:
    wanted = wish.wanted
    if wish.present:
        return InstallCertificate(use=wanted["use"], certificate=wanted["certificate"])
    match = _match(wish, await store.installed(tx, wish.charger_id))
    if match is not None:
        return DeleteCertificate(
            hash_algorithm=match.hash_algorithm,
            issuer_name_hash=match.issuer_name_hash,
            issuer_key_hash=match.issuer_key_hash,
            serial_number=match.serial_number,
        )
    [certificate] = x509s.read_chain(wanted["certificate"])
    if not _is_root(certificate):
        raise ValueError("ask the charger for its certificates first: only it knows the hashes")
    data = x509s.hash_data(certificate, certificate)
    return DeleteCertificate(
        hash_algorithm=data.hash_algorithm,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
    )


def _is_root(certificate: x509.Certificate) -> bool:
    return x509s.is_self_issued(certificate)


async def _answered(tx: Tx, wish: Desired, answer: Answer) -> Outcome:
    outcome = await by_verdict(tx, wish, answer)
    if not wish.present and answer.reason == "NotFound":  # gone is gone
        outcome = Outcome(status=DesiredStatus.ACCEPTED, reason="NotFound")
    if outcome.status is DesiredStatus.ACCEPTED:
        charger = await registry.get(tx, wish.charger_id)
        command = ReportCertificates(use=wish.wanted["use"])
        try:
            await _ask(tx, charger, command, PLATFORM)
        except PlatformError as exc:  # its queue is full: what it has is asked another time
            log.warning("certificates_not_asked", charger_id=charger.id, reason=exc.code)
    return outcome


def _matches(wanted: dict[str, Any], found: dict[str, Any]) -> bool:
    """Tell whether what was found by its hashes is what is wanted: ``_match`` compared them."""
    return bool(found["use"] == wanted["use"])


CERTIFICATE: Final = KINDS.add(
    Kind(name="certificate", command=_command, answered=_answered, matches=_matches, rank=30)
)
"""A root certificate in a charger; its key is the use and the SHA-256 of the certificate."""
