"""Use cases of signing (A02, A03): a charger asks, a signer signs, the charger gets its own.

A request is stored before it is acknowledged and signed afterwards, by a job. The certificate
goes to the charger as a wish, so that it arrives however often the connection breaks.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from cryptography import x509

from core.audit import service as audit
from core.audit.service import PLATFORM
from core.certificates import holdings, requesting, store, x509s
from core.certificates.models import CertificateRequest
from core.certificates.requesting import Unacceptable
from core.certificates.signers import NotSigned, Signer, SignerAway
from core.certificates.states import CertificateUse, Origin, RequestStatus
from core.chargers import inventory, registry, security_events
from core.chargers.models import Charger
from core.chargers.text import storable
from core.commands.commands import Answer, Command
from core.commands.security import SendCertificate
from core.desired import service as desired
from core.desired.kinds import KINDS, Kind, Outcome, by_verdict
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Database, Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id

log = structlog.get_logger()

REQUESTS_AN_HOUR: Final = 10
"""Of one charger; further ones are refused and not stored."""
MAX_CHAIN_CHARS: Final = 10_000
"""OCPP 2.0.1 CertificateSigned; 1.6 security whitepaper 5.1."""
LEASE: Final = timedelta(seconds=60)
GIVE_UP_AFTER: Final = 20
LONGEST_PAUSE: Final = timedelta(minutes=30)
BATCH: Final = 50

_CHAIN_LIMITS: Final = {
    ("SecurityCtrlr", "MaxCertificateChainSize"),
    ("", "CertificateSignedMaxChainSize"),
}


async def ask(
    tx: Tx, charger: Charger, *, csr: str, use: CertificateUse, organisation: str | None
) -> CertificateRequest:
    """Take a charger's request; the one of the same use that is under way is superseded.

    Raises:
        Unacceptable: It is refused. Recorded, but for what comes too often.
    """
    since = tx.now - timedelta(hours=1)
    if await store.requests_since(tx, charger.id, since) >= REQUESTS_AN_HOUR:
        log.warning("certificate_request_dropped", charger_id=charger.id)
        raise Unacceptable("TooManyRequests", f"more than {REQUESTS_AN_HOUR} requests in an hour")
    try:
        names = await _names(tx, charger, use)
        requesting.check(requesting.read(csr), names=names, organisation=organisation)
    except Unacceptable as exc:
        await _add(tx, charger, csr, use, status=RequestStatus.REFUSED, reason=str(exc))
        await security_events.noticed(tx, charger.id, "CertificateRequestRefused", str(exc))
        raise
    known = await store.under_way(tx, charger.id, use)
    if known is not None:
        await store.move_request(tx, known.id, RequestStatus.SUPERSEDED)
    made = await _add(tx, charger, csr, use, status=RequestStatus.OPEN, reason=None)
    if made is None:  # two requests at the same instant
        raise Unacceptable("TooManyRequests", "another request is being handled")
    log.info("certificate_requested", charger_id=charger.id, request=made.id, use=use)
    return made


async def _names(tx: Tx, charger: Charger, use: CertificateUse) -> list[str]:
    """Return what a charger's certificate may be named.

    It reports its serial number itself: what is another charger's name is not one of its own.
    """
    names = [charger.identity]
    serial = charger.serial_number
    if serial and not await store.named_otherwise(tx, charger.id, serial):
        names.append(serial)
    if use is CertificateUse.V2G:
        found = await inventory.variables(tx, charger.id)
        seccs = [one.value for one in found if one.variable.startswith("SeccId")]
        names += [value for value in seccs if value]
    return names


async def _add(
    tx: Tx,
    charger: Charger,
    csr: str,
    use: CertificateUse,
    *,
    status: RequestStatus,
    reason: str | None,
) -> CertificateRequest | None:
    return await store.add_request(
        tx,
        id=new_id("csr"),
        charger_id=charger.id,
        use=use,
        csr=storable(csr, max_chars=requesting.MAX_CSR_CHARS),
        status=status,
        reason=None if reason is None else storable(reason, max_chars=500),
        attempts=0,
        due_at=tx.now,
    )


async def sign_what_is_due(db: Database, signer: Signer) -> int:
    """Have signed what chargers asked for; return how many requests were handled.

    Safe on every node at once: a request is leased while it is with the signer, and no
    transaction is open meanwhile.
    """
    async with db.transaction() as tx:
        due = await store.due_requests(tx, limit=BATCH)
    for request_id in due:
        async with db.transaction() as tx:
            request = await store.lease_request(tx, request_id, until=tx.now + LEASE)
            charger = None if request is None else await _owner(tx, request)
        if request is not None and charger is not None:
            await _sign(db, signer, request, charger)
    return len(due)


async def _owner(tx: Tx, request: CertificateRequest) -> Charger | None:
    try:
        return await registry.get(tx, request.charger_id)
    except PlatformError:  # removed meanwhile
        await store.move_request(tx, request.id, RequestStatus.FAILED, reason="charger removed")
        return None


async def _sign(
    db: Database, signer: Signer, request: CertificateRequest, charger: Charger
) -> None:
    try:
        chain = await signer.sign(request.csr, use=request.use, identity=charger.identity)
    except NotSigned as exc:
        async with db.transaction() as tx:
            await _fail(tx, request, str(exc))
    except SignerAway as exc:
        async with db.transaction() as tx:
            if request.attempts >= GIVE_UP_AFTER:
                await _fail(tx, request, str(exc))
                return
            pause = min(timedelta(seconds=2) * 2 ** min(request.attempts, 12), LONGEST_PAUSE)
            log.warning("signing_postponed", request=request.id, reason=str(exc))
            await store.postpone_request(
                tx, request.id, due_at=tx.now + pause, reason=storable(str(exc), max_chars=500)
            )
    else:
        async with db.transaction() as tx:
            await signed(tx, request, charger, chain)


async def signed(
    tx: Tx, request: CertificateRequest, charger: Charger, chain: Sequence[x509.Certificate]
) -> None:
    """Keep what was signed, and send it to the charger, now or when it is back."""
    limit = await _chain_limit(tx, charger)
    fitting = [list(chain), [one for one in chain if not x509s.is_self_issued(one)]]
    texts = [x509s.pem_of(one) for one in fitting if one]
    text = next((one for one in texts if len(one) <= limit), None)
    if text is None:
        await _fail(tx, request, f"the chain is longer than the {limit} characters it may have")
        return
    certificate = await holdings.remember(
        tx, charger.id, chain, use=request.use, origin=Origin.ISSUED
    )
    moved = await store.move_request(
        tx, request.id, RequestStatus.SIGNED, certificate_id=certificate.id, reason=None
    )
    if moved is None:  # the charger asked anew meanwhile
        return
    after = {"charger_id": charger.id, "serial_number": certificate.serial_number}
    await audit.record(tx, PLATFORM, "certificate.signed", certificate.id, after=after)
    wanted = {"request_id": request.id, "use": request.use.value, "chain": text}
    await desired.want(
        tx, PLATFORM, charger, kind=SIGNED.name, key=request.use.value, wanted=wanted
    )


async def _chain_limit(tx: Tx, charger: Charger) -> int:
    limit = MAX_CHAIN_CHARS
    for one in await inventory.variables(tx, charger.id):
        value = one.value or ""
        named = (one.component, one.variable) in _CHAIN_LIMITS
        if named and value.isascii() and value.isdecimal() and len(value) < len(str(limit)):
            limit = min(limit, int(value) or limit)
    return limit


async def _fail(tx: Tx, request: CertificateRequest, reason: str) -> None:
    log.warning("signing_failed", request=request.id, reason=reason)
    text = storable(reason, max_chars=500)
    await store.move_request(tx, request.id, RequestStatus.FAILED, reason=text)


async def _send(tx: Tx, wish: Desired) -> Command | None:
    request = await store.request(tx, wish.wanted["request_id"])
    if request is None or request.status is RequestStatus.SUPERSEDED:
        raise ValueError("superseded: the charger asked for another certificate")
    return SendCertificate(use=wish.wanted["use"], chain=wish.wanted["chain"])


async def _sent(tx: Tx, wish: Desired, answer: Answer) -> Outcome:
    outcome = await by_verdict(tx, wish, answer)
    request_id = wish.wanted["request_id"]
    if outcome.status is DesiredStatus.ACCEPTED:
        moved = await store.move_request(tx, request_id, RequestStatus.INSTALLED)
        if moved is not None and moved.certificate_id is not None:
            await holdings.installed(tx, moved.certificate_id)
    else:
        reason = f"the charger answered {outcome.reason}"
        await store.move_request(tx, request_id, RequestStatus.REJECTED, reason=reason)
    return outcome


SIGNED: Final = KINDS.add(Kind(name="signed_certificate", command=_send, answered=_sent, rank=20))
"""The certificate that was signed for a charger; its key is the use."""


async def get(tx: Tx, request_id: str) -> CertificateRequest:
    """Return a request.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.request(tx, request_id)
    if found is None:
        raise not_found("certificate request")
    return found


async def requests(
    tx: Tx, *, charger_id: str | None = None, before_number: int | None = None, limit: int = 50
) -> Sequence[CertificateRequest]:
    """Return the newest requests first."""
    return await store.requests(tx, charger_id=charger_id, before_number=before_number, limit=limit)
