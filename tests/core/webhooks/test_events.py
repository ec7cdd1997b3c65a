"""Events: what is written with a transition, frozen, numbered, subscribed to."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from core.webhooks import bodies, events
from core.webhooks.types import GROUPS, OPT_IN, EventType, checked_types, covered_types, covers
from core.webhooks.wanted import Wanted
from tests.core.chargers.making import make_partner as make_partner_at
from tests.core.chargers.making import make_station
from tests.core.webhooks.scenes import (
    all_deliveries,
    all_events,
    happen,
    make_endpoint,
    make_partner,
    say,
)

LONG = st.builds(lambda text, times: text * times, st.text(max_size=5), st.integers(0, 4000))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | LONG,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


async def test_the_body_has_the_members_of_the_contract(db: Database) -> None:
    partner = await make_partner(db)
    async with db.transaction() as tx:
        event_id = await say(
            tx,
            partner,
            "operation.succeeded",
            object_sequence=3,
            related={"request_id": "app-1", "operation_id": "op_1"},
            obj={"id": "op_1", "energy_wh": 5, "note": "ü"},
        )
    (event,) = await all_events(db)
    body = json.loads(event.body)
    assert body.pop("timestamp").endswith("Z")
    assert list(body["related"]) == ["operation_id", "request_id", "session_id", "order_id"]
    assert body == {
        "id": event_id,
        "object": "event",
        "type": "operation.succeeded",
        "api_version": "v1",
        "livemode": True,
        "partner_id": partner,
        "seq": 1,
        "object_sequence": 3,
        "related": {
            "operation_id": "op_1",
            "request_id": "app-1",
            "session_id": None,
            "order_id": None,
        },
        "data": {"object": {"id": "op_1", "energy_wh": 5, "note": "ü"}},
    }
    assert '"data":{"object":{"id":"op_1"' in event.body


async def test_i10_no_event_without_its_transaction(db: Database) -> None:
    partner = await make_partner(db)

    async def fail() -> None:
        async with db.transaction() as tx:
            await say(tx, partner)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await all_events(db) == []


async def test_the_object_is_frozen_when_it_is_emitted(db: Database) -> None:
    partner = await make_partner(db)
    obj = {"status": "before"}
    async with db.transaction() as tx:
        await say(tx, partner, obj=obj)
        obj["status"] = "after"
    (event,) = await all_events(db)
    assert json.loads(event.body)["data"]["object"] == {"status": "before"}


async def test_commits_are_seen_in_the_order_of_seq_without_holes(db: Database) -> None:
    partner, other = await make_partner(db), await make_partner(db)

    async def write(number: int) -> None:
        async with db.transaction() as tx:
            for partner_id in (partner, other)[:: 1 if number % 2 else -1]:
                await say(tx, partner_id)
                await say(tx, partner_id)

    seen: list[int] = []

    async def read() -> None:
        while len(seen) < 40:
            async with db.transaction() as tx:
                found = await events.list_events(
                    tx, partner_id=partner, livemode=True, after_seq=seen[-1] if seen else 0
                )
            seen.extend(event.seq for event in found.rows)
            await asyncio.sleep(0)

    await asyncio.gather(read(), *(write(number) for number in range(20)))
    assert seen == list(range(1, 41))


async def test_the_doorbell_rings_after_commit(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    endpoint, _ = await make_endpoint(db, vault, settings, partner, 9009)
    async with (
        db.doorbell.subscribe("webhooks") as webhooks,
        db.doorbell.subscribe(f"events:{partner}") as stream,
    ):
        async with db.transaction() as tx:
            await say(tx, partner)
            await say(tx, partner)
            assert webhooks.empty()
        assert (webhooks.get_nowait(), stream.get_nowait()) == (endpoint.id, "2")
        assert webhooks.empty()
        assert stream.empty()


async def test_only_endpoints_that_want_it_get_it(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner, other = await make_partner(db), await make_partner(db)
    wanted, _ = await make_endpoint(db, vault, settings, partner, 9009)
    named, _ = await make_endpoint(
        db, vault, settings, partner, 9009, event_types=["session.started"]
    )
    await make_endpoint(db, vault, settings, partner, 9009, event_types=["session.ended"])
    await make_endpoint(db, vault, settings, partner, 9009, enabled=False)
    await make_endpoint(db, vault, settings, partner, 9009, livemode=False)
    await make_endpoint(db, vault, settings, other, 9009)
    await happen(db, partner)
    assert {row.endpoint_id for row in await all_deliveries(db)} == {wanted.id, named.id}


async def test_an_endpoint_with_stations_gets_what_happens_there(
    db: Database, vault: Vault, settings: Settings
) -> None:
    """What is about no station goes to endpoints without stations only; a ping to its endpoint."""
    here, there = await make_station(db), await make_station(db)
    partner = await make_partner_at(db, here, there)
    everywhere, _ = await make_endpoint(db, vault, settings, partner, 9009)
    there_only, _ = await make_endpoint(db, vault, settings, partner, 9009, station_ids=[there])
    async with db.transaction() as tx:
        await say(tx, partner, station_id=here)
        at_there = await say(tx, partner, obj={"id": "con_1", "station_id": there})
        station = await say(tx, partner, "station.updated", obj={"id": there, "object": "station"})
        await say(tx, partner, "key.created", obj={"id": "key_1"})
        ping = await say(tx, partner, "ping", only_endpoint=there_only.id)
    got = {
        endpoint.id: [
            row.event_id for row in await all_deliveries(db) if row.endpoint_id == endpoint.id
        ]
        for endpoint in (everywhere, there_only)
    }
    assert len(got[everywhere.id]) == 4
    assert sorted(got[there_only.id]) == sorted([at_there, station, ping])


async def test_an_endpoint_that_names_stations_names_one(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    with pytest.raises(PlatformError, match="at least one station"):
        await make_endpoint(db, vault, settings, partner, 9009, station_ids=[])


async def test_an_opt_in_event_exists_only_if_an_endpoint_names_it(
    db: Database, vault: Vault, settings: Settings
) -> None:
    partner = await make_partner(db)
    await make_endpoint(db, vault, settings, partner, 9009)
    await happen(db, partner, "operation.progress")
    assert await all_events(db) == []
    named, _ = await make_endpoint(
        db, vault, settings, partner, 9009, event_types=["*", "operation.progress"]
    )
    await happen(db, partner, "operation.progress")
    (event,), (delivery,) = await all_events(db), await all_deliveries(db)
    assert (event.seq, delivery.endpoint_id) == (1, named.id)


async def test_i15_the_sequence_grows_by_itself_where_the_object_has_none(db: Database) -> None:
    partner = await make_partner(db)
    async with db.transaction() as tx:
        for _ in range(2):
            await say(tx, partner, "key.created", object_id="key_1", object_sequence=None)
        await say(tx, partner, "key.created", object_id="key_2", object_sequence=None)
        with pytest.raises(ValueError, match="needs the sequence"):
            await say(tx, partner, "session.ended", object_sequence=None)
    async with db.transaction() as tx:
        await say(tx, partner, "key.revoked", object_id="key_1", object_sequence=None)
    assert [(e.object_id, e.object_sequence) for e in await all_events(db)] == [
        ("key_1", 1),
        ("key_1", 2),
        ("key_2", 1),
        ("key_1", 3),
    ]


async def test_events_are_listed_by_number_and_type_of_one_mode(db: Database) -> None:
    partner = await make_partner(db)
    async with db.transaction() as tx:
        for type_ in ("session.started", "session.ended", "session.started"):
            await say(tx, partner, type_)
        await say(tx, partner, livemode=False)
        other_id = await say(tx, partner)
    async with db.transaction() as tx:
        page = await events.list_events(tx, partner_id=partner, livemode=True, limit=2)
        assert ([e.seq for e in page.rows], page.has_more, page.next_seq) == ([1, 2], True, 2)
        rest = await events.list_events(
            tx,
            partner_id=partner,
            livemode=True,
            after_seq=1,
            wanted=Wanted(types=["session.started"]),
        )
        assert ([e.seq for e in rest.rows], rest.has_more) == ([3, 5], False)
        with pytest.raises(PlatformError, match="invalid_parameter"):
            await events.list_events(
                tx, partner_id=partner, livemode=True, wanted=Wanted(types=["nonsense"])
            )
        assert (await events.get_event(tx, other_id, partner_id=partner, livemode=True)).seq == 5
        for foreign, livemode in (("prt_x", True), (partner, False)):
            with pytest.raises(PlatformError, match="not_found"):
                await events.get_event(tx, other_id, partner_id=foreign, livemode=livemode)


async def test_a_page_looks_at_so_many_events_and_says_where_it_stopped(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_EXAMINED", 2)
    partner = await make_partner(db)
    types = ["session.started"] * 5 + ["session.ended", "session.started"]
    async with db.transaction() as tx:
        for type_ in types:
            await say(tx, partner, type_)
    seen, after_seq, has_more = [], 0, True
    wanted = Wanted(types=["session.ended"])
    async with db.transaction() as tx:
        while has_more:
            page = await events.list_events(
                tx, partner_id=partner, livemode=True, after_seq=after_seq, wanted=wanted
            )
            seen.append(([event.seq for event in page.rows], page.next_seq))
            after_seq, has_more = page.next_seq, page.has_more
    assert seen == [([], 2), ([], 4), ([6], 6), ([], 7)]


@given(obj=st.dictionaries(st.text(max_size=50) | st.just("timeline"), JSON, max_size=10))
def test_no_object_makes_a_body_of_20_kb(obj: dict[str, Any]) -> None:
    frozen = bytes(bodies.freeze(obj))
    assert len(frozen) <= bodies.MAX_OBJECT_BYTES
    shown = json.loads(frozen)
    assert shown == obj or shown["truncated"] is True


def test_a_long_timeline_is_cut_in_the_middle_before_anything_else() -> None:
    timeline = [{"stage": f"s{number}", "detail": "x" * 200} for number in range(200)]
    shown = json.loads(
        bytes(bodies.freeze({"id": "op_1", "metadata": {"a": 1}, "timeline": timeline}))
    )
    assert shown["timeline"] == timeline[:8] + timeline[-8:]
    assert (shown["metadata"], shown["truncated"]) == ({"a": 1}, True)


def test_large_metadata_goes_before_other_members() -> None:
    obj = {"id": "op_1", "metadata": {"a": "x" * 19_000}, "text": "y" * 5_000}
    shown = json.loads(bytes(bodies.freeze(obj)))
    assert shown == {"id": "op_1", "metadata": {}, "text": "y" * 5_000, "truncated": True}


@pytest.mark.parametrize(
    "obj",
    [
        {"id": "op_1", "text": "x" * 30_000},
        {"id": "op_1", "rows": [1] * 20_000},
        {"id": "op_1", "facts": {"a": "x" * 30_000}},
        {"id": "op_1", **{f"m{number}": "x" * 300 for number in range(200)}},
    ],
)
def test_whatever_is_large_the_id_is_kept(obj: dict[str, Any]) -> None:
    shown = json.loads(bytes(bodies.freeze(obj)))
    assert (shown["id"], shown["truncated"]) == ("op_1", True)


def test_related_has_no_other_ids() -> None:
    with pytest.raises(ValueError, match="charger_id"):
        bodies.related({"charger_id": "cp_1"})


@pytest.mark.parametrize("type_", EventType)
def test_everything_covers_all_but_what_must_be_named(type_: EventType) -> None:
    assert covers(["*"], type_) is (type_ not in OPT_IN)
    assert covers([type_], type_)
    assert not covers(["order.corrected"], type_) or type_ == "order.corrected"


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_covers_its_types_but_what_must_be_named(group: str) -> None:
    begun = {type_ for type_ in EventType if type_.startswith(group.removesuffix("*"))}
    assert begun
    assert set(covered_types([group])) == begun - OPT_IN
    assert checked_types([group, *OPT_IN, group]) == [group, *OPT_IN]


@pytest.mark.parametrize(
    "names", [[], ["session"], ["*", "sessions.*"], ["session.ended*"], [".*"], ["ping.*"]]
)
def test_unknown_event_types_are_refused(names: list[str]) -> None:
    with pytest.raises(PlatformError, match="invalid_parameter"):
        checked_types(names)
