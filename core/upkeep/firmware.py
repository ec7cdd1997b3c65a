"""Firmware as a wish: the version a charger should run, and where it gets it.

The wish stays pending while the charger fetches and installs, with its last word as the reason. It
is accepted when the charger boots with the wanted version (or, if none is named, says
``Installed``), and rejected with the charger's word when it fails.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from cryptography import x509

from core.audit.service import Actor
from core.chargers.checks import invalid
from core.chargers.models import Charger
from core.commands.commands import Answer, Command, seal_context
from core.commands.firmware import UpdateFirmware
from core.desired import service as desired_service
from core.desired import store as desired_store
from core.desired.kinds import KINDS, Kind, Outcome, Postponed
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339, rfc3339_or_none
from core.upkeep import store, transfers
from core.upkeep.addresses import check_address
from core.upkeep.facts import TransferNews
from core.upkeep.models import Transfer
from core.upkeep.states import OPEN, TransferKind, TransferStatus

KIND: Final = "firmware"
KEY: Final = "firmware"
"""A charger has one firmware."""

MAX_CERTIFICATE_CHARS: Final = 5500
MAX_SIGNATURE_CHARS: Final = 800
MAX_VERSION_CHARS: Final = 50
MAX_RETRIES: Final = 100
MAX_RETRY_S: Final = 86_400
_PARKED: Final = timedelta(hours=1)
"""How far a wish is put off, again and again, while its transfer decides what becomes of it."""

_KINDS: Final = (TransferKind.FIRMWARE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareSpec:
    """What firmware a charger should run.

    *version* is what it then boots with, letter by letter; without it ``Installed`` ends the
    update. *certificate* (PEM) and *signature* (base64) go together: the secure update.
    """

    location: str
    version: str | None = None
    retrieve_at: datetime | None = None
    install_at: datetime | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_s: int | None = None


def wish(vault: Vault, charger_id: str, spec: FirmwareSpec) -> tuple[dict[str, Any], str | None]:
    """Return (wanted, sealed) for ``desired.want`` of kind ``firmware``, key ``firmware``.

    An address with credentials or a query is stored encrypted, for this charger alone.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    address = check_address(spec.location, name="location")
    wanted = _checked(spec, address.shown)
    return wanted, seal(vault, charger_id, address.full) if address.is_secret else None


