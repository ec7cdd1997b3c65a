"""How partners see sessions, readings and orders: in answers, and frozen into events."""

from typing import Any

from core.kernel.times import rfc3339, rfc3339_or_none
from core.sessions.models import MeterValue, Order, Session


def session_view(session: Session, *, request_id: str | None) -> dict[str, Any]:
    """Return the session of the partner API; the id token is never part of it."""
    return {
        "id": session.id,
        "object": "session",
        "livemode": session.livemode,
        "operation_id": session.operation_id,
        "request_id": request_id,
        "reservation_id": session.reservation_id,
        "user_ref": session.user_ref,
        "connector_id": session.connector_id,
        "status": session.status.value,
        "started_at": rfc3339(session.started_at),
        "ended_at": rfc3339_or_none(session.ended_at),
        "energy_wh": session.energy_wh,
        "power_w": session.power_w,
        "soc_percent": session.soc_percent,
        "stop_reason": session.stop_reason,
        "meter_start_wh": session.meter_start_wh,
        "meter_stop_wh": session.meter_stop_wh,
        "data_quality": session.data_quality.value,
        "created_at": rfc3339(session.created_at),
        "updated_at": rfc3339(session.updated_at),
        "sequence": session.sequence,
    }


def order_view(order: Order) -> dict[str, Any]:
    """Return the order of the partner API."""
    return {
        "id": order.id,
        "object": "order",
        "livemode": order.livemode,
        "version": order.version,
        **order.body,
        "created_at": rfc3339(order.created_at),
        "updated_at": rfc3339(order.updated_at),
    }


def order_body(session: Session, *, request_id: str | None) -> dict[str, Any]:
    """Return the figures of an ended session, as its order keeps them."""
    return {
        "session_id": session.id,
        "operation_id": session.operation_id,
        "request_id": request_id,
        "user_ref": session.user_ref,
        "connector_id": session.connector_id,
        "started_at": rfc3339(session.started_at),
        "ended_at": rfc3339_or_none(session.ended_at),
        "energy_wh": session.energy_wh,
        "meter_start_wh": session.meter_start_wh,
        "meter_stop_wh": session.meter_stop_wh,
        "stop_reason": session.stop_reason,
        "data_quality": session.data_quality.value,
        "flags": sorted(session.flags),
        "billable": session.billable,
    }


def meter_value_view(value: MeterValue) -> dict[str, Any]:
    """Return one reading of the partner API; energy in Wh, power in W, current in mA."""
    return {
        "at": rfc3339(value.at),
        "energy_wh": value.energy_wh,
        "power_w": value.power_w,
        "current_ma": value.current_ma,
        "voltage_mv": value.voltage_mv,
        "soc_percent": value.soc_percent,
        "context": value.context,
        "accepted": value.accepted,
        "flags": value.flags,
    }
