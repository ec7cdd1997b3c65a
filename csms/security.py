"""What is the same for certificates and security events in both versions."""

from collections.abc import Mapping
from typing import Any, Final

from core.certificates import installing, key_change, signing
from core.certificates.requesting import Unacceptable
from core.certificates.states import CertificateUse, RootUse
from core.certificates.x509s import HashData
from core.chargers import security_events
from core.commands.models import CommandRow
from core.kernel.db import Tx
from csms import sanity
from csms.adapter import Context
from csms.evidence import doubt
from csms.protocol import Payload
from csms.readings import instant

MAX_INFO_CHARS: Final = 512

WISHES: Final = (installing.CERTIFICATE, key_change.PASSWORD, signing.SIGNED)
"""Kinds of desired state whose answers arrive here."""

KEY_16: Final = "AuthorizationKey"
KEY_201: Final = "BasicAuthPassword"


async def security_event(ctx: Context, *, type_: str, timestamp: str, info: str | None) -> None:
    """Store a SecurityEventNotification; an unreadable time is a doubt, the event is kept."""
    at, _ = instant(timestamp)
    if at is None:
        doubt(ctx, "timestamp_unreadable")
    await security_events.reported(ctx.tx, ctx.charger.id, type_=type_, at=at, tech_info=info)


async def sign(ctx: Context, *, csr: str, use: CertificateUse) -> Unacceptable | None:
    """Take a SignCertificate; return why it is refused, ``None`` if it is not."""
    try:
        await signing.ask(
            ctx.tx, ctx.charger, csr=csr, use=use, organisation=ctx.settings.organisation
        )
    except Unacceptable as exc:
        return exc
    return None


def status_info(refused: Unacceptable) -> Payload:
    """Return the ``statusInfo`` of a refusal in 2.x."""
    text = sanity.text(str(refused), max_chars=MAX_INFO_CHARS).value
    return {"reasonCode": refused.code, "additionalInfo": text}


def hash_data(members: Mapping[str, Any]) -> HashData:
    """Return a CertificateHashDataType as a value; texts are such as can be stored."""

    def member(name: str, max_chars: int) -> str:
        return sanity.text(str(members[name]), max_chars=max_chars).value

    return HashData(
        hash_algorithm=member("hashAlgorithm", 6),
        issuer_name_hash=member("issuerNameHash", 128),
        issuer_key_hash=member("issuerKeyHash", 128),
        serial_number=member("serialNumber", 40),
    )


async def learn_installed(
    tx: Tx,
    command: CommandRow,
    found: list[tuple[RootUse, HashData]],
    *,
    answered: bool,
    uses: frozenset[RootUse],
) -> None:
    """Take what GetInstalledCertificateIds brought; *uses* are those that were asked for."""
    if answered:
        ordered = sorted(uses)
        await installing.reported(tx, command.charger_id, uses=ordered, found=found)


def sets_password(action: str, payload: Mapping[str, Any]) -> bool:
    """Tell whether a request of ours would change the charger's password by the way.

    Such a change has a way of its own, on which nobody can be locked out (A01).
    """
    if action == "ChangeConfiguration":
        return str(payload.get("key", "")).lower() == KEY_16.lower()
    if action != "SetVariables":
        return False
    entries = payload.get("setVariableData")
    return any(_is_key(entry) for entry in (entries if isinstance(entries, list) else ()))


def _is_key(entry: Any) -> bool:
    variable = entry.get("variable") if isinstance(entry, dict) else None
    name = variable.get("name") if isinstance(variable, dict) else None
    return isinstance(name, str) and name.lower() == KEY_201.lower()
