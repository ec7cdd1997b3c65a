"""Station groups: what a partner sees is what is granted to it, directly or by a group."""

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit.service import CLI
from core.chargers import groups, registry
from core.kernel.clock import SystemClock
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.errors import PlatformError
from core.partners import service as partners
from tests.core.chargers.making import heard, make_partner, make_station


async def make_group(db: Database, *station_ids: str, livemode: bool = True) -> str:
    async with db.transaction() as tx:
        group = await groups.create_group(tx, CLI, name="Berlin", livemode=livemode)
        if station_ids:
            await groups.add_stations(tx, CLI, group.id, station_ids)
        return group.id


async def do(db: Database, work: Any, *arguments: Any, **named: Any) -> Any:
    async with db.transaction() as tx:
        return await work(tx, CLI, *arguments, **named)


async def seen(db: Database, partner_id: str) -> dict[str, bool]:
    """Return the stations that a partner sees, and whether it may charge there."""
    async with db.transaction() as tx:
        return {one.station_id: one.control for one in await partners.grants_of(tx, partner_id)}


async def told(db: Database, partner_id: str) -> list[tuple[str, str]]:
    found = await heard(db, partner_id, "station.created", "station.removed")
    return [(event["type"], event["data"]["object"]["id"]) for event in found]


async def test_a_group_gives_what_is_in_it_and_what_comes_into_it(db: Database) -> None:
    first, second = sorted([await make_station(db), await make_station(db)])
    group_id = await make_group(db, first)
    partner_id, other_id = await make_partner(db), await make_partner(db)
    await do(db, groups.grant_group, partner_id, group_id, control=True)
    assert await seen(db, partner_id) == {first: True}
    await do(db, groups.add_stations, group_id, [second, first])
    assert await seen(db, partner_id) == {first: True, second: True}
    await do(db, groups.take_station, group_id, first)
    assert await seen(db, partner_id) == {second: True}
    await do(db, groups.revoke_group, partner_id, group_id)
    assert await seen(db, partner_id) == {} == await seen(db, other_id)
    assert await told(db, partner_id) == [
        ("station.created", first),
        ("station.created", second),
        ("station.removed", first),
        ("station.removed", second),
    ]
    assert await told(db, other_id) == []


async def test_a_grant_of_its_own_outlives_the_group_and_the_other_way_round(db: Database) -> None:
    station_id = await make_station(db)
    group_id = await make_group(db, station_id)
    partner_id = await make_partner(db, station_id)
    await do(db, registry.grant_station, partner_id, station_id, control=False)
    await do(db, groups.grant_group, partner_id, group_id, control=True)
    assert await seen(db, partner_id) == {station_id: True}, "the most that any of them gives"
    await do(db, registry.grant_station, partner_id, station_id, control=False)
    assert await seen(db, partner_id) == {station_id: True}
    await do(db, groups.grant_group, partner_id, group_id, control=False)
    assert await seen(db, partner_id) == {station_id: False}
    await do(db, registry.revoke_station, partner_id, station_id)
    assert await seen(db, partner_id) == {station_id: False}, "the group still gives it"
    with pytest.raises(PlatformError, match="not_found"):
        await do(db, registry.revoke_station, partner_id, station_id)
    await do(db, groups.remove_group, group_id)
    assert await seen(db, partner_id) == {}
    assert await told(db, partner_id) == [
        ("station.created", station_id),
        ("station.removed", station_id),
    ]


async def test_what_cannot_be_is_refused(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    station_id = await make_station(db)
    test_id = await make_station(db, livemode=False)
    group_id, partner_id = await make_group(db, station_id), await make_partner(db)
    for code, work, arguments in (
        ("conflict", groups.add_stations, (group_id, [test_id])),
        ("not_found", groups.add_stations, (group_id, ["st_none"])),
        ("invalid_parameter", groups.add_stations, (group_id, [])),
        ("not_found", groups.add_stations, ("grp_none", [station_id])),
        ("not_found", groups.take_station, (group_id, test_id)),
        ("not_found", groups.revoke_group, (partner_id, group_id)),
        ("not_found", groups.remove_group, ("grp_none",)),
        ("not_found", groups.rename_group, ("grp_none", "x")),
        ("invalid_parameter", groups.rename_group, (group_id, " ")),
        ("invalid_parameter", groups.rename_group, (group_id, "x" * 201)),
    ):
        with pytest.raises(PlatformError, match=code):
            await do(db, work, *arguments)
    for partner, group in ((partner_id, "grp_none"), ("prt_none", group_id)):
        with pytest.raises(PlatformError, match="not_found"):
            await do(db, groups.grant_group, partner, group, control=True)
    monkeypatch.setattr(groups, "AT_ONCE", 1)
    with pytest.raises(PlatformError, match="invalid_parameter"):
        await do(db, groups.add_stations, group_id, [station_id, test_id])


async def test_changes_at_the_same_moment_add_up(db: Database) -> None:
    stations = [await make_station(db) for _ in range(3)]
    group_id, partner_id = await make_group(db), await make_partner(db)
    await asyncio.gather(
        do(db, groups.grant_group, partner_id, group_id, control=True),
        *(do(db, groups.add_stations, group_id, [one]) for one in stations),
        do(db, registry.grant_station, partner_id, stations[0], control=False),
    )
    assert await seen(db, partner_id) == dict.fromkeys(stations, True)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "revoke", "join", "leave", "give", "take"]),
        st.integers(0, 1),
        st.integers(0, 1),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=20)
@given(acts=ACTS)
def test_i32_the_grants_are_what_own_ones_and_groups_add_up_to(
    sqlite_template: Path, acts: list[tuple[str, int, int, bool]]
) -> None:
    with tempfile.TemporaryDirectory(prefix="voltgate-test-") as directory:
        path = Path(directory) / "voltgate.db"
        shutil.copy(sqlite_template, path)
        asyncio.run(_live_through(f"sqlite:///{path}", acts))


async def _live_through(url: str, acts: list[tuple[str, int, int, bool]]) -> None:
    own: dict[str, bool] = {}
    given: dict[str, bool] = {}
    members: set[tuple[str, str]] = set()
    async with Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db:
        stations = [await make_station(db) for _ in range(2)]
        group_ids = [await make_group(db) for _ in range(2)]
        partner_id = await make_partner(db)
        for act, group_number, station_number, control in acts:
            group, station = group_ids[group_number], stations[station_number]
            with contextlib.suppress(PlatformError):
                match act:
                    case "grant":
                        own[station] = control
                        await do(db, registry.grant_station, partner_id, station, control=control)
                    case "revoke":
                        own.pop(station, None)
                        await do(db, registry.revoke_station, partner_id, station)
                    case "join":
                        members.add((group, station))
                        await do(db, groups.add_stations, group, [station])
                    case "leave":
                        members.discard((group, station))
                        await do(db, groups.take_station, group, station)
                    case "give":
                        given[group] = control
                        await do(db, groups.grant_group, partner_id, group, control=control)
                    case _:
                        given.pop(group, None)
                        await do(db, groups.revoke_group, partner_id, group)
        expected = dict(own)
        for group, station in members:
            if group in given:
                expected[station] = expected.get(station, False) or given[group]
        assert await seen(db, partner_id) == expected
