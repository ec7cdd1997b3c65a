"""Profiles for tests, with as little said as possible."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.smart_charging.profiles import (
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Schedule,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def schedule(*limits: tuple[int, float | str], **more: Any) -> Schedule:
    """A schedule in A of (start_s, limit)."""
    periods = tuple(Period(start_s=start, limit=Decimal(str(limit))) for start, limit in limits)
    return Schedule(**({"unit": RateUnit.AMPERE, "periods": periods} | more))


def profile(*limits: tuple[int, float | str], **more: Any) -> Profile:
    """A default profile of EVSE 1 that begins at noon."""
    timing = {name: more.pop(name) for name in ("unit", "start", "duration_s") if name in more}
    relative = more.get("kind") is ProfileKind.RELATIVE
    base: dict[str, Any] = {
        "id": 1,
        "evse": 1,
        "purpose": Purpose.TRANSACTION_DEFAULT,
        "stack_level": 0,
        "kind": ProfileKind.ABSOLUTE,
        "schedule": schedule(*limits, **({"start": None if relative else NOON} | timing)),
    }
    return Profile(**(base | more))
