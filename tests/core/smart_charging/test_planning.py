"""A schedule for a vehicle that told what it needs (OCPP 2.0.1 K15)."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from core.chargers.models import Connector
from core.smart_charging.facts import Needs
from core.smart_charging.planning import Plan, plan
from tests.core.smart_charging.making import NOON


@dataclass(frozen=True)
class Place:
    """What planning looks at of a connector."""

    max_power_w: int | None = None
    max_current_a: int | None = None


def made(needs: Needs, place: Place | None = None) -> Plan | None:
    connector = cast(Connector | None, place)
    return plan(needs, connector, profile_id=7, evse=1, transaction_ref="tx-1", now=NOON)


def ac(**more: Any) -> Needs:
    base: dict[str, Any] = {"phases": 3, "min_current_a": 6, "max_current_a": 32, "raw": {}}
    return Needs(**(base | more))


@pytest.mark.parametrize(
    ("needs", "place", "limit", "power_w"),
    [
        (ac(), None, "32", 22_080),
        (ac(), Place(max_current_a=16), "16", 11_040),
        (ac(), Place(max_power_w=11_000), "15", 10_350),
        (ac(phases=1), Place(max_power_w=3_680), "16", 3_680),
        (Needs(phases=0, max_power_w=150_000, raw={}), Place(max_power_w=50_000), "50000", 50_000),
        (Needs(phases=0, max_current_a=200, max_voltage_v=400, raw={}), None, "80000", 80_000),
    ],
)
def test_the_vehicle_gets_all_that_both_can(
    needs: Needs, place: Place | None, limit: str, power_w: int
) -> None:
    found = made(needs, place)
    assert found is not None
    (period,) = found.profile.schedule.periods
    assert (period.limit, found.power_w) == (Decimal(limit), power_w)


@pytest.mark.parametrize(
    "needs",
    [ac(max_current_a=0), ac(min_current_a=20), Needs(phases=0, raw={})],
)
def test_nothing_is_planned_where_nothing_can_flow(needs: Needs) -> None:
    assert made(needs, Place(max_current_a=16)) is None


def test_the_schedule_ends_with_the_departure() -> None:
    leaves = ac(departure_at=NOON + timedelta(hours=2), energy_wh=20_000)
    found = made(leaves, Place(max_current_a=16))
    assert found is not None
    assert (found.profile.schedule.duration_s, found.in_time) == (7200, True)
    late = made(
        ac(departure_at=NOON + timedelta(hours=1), energy_wh=20_000), Place(max_current_a=16)
    )
    assert late is not None
    assert late.in_time is False
    absurd = Needs(
        phases=0,
        max_current_a=2**31 - 1,
        max_voltage_v=2**31 - 1,
        energy_wh=1,
        departure_at=NOON + timedelta(days=3),
        raw={},
    )
    assert made(absurd) is not None
    gone = made(ac(departure_at=NOON - timedelta(hours=1), energy_wh=20_000))
    assert gone is not None
    assert (gone.profile.schedule.duration_s, gone.in_time) == (None, None)
