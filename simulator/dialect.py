"""What an OCPP version must provide to the version-neutral charger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from simulator.ledger import Kind, Payload, SentMessage, Transaction
from simulator.settings import Setting

if TYPE_CHECKING:
    from simulator.config import ChargerConfig, Version
    from simulator.station import Connector, Station


class Cause(StrEnum):
    """Why a transaction ends; each version has its own words for it."""

    LOCAL = "local"
    REMOTE = "remote"
    EV_DISCONNECTED = "ev_disconnected"
    SOFT_RESET = "soft_reset"
    HARD_RESET = "hard_reset"
    REBOOT = "reboot"
    POWER_LOSS = "power_loss"
    UNLOCK = "unlock"
    DEAUTHORIZED = "deauthorized"
    FAULT = "fault"
    EMERGENCY = "emergency"
    OTHER = "other"


class Charging(StrEnum):
    """How energy flows in a running transaction (OCPP 2.0.1 ChargingStateEnumType)."""

    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


class Trigger(StrEnum):
    """What made the charger report (OCPP 2.0.1 TriggerReasonEnumType)."""

    AUTHORIZED = "Authorized"
    CABLE = "CablePluggedIn"
    STATE = "ChargingStateChanged"
    PERIODIC = "MeterValuePeriodic"
    REMOTE_START = "RemoteStart"
    RATE = "ChargingRateChanged"
    ASKED = "Trigger"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One reading of a connector's meter."""

    at: datetime
    register_wh: int
    power_w: float
    soc_percent: float
    voltage_v: int
    current_a: float
    context: str


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message to be sent: an ``ocpp`` request dataclass and what the ledger calls it."""

    request: Any
    kind: Kind | None = None
    """``None``: not a transaction message, lost when the connection is."""
    key: str = ""


Handler = Callable[..., Any]
"""``handler(station, **payload) -> call_result dataclass``; must not wait."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """One OCPP version, as functions over the neutral charger."""

    version: "Version"
    subprotocol: str
    base: type[Any]
    """The stock ``ocpp`` charge point class."""
    handlers: Mapping[str, Handler]
    settings: Callable[["ChargerConfig"], list[Setting]]
    names: Mapping[str, str]
    """Neutral setting name -> the version's name."""
    boot: Callable[["Station", str], Any]
    heartbeat: Callable[[], Any]
    authorize: Callable[[str], Any]
    verdict: Callable[[Payload], str]
    """Answer to Authorize -> status of the token."""
    status: Callable[["Station", "Connector"], str]
    report_status: Callable[["Station", "Connector"], Any]
    report_station: Callable[["Station"], list[Any]]
    """Requests that report the station as a whole (1.6: connector 0)."""
    started: Callable[["Station", Transaction, Trigger], list[Draft]]
    state_changed: Callable[["Station", Transaction, Charging, Trigger, datetime], list[Draft]]
    sampled: Callable[["Station", Transaction, Sample], list[Draft]]
    ended: Callable[["Station", Transaction, Cause, Sample], list[Draft]]
    reservation_ended: Callable[[int, bool], Any]
    """(reservation id, expired) -> request, or ``None`` where the version has none."""
    security_event: Callable[[str, str, str | None], Any]
    """(type, timestamp, technical information) -> SecurityEventNotification."""
    sign_certificate: Callable[[str, str], Any]
    """(CSR, kind of certificate) -> SignCertificate."""
    fill: Callable[[Transaction, SentMessage], None]
    """Complete a message with what an earlier answer taught, just before it goes out."""
    learn: Callable[[Transaction, SentMessage, Payload], str | None]
    """Take what an answer says; return the token's status if it names one."""
    furnish: Callable[["Station"], None]
    """Give a new station what only this version has."""
