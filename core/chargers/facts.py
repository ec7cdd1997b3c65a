"""What chargers report about themselves, in no protocol's words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from core.chargers.states import ConnectorStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    """A charger introduced itself; *reason* as in 2.x (``PowerUp``, ``RemoteReset``, ...)."""

    charger_id: str
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReported:
    """A charger reported a connector's status.

    *connector* is ``None`` in OCPP 1.6 (its connectorId is our *evse*); *evse* 0 is the charger
    itself. *at* is the charger's time if it sent a readable one.
    """

    charger_id: str
    evse: int
    connector: int | None
    status: ConnectorStatus
    error_code: str | None
    error_info: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristics:
    """What a variable of 2.x can be: its type, its unit and what values it takes."""

    data_type: str
    unit: str | None
    min_limit: float | None
    max_limit: float | None
    values_list: str | None
    supports_monitoring: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableReported:
    """One configuration key (1.6: *component* is empty) or variable attribute (2.x).

    *readonly* and *characteristics* are ``None`` where the message does not tell them.
    """

    component: str
    variable: str
    attribute: str
    value: str | None
    readonly: bool | None
    characteristics: Characteristics | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disguise:
    """What makes the text that is stored of a frame, if the list of id tokens has *name*."""

    name: str
    text: Callable[[], str]


class FrameSeen(NamedTuple):
    """One frame for the log, secrets redacted, its text as it can be stored.

    *direction* is ``in`` or ``out``; *kind* ``call``, ``result``, ``error`` or ``unreadable``.
    *disguise*: the id tag in it may be a key code, which only the list knows.
    """

    at: datetime
    charger_id: str
    direction: str
    kind: str
    message_id: str | None
    action: str | None
    operation_id: str | None
    text: str
    disguise: Disguise | None = None
