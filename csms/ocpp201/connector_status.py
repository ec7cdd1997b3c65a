"""A connector's status in OCPP 2.0.1: what it reports, made precise by its transaction."""

from typing import Final

from core.chargers import registry
from core.chargers import status as connector_status
from core.chargers.facts import StatusReported
from core.chargers.states import IN_USE, ConnectorStatus
from core.sessions import queries
from core.sessions.models import Session
from core.sessions.states import SessionStatus
from csms.adapter import Context
from csms.evidence import happened_at
from csms.ocpp201 import messages as m

STATUSES: Final = {
    "Available": ConnectorStatus.AVAILABLE,
    "Reserved": ConnectorStatus.RESERVED,
    "Unavailable": ConnectorStatus.UNAVAILABLE,
    "Faulted": ConnectorStatus.FAULTED,
}
"""ConnectorStatusEnumType without Occupied, of which only the transaction knows the details."""

_OF_SESSION: Final = {
    SessionStatus.PENDING: frozenset({ConnectorStatus.PREPARING}),
    SessionStatus.CHARGING: frozenset({ConnectorStatus.CHARGING}),
    SessionStatus.SUSPENDED: frozenset(
        {ConnectorStatus.SUSPENDED_EV, ConnectorStatus.SUSPENDED_EVSE}
    ),
    SessionStatus.FINISHING: frozenset({ConnectorStatus.FINISHING}),
}

CHARGING_STATES: Final = {
    "Charging": (SessionStatus.CHARGING, ConnectorStatus.CHARGING),
    "EVConnected": (SessionStatus.PENDING, ConnectorStatus.PREPARING),
    "SuspendedEV": (SessionStatus.SUSPENDED, ConnectorStatus.SUSPENDED_EV),
    "SuspendedEVSE": (SessionStatus.SUSPENDED, ConnectorStatus.SUSPENDED_EVSE),
    "Idle": (SessionStatus.FINISHING, ConnectorStatus.FINISHING),
}
"""ChargingStateEnumType; at the start ``Idle`` is the time before the vehicle is there."""

_DONE: Final = frozenset(
    {
        "Deauthorized",
        "EnergyLimitReached",
        "EVDeparted",
        "RemoteStop",
        "StopAuthorized",
        "TimeLimitReached",
    }
)
"""Triggers after which a vehicle that is still connected has finished."""


def state_of(msg: m.TransactionEvent) -> tuple[SessionStatus, ConnectorStatus] | None:
    """Return what the event says can happen now; ``None`` if it tells nothing about that."""
    charging_state = msg.transaction_info.charging_state
    if charging_state is None:
        return None
    if msg.event_type == "Started" and charging_state == "Idle":
        return CHARGING_STATES["EVConnected"]
    if charging_state == "EVConnected" and msg.trigger_reason in _DONE:
        return CHARGING_STATES["Idle"]
    return CHARGING_STATES[charging_state]


async def of_occupied(ctx: Context, evse: int, connector: int | None) -> ConnectorStatus:
    """Return what ``Occupied`` of a StatusNotification is: what its session makes of it."""
    session = await queries.current_on(ctx.tx, ctx.charger.id, evse)
    shown = await _shown(ctx, evse, connector)
    if session is None:
        finishing = shown is ConnectorStatus.FINISHING
        return ConnectorStatus.FINISHING if finishing else ConnectorStatus.PREPARING
    possible = _OF_SESSION.get(session.status, frozenset())
    return shown if shown in possible else min(possible, default=ConnectorStatus.PREPARING)


async def _shown(ctx: Context, evse: int, connector: int | None) -> ConnectorStatus | None:
    for row in await registry.connectors_of(ctx.tx, ctx.charger.id):
        if row.evse == evse and connector in (None, row.connector):
            return row.status
    return None


async def follow(ctx: Context, msg: m.TransactionEvent, session: Session | None) -> None:
    """Report the status that a transaction event implies for its connector.

    After the end the vehicle is still connected, unless the event says that it left or never came,
    or the connector has reported otherwise.
    """
    if session is None or session.connector_id is None:
        return
    rows = await registry.connectors_of(ctx.tx, ctx.charger.id)
    place = next((row for row in rows if row.id == session.connector_id), None)
    if place is None:
        return
    state = state_of(msg)
    status = None if state is None else state[1]
    if msg.event_type == "Ended":
        left = ConnectorStatus.AVAILABLE if _is_gone(msg) else ConnectorStatus.FINISHING
        status = left if place.status in IN_USE else None
    if status is None:
        return
    at, _ = happened_at(ctx, msg.timestamp)
    fact = StatusReported(
        charger_id=ctx.charger.id,
        evse=place.evse,
        connector=place.connector,
        status=status,
        error_code=None,
        error_info=None,
        at=at,
    )
    await connector_status.report(ctx.tx, [fact])


def _is_gone(msg: m.TransactionEvent) -> bool:
    info = msg.transaction_info
    return (
        info.charging_state == "Idle"
        or info.stopped_reason in ("EVDisconnected", "Timeout")
        or msg.trigger_reason in ("EVCommunicationLost", "EVConnectTimeout", "EVDeparted")
    )
