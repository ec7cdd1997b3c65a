"""How operators see charging profiles, composite schedules, limits and needs."""

from typing import Any

from core.desired.models import Desired
from core.kernel.times import rfc3339, rfc3339_or_none
from core.smart_charging.composite import Composite
from core.smart_charging.models import KnownProfile, Limit, ReportedSchedule, VehicleNeeds
from core.smart_charging.profiles import OWN_SOURCE, shortest


def wish_view(wish: Desired) -> dict[str, Any]:
    """Return a profile that is wanted, or unwanted, and not known to be there."""
    return {
        "id": int(wish.key),
        "object": "charging_profile",
        "charger_id": wish.charger_id,
        "source": OWN_SOURCE,
        "wanted": _wanted(wish),
        "known": None,
    }


def profile_view(row: KnownProfile, wish: Desired | None) -> dict[str, Any]:
    """Return a profile that the charger is known to have, and what is wanted of it."""
    return {
        "id": row.profile_id,
        "object": "charging_profile",
        "charger_id": row.charger_id,
        "source": row.source,
        "wanted": None if wish is None else _wanted(wish),
        "known": {"profile": row.document, "learned": row.learned, "at": rfc3339(row.at)},
    }


def _wanted(wish: Desired) -> dict[str, Any]:
    return {
        "desired_id": wish.id,
        "present": wish.present,
        "profile": wish.wanted,
        "status": wish.status,
        "reason": wish.reason,
        "attempts": wish.attempts,
        "due_at": rfc3339(wish.due_at),
        "reported": wish.reported,
        "reported_at": rfc3339_or_none(wish.reported_at),
        "requested_by": wish.requested_by,
        "changed_at": rfc3339(wish.changed_at),
    }


def composite_view(found: Composite) -> dict[str, Any]:
    """Return what should be; limits are decimal texts, ``null`` where nothing limits."""
    return {
        "start": rfc3339(found.start),
        "duration_s": found.duration_s,
        "unit": found.unit,
        "periods": [
            {
                "start_s": step.start_s,
                "limit": None if step.limit is None else f"{shortest(step.limit):f}",
            }
            for step in found.steps
        ],
    }


def reported_schedule_view(said: ReportedSchedule) -> dict[str, Any]:
    """Return what the charger said that it will do."""
    schedule = said.document["schedule"]
    return {
        "start": said.document["start"],
        "duration_s": said.document["duration_s"],
        "unit": said.document["unit"],
        "periods": [
            {name: period[name] for name in ("start_s", "limit", "phases")}
            for period in schedule["periods"]
        ],
        "min_rate": schedule["min_rate"],
        "reported_at": rfc3339(said.reported_at),
    }


def limit_view(limit: Limit) -> dict[str, Any]:
    """Return a limit from outside."""
    return {
        "object": "charging_limit",
        "charger_id": limit.charger_id,
        "evse": limit.evse,
        "source": limit.source,
        "is_grid_critical": limit.is_grid_critical,
        "schedules": limit.schedules,
        "told_at": rfc3339(limit.told_at),
    }


def needs_view(needs: VehicleNeeds) -> dict[str, Any]:
    """Return what a vehicle told, and what was made of it."""
    return {
        "object": "charging_needs",
        "charger_id": needs.charger_id,
        "evse": needs.evse,
        "status": needs.status,
        "needs": needs.needs,
        "told_at": rfc3339(needs.told_at),
        "transaction_ref": needs.transaction_ref,
        "plan": needs.plan,
        "vehicle_schedule": needs.vehicle_schedule,
        "vehicle_schedule_at": rfc3339_or_none(needs.vehicle_schedule_at),
        "vehicle_keeps_limits": needs.vehicle_keeps_limits,
        "renegotiated": needs.renegotiated,
    }