def _checked(spec: FirmwareSpec, location: str) -> dict[str, Any]:
    """Return the wish; an error says what is wrong with *spec*."""
    _check_times(spec)
    _check_signature(spec)
    check_retries(spec.retries, spec.retry_s)
    if spec.version is not None and not 1 <= len(spec.version) <= MAX_VERSION_CHARS:
        raise invalid("version", f"has 1 to {MAX_VERSION_CHARS} characters")
    wanted = {
        "version": spec.version,
        "location": location,
        "retrieve_at": rfc3339_or_none(spec.retrieve_at),
        "install_at": rfc3339_or_none(spec.install_at),
        "certificate": spec.certificate,
        "signature": spec.signature,
        "retries": spec.retries,
        "retry_s": spec.retry_s,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def seal(vault: Vault, charger_id: str, location: str) -> str:
    """Return an address encrypted as the ``sealed`` of a command."""
    return vault.ring.encrypt(json.dumps({"location": location}), context=seal_context(charger_id))


async def want(tx: Tx, vault: Vault, actor: Actor, charger: Charger, spec: FirmwareSpec) -> Desired:
    """Wish that *charger* runs the firmware of *spec*; a running update is replaced.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    wanted, sealed = wish(vault, charger.id, spec)
    return await desired_service.want(
        tx, actor, charger, kind=KIND, key=KEY, wanted=wanted, sealed=sealed
    )


async def command(tx: Tx, desired: Desired) -> Command | None:
    """Return the update to ask for; ``None`` if the charger runs the wanted version."""
    if not desired.present:
        raise ValueError("firmware can be replaced, not taken away; want another version")
    wanted = msgspec.convert(desired.wanted, _Wanted)
    if wanted.version is not None and wanted.version == await store.firmware_version(
        tx, desired.charger_id
    ):
        return None
    await _refuse_while_under_way(tx, desired)
    address = wanted.location if desired.sealed else plain_location(wanted.location)
    transfer = await _transfer(tx, desired, address=address)
    return UpdateFirmware(
        request=transfer.request,
        location=address,
        retrieve_at=rfc3339(wanted.retrieve_at or tx.now),
        install_at=rfc3339_or_none(wanted.install_at),
        certificate=wanted.certificate,
        signature=wanted.signature,
        retries=wanted.retries,
        retry_s=wanted.retry_s,
        sealed=desired.sealed,
    )


class _Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a wish of this kind is made of, whoever wrote it."""

    location: str
    version: str | None = None
    retrieve_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    install_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_s: int | None = None


def plain_location(location: str) -> str:
    """Return an address that is stored as it is; ``ValueError`` where that must not be."""
    try:
        address = check_address(location, name="location")
    except PlatformError as exc:
        raise ValueError(exc.detail) from exc
    if address.is_secret:
        raise ValueError("an address with credentials or a query must be sealed for each charger")
    return location


async def _refuse_while_under_way(tx: Tx, desired: Desired) -> None:
    """Do not ask twice for what a charger is doing; an operator's retry does."""
    latest = await store.of_desired(tx, desired.id)
    known = (desired.progress or {}).get("transfer_id")
    if latest is not None and latest.id == known and latest.status in OPEN:
        raise Postponed(tx.now + _PARKED)


async def _transfer(tx: Tx, desired: Desired, *, address: str) -> Transfer:
    """Return the transfer of the wish that was not begun yet, or a new one."""
    latest = await store.of_desired(tx, desired.id)
    if latest is not None and latest.status is TransferStatus.REQUESTED:
        if _is_of(latest, desired):
            return latest
        await transfers.cancel(tx, latest.id, "Replaced")
    planned = [desired.wanted.get("retrieve_at"), desired.wanted.get("install_at")]
    instants = [datetime.fromisoformat(text) for text in planned if text]
    return await transfers.begin(
        tx,
        charger_id=desired.charger_id,
        kind=TransferKind.FIRMWARE,
        request=transfers.new_request(),
        address=address,
        requested_by=desired.requested_by,
        detail={"wanted": desired.wanted},
        planned_at=max(instants, default=None),
        desired_id=desired.id,
    )


async def answered(tx: Tx, desired: Desired, answer: Answer) -> Outcome:
    """Return where the wish stands after the answer; the transfer may have gone further."""
    transfer = await store.of_desired(tx, desired.id)
    if transfer is None:
        return Outcome(status=DesiredStatus.REJECTED, reason="transfer_lost")
    return outcome(tx, await transfers.answered(tx, transfer, answer))


def outcome(tx: Tx, transfer: Transfer) -> Outcome:
    """Return what a transfer means for its wish."""
    progress = {"transfer_id": transfer.id}
    if transfer.status is TransferStatus.SUCCEEDED:
        return Outcome(status=DesiredStatus.ACCEPTED, progress=progress)
    if transfer.status in OPEN:
        is_stalled = transfer.status is TransferStatus.STALLED
        word = f"stalled: {transfer.word}" if is_stalled else transfer.word
        return Outcome(
            status=DesiredStatus.PENDING,
            reason=word,
            progress=progress,
            due_at=tx.now + _PARKED,
        )
    return Outcome(status=DesiredStatus.REJECTED, reason=transfer.word, progress=progress)


async def told(tx: Tx, news: TransferNews) -> None:
    """Take a status of an update and settle its wish by it."""
    await desired_store.lock(tx, news.charger_id)
    transfer = await transfers.find(tx, news)
    if transfer is None:
        return
    version = transfer.detail.get("wanted", {}).get("version")
    runs = version is None or version == await store.firmware_version(tx, news.charger_id)
    moved = await transfers.told(tx, news, awaits_version=not runs)
    if moved is not None:
        await settle(tx, moved)


async def booted(tx: Tx, charger_id: str, version: str | None) -> None:
    """Compare the version that a charger boots with, with the one it should run."""
    await desired_store.lock(tx, charger_id)
    wished = await desired_service.find(tx, charger_id, KIND, KEY)
    if wished is None or wished.wanted.get("version") is None:
        return
    transfer = await store.of_desired(tx, wished.id)
    if transfer is not None and _is_of(transfer, wished) and transfer.status in OPEN:
        if version == wished.wanted["version"]:
            await transfers.succeed(tx, transfer.id, "Installed")
        elif transfer.status is TransferStatus.INSTALLED:
            shown = (version or "none")[:MAX_VERSION_CHARS]
            await transfers.fail(tx, transfer.id, f"booted with version {shown}")
        await settle(tx, await transfers.get(tx, transfer.id))
    await desired_service.reported(tx, charger_id, kind=KIND, key=KEY, value={"version": version})


async def settle(tx: Tx, transfer: Transfer) -> None:
    """Bring the wish behind a transfer to where the transfer is, if it is still its latest."""
    if transfer.desired_id is None:
        return
    await desired_store.lock(tx, transfer.charger_id)
    desired = await desired_store.by_id(tx, transfer.desired_id)
    latest = await store.of_desired(tx, transfer.desired_id)
    if desired is None or latest is None or latest.id != transfer.id:
        return
    if not _is_of(transfer, desired) or desired.status is DesiredStatus.SENT:
        return  # the answer to the command settles it
    result = outcome(tx, transfer)
    if desired.status is not DesiredStatus.ACCEPTED:
        await desired_service.settle(tx, desired, result)


def _parse(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return key and wish of ``{"location": "https://...", "version": "1.2", ...}``.

    Fleets get addresses without credentials: a secret is stored for one charger alone.
    """
    given = msgspec.convert(body, _Wanted)
    spec = FirmwareSpec(**msgspec.structs.asdict(given))
    try:
        return KEY, _checked(spec, plain_location(spec.location))
    except PlatformError as exc:
        raise ValueError(exc.detail) from exc


def _is_of(transfer: Transfer, desired: Desired) -> bool:
    return bool(transfer.detail.get("wanted") == desired.wanted)


def _matches(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    return wanted.get("version") in (None, reported.get("version"))


def _check_times(spec: FirmwareSpec) -> None:
    if spec.retrieve_at and spec.install_at and spec.install_at < spec.retrieve_at:
        raise invalid("install_at", "is not before retrieve_at: it has to be fetched first")


def _check_signature(spec: FirmwareSpec) -> None:
    if (spec.certificate is None) != (spec.signature is None):
        missing = "signature" if spec.signature is None else "certificate"
        raise invalid(missing, "goes with the other: a secure update has certificate and signature")
    if spec.certificate is None or spec.signature is None:
        return
    if len(spec.certificate) > MAX_CERTIFICATE_CHARS:
        raise invalid("certificate", f"has at most {MAX_CERTIFICATE_CHARS} characters")
    try:
        x509.load_pem_x509_certificate(spec.certificate.encode())
    except (ValueError, UnicodeEncodeError) as exc:
        raise invalid("certificate", "is an X.509 certificate in PEM; this does not parse") from exc
    try:
        base64.b64decode(spec.signature, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise invalid("signature", "is base64 without line breaks") from exc
    if not 1 <= len(spec.signature) <= MAX_SIGNATURE_CHARS:
        raise invalid("signature", f"has 1 to {MAX_SIGNATURE_CHARS} characters")


def check_retries(retries: int | None, retry_s: int | None) -> None:
    """Refuse what no charger would do.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    if retries is not None and not 0 <= retries <= MAX_RETRIES:
        raise invalid("retries", f"is from 0 to {MAX_RETRIES}")
    if retry_s is not None and not 0 <= retry_s <= MAX_RETRY_S:
        raise invalid("retry_s", f"is from 0 to {MAX_RETRY_S} seconds")


FIRMWARE: Final = KINDS.add(
    Kind(name=KIND, command=command, answered=answered, matches=_matches, rank=90, parse=_parse)
)
