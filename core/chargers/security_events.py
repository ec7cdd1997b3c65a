"""Use cases of security events: what chargers report, what was noticed about them here (A04)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from core.chargers import security_store
from core.chargers.security_models import SecurityEvent
from core.chargers.text import storable, storable_or_none
from core.kernel import metrics
from core.kernel.db import Tx
from core.kernel.ids import new_id

log = structlog.get_logger()

MAX_TYPE_CHARS: Final = 50
MAX_INFO_CHARS: Final = 255

CRITICAL: Final = frozenset(
    {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidCentralSystemCertificate",
        "InvalidChargingStationCertificate",
        "InvalidChargePointCertificate",
        "InvalidTLSVersion",
        "InvalidTLSCipherSuite",
        "MaintenanceLoginAccepted",
        "MaintenanceLoginFailed",
    }
)
"""OCPP 2.0.1 part 2 appendix 1, and its 1.6 names (security whitepaper, edition 3)."""
_ORDINARY: Final = frozenset(
    {
        "AttemptedReplayAttacks",
        "FailedToAuthenticateAtCentralSystem",
        "FailedToAuthenticateAtCsms",
        "CentralSystemFailedToAuthenticate",
        "CsmsFailedToAuthenticate",
        "InvalidMessages",
        "ReconfigurationOfSecurityParameters",
    }
)
_ALARMING: Final = CRITICAL - {"FirmwareUpdated", "StartupOfTheDevice", "ResetOrReboot"}
"""Those that somebody should look at; a reboot is an everyday event."""

FLAPPING: Final = "SocketFlapping"
KEY_REFUSED: Final = "KeyChangeRefused"
_OURS: Final = frozenset({FLAPPING, KEY_REFUSED, "FrameFlood", "CertificateRequestRefused"})


async def reported(
    tx: Tx, charger_id: str, *, type_: str, at: datetime | None, tech_info: str | None
) -> SecurityEvent:
    """Store what a charger reports; a type that nobody defined is kept and flagged."""
    return await _store(
        tx, charger_id, source="charger", type_=type_, at=at, info=tech_info, ours=False
    )


async def noticed(tx: Tx, charger_id: str, type_: str, tech_info: str) -> SecurityEvent:
    """Store what this platform noticed about a charger."""
    return await _store(
        tx, charger_id, source="platform", type_=type_, at=tx.now, info=tech_info, ours=True
    )


async def newest(
    tx: Tx,
    *,
    charger_id: str | None = None,
    critical: bool | None = None,
    type_: str | None = None,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[SecurityEvent]:
    """Return the newest events first, of one charger or of all."""
    return await security_store.newest(
        tx,
        charger_id=charger_id,
        critical=critical,
        type_=type_,
        before_number=before_number,
        limit=limit,
    )


async def delete_older(tx: Tx, before: datetime) -> int:
    """Delete some events from before an instant; return how many."""
    return await security_store.delete_older(tx, before)


async def _store(
    tx: Tx,
    charger_id: str,
    *,
    source: str,
    type_: str,
    at: datetime | None,
    info: str | None,
    ours: bool,
) -> SecurityEvent:
    name = storable(type_, max_chars=MAX_TYPE_CHARS)
    known = name in (_OURS if ours else CRITICAL | _ORDINARY)
    event = await security_store.add(
        tx,
        id=new_id("sev"),
        charger_id=charger_id,
        source=source,
        type=name,
        known=known,
        critical=ours or name in CRITICAL,
        tech_info=storable_or_none(info, max_chars=MAX_INFO_CHARS),
        happened_at=at,
    )
    label = name if known else "other"
    metrics.SECURITY_EVENTS.labels(source, label).inc()
    if ours or name in _ALARMING:
        log.warning("security_event_raised", charger_id=charger_id, type=name, source=source)
    return event
