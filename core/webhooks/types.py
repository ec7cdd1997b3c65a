"""The types of events, and which of them a subscription covers."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from core.kernel.errors import PlatformError


class EventType(StrEnum):
    """A type of event, as written in the contract."""

    OPERATION_SUCCEEDED = "operation.succeeded"
    OPERATION_FAILED = "operation.failed"
    OPERATION_TIMED_OUT = "operation.timed_out"
    OPERATION_CANCELLED = "operation.cancelled"
    OPERATION_LATE_OUTCOME = "operation.late_outcome"
    OPERATION_PROGRESS = "operation.progress"
    SESSION_STARTED = "session.started"
    SESSION_UPDATED = "session.updated"
    SESSION_ENDED = "session.ended"
    SESSION_INVALIDATED = "session.invalidated"
    ORDER_FINALIZED = "order.finalized"
    ORDER_CORRECTED = "order.corrected"
    RESERVATION_CREATED = "reservation.created"
    RESERVATION_EXPIRED = "reservation.expired"
    RESERVATION_CANCELLED = "reservation.cancelled"
    RESERVATION_USED = "reservation.used"
    CONNECTOR_STATUS_CHANGED = "connector.status_changed"
    CHARGER_ONLINE = "charger.online"
    CHARGER_OFFLINE = "charger.offline"
    STATION_CREATED = "station.created"
    STATION_UPDATED = "station.updated"
    STATION_REMOVED = "station.removed"
    KEY_CREATED = "key.created"
    KEY_EXPIRING = "key.expiring"
    KEY_REVOKED = "key.revoked"
    PARTNER_SUSPENDED = "partner.suspended"
    PARTNER_REINSTATED = "partner.reinstated"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    PING = "ping"


EVERYTHING: Final = "*"
OWN_SEQUENCE: Final = ("operation.", "session.", "order.", "reservation.", "connector.", "charger.")
"""Types about objects with a sequence of their own; those of other objects are counted here."""
OPT_IN: Final = frozenset({EventType.OPERATION_PROGRESS, EventType.SESSION_UPDATED})
"""Frequent ones: only for endpoints that name them, and stored only if one does."""

GROUPS: Final = tuple(
    dict.fromkeys(f"{type_.partition('.')[0]}.*" for type_ in EventType if "." in type_)
)
"""``operation.*`` and the like: every type with this beginning, but the opt-in ones."""

_KNOWN: Final = frozenset({EVERYTHING, *GROUPS, *EventType})


def covers(subscription: Iterable[str], type_: str) -> bool:
    """Tell whether an endpoint with these ``event_types`` wants events of *type_*."""
    names = frozenset(subscription)
    if type_ in names:
        return True
    return type_ not in OPT_IN and (EVERYTHING in names or f"{type_.partition('.')[0]}.*" in names)


def covered_types(subscription: Iterable[str]) -> list[EventType]:
    """Return the types that an endpoint with these ``event_types`` wants."""
    names = frozenset(subscription)
    return [type_ for type_ in EventType if covers(names, type_)]


def checked_types(names: Sequence[str]) -> list[str]:
    """Return *names* without doubles.

    Raises:
        PlatformError: ``invalid_parameter``: none, or one that does not exist.
    """
    unknown = [name for name in names if name not in _KNOWN]
    if unknown or not names:
        known = " ".join((*GROUPS, *EventType))
        raise PlatformError(
            "invalid_parameter", f'event_types is ["*"] or a list of: {known}.', unknown=unknown
        )
    return list(dict.fromkeys(names))
