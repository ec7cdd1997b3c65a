"""What chargers report of firmware, logs, monitors, events and display messages."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.upkeep.states import Stage, TransferKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNews:
    """A step of a transfer; *word* is the charger's own, *request* ``None`` where it named none.

    *kinds* are those that it may be about. *addresses*: where published firmware can be fetched.
    """

    charger_id: str
    kinds: tuple[TransferKind, ...]
    request: int | None
    stage: Stage
    word: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequested:
    """A request that makes a charger fetch or bring a file.

    *request* is the id that its news will name, ``None`` where they name none. *location* is as it
    is sent, credentials and all. Nothing is missed before *planned_at*.
    """

    kind: TransferKind
    request: int | None
    location: str
    planned_at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The frame of one part of a report; *seq* counts from 0, ``None`` where parts have none."""

    charger_id: str
    request: int
    seq: int | None
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorReported:
    """A monitor as a charger has it; names carry instance and EVSE: ``Name[instance]@evse``."""

    monitor: int
    component: str
    variable: str
    type: str
    value: float
    severity: int
    transaction: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReported:
    """Something that happened at a charger (OCPP 2.0.1 N07, N08); *at* is its own time.

    *severity* is ``None`` where only the monitor behind it knows.
    """

    event: int
    at: datetime | None
    at_text: str
    trigger: str
    cause: int | None
    value: str
    tech_code: str | None
    tech_info: str | None
    cleared: bool | None
    transaction_ref: str | None
    component: str
    variable: str
    monitor: int | None
    notification_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayMessageReported:
    """A message that a charger has to show; *content* in the words of the wish."""

    message: int
    content: dict[str, Any]
