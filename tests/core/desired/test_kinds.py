"""What a variable and availability are: names, equal values, what a status says of them."""

from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import registry
from core.chargers.facts import StatusReported, VariableReported
from core.chargers.states import ConnectorStatus
from core.desired import availability, variables
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.core.desired.bench import Bench, a_bench


@pytest.fixture
async def bench(db: Database, vault: Vault) -> Bench:
    return await a_bench(db, vault)


@pytest.mark.parametrize(
    ("text", "version", "members"),
    [
        ("HeartbeatInterval", "1.6", {"name": "HeartbeatInterval"}),
        ("Vendor/Key", "1.6", {"name": "Vendor/Key"}),
        ("A/B", "2.0.1", {"component": "A", "name": "B"}),
        ("A/B", None, {"component": "A", "name": "B"}),
        (
            "Connector[x]@1.2/Phase[y]/Target",
            "2.0.1",
            {
                "component": "Connector",
                "component_instance": "x",
                "evse": 1,
                "connector": 2,
                "name": "Phase",
                "instance": "y",
                "attribute": "Target",
            },
        ),
    ],
)
def test_a_name_is_read_as_people_write_it(
    text: str, version: str | None, members: dict[str, Any]
) -> None:
    assert variables.named(text, version=version) == members
    if version != "1.6":
        assert variables.key_of(members) == text.lower()


@pytest.mark.parametrize(
    ("text", "version"), [("", "1.6"), ("x" * 51, "1.6"), ("B", "2.0.1"), ("A/", "2.0.1")]
)
def test_what_is_no_name_is_refused(text: str, version: str) -> None:
    with pytest.raises(ValueError, match=r"name it as|characters"):
        variables.named(text, version=version)


@pytest.mark.parametrize(
    ("wanted", "reported", "same"),
    [
        ("60", "60.0", True),
        ("true", "True", True),
        ("1", "true", True),
        ("A,B", "a, b", True),
        ("A,B", "B,A", False),
        ("60", "61", False),
        ("", "0", False),
        ("NaN", "nan", True),
        ("x", "y", False),
    ],
)
def test_the_same_value_may_be_written_differently(
    *, wanted: str, reported: str, same: bool
) -> None:
    assert variables.same_value(wanted, reported) is same


def reported(value: str | None, name: str = "A") -> VariableReported:
    return VariableReported(
        component="", variable=name, attribute="Actual", value=value, readonly=None
    )


async def test_a_reported_configuration_shows_drift(bench: Bench) -> None:
    await bench.connect()
    wish = await bench.want("A", "1")
    await bench.answer(await bench.claimed())
    async with bench.db.transaction() as tx:
        await variables.report(tx, bench.charger_id, [reported("2", "a"), reported("9", "B")])
    row = await bench.look(wish)
    assert (row.status, row.reported) == (DesiredStatus.DRIFTED, {"value": "2"})


async def wanted(bench: Bench, *, operative: bool, evse: int | None) -> Desired:
    async with bench.db.transaction() as tx:
        charger = await registry.get(tx, bench.charger_id)
        return await availability.wish(tx, CLI, charger, operative=operative, evse=evse)


@pytest.mark.parametrize(
    ("operative", "evse", "status", "after"),
    [
        (False, 1, ConnectorStatus.UNAVAILABLE, DesiredStatus.ACCEPTED),
        (False, 1, ConnectorStatus.AVAILABLE, DesiredStatus.DRIFTED),
        (False, 1, ConnectorStatus.CHARGING, DesiredStatus.ACCEPTED),
        (False, None, ConnectorStatus.AVAILABLE, DesiredStatus.DRIFTED),
        (False, None, ConnectorStatus.UNAVAILABLE, DesiredStatus.ACCEPTED),
        (True, 1, ConnectorStatus.UNAVAILABLE, DesiredStatus.DRIFTED),
        (True, 1, ConnectorStatus.FAULTED, DesiredStatus.ACCEPTED),
        (True, None, ConnectorStatus.UNAVAILABLE, DesiredStatus.ACCEPTED),
    ],
)
async def test_a_status_is_compared_with_the_availability_that_is_wanted(
    bench: Bench,
    *,
    operative: bool,
    evse: int | None,
    status: ConnectorStatus,
    after: DesiredStatus,
) -> None:
    await bench.connect()
    wish = await wanted(bench, operative=operative, evse=evse)
    await bench.answer(await bench.claimed())
    async with bench.db.transaction() as tx:
        await availability.noticed(tx, [_reported(bench, connector=None, status=status)])
    assert (await bench.look(wish)).status is after


async def test_the_narrowest_wish_counts(bench: Bench) -> None:
    await bench.connect()
    whole = await wanted(bench, operative=False, evse=None)
    await bench.answer(await bench.claimed())
    narrow = await wanted(bench, operative=True, evse=1)
    await bench.answer(await bench.claimed())
    async with bench.db.transaction() as tx:
        fact = _reported(bench, connector=1, status=ConnectorStatus.AVAILABLE)
        await availability.noticed(tx, [fact])
    assert (await bench.look(whole)).status is DesiredStatus.ACCEPTED
    assert (await bench.look(narrow)).status is DesiredStatus.ACCEPTED


def _reported(bench: Bench, *, connector: int | None, status: ConnectorStatus) -> StatusReported:
    return StatusReported(
        charger_id=bench.charger_id,
        evse=1,
        connector=connector,
        status=status,
        error_code=None,
        error_info=None,
        at=None,
    )
