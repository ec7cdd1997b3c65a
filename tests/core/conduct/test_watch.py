"""Counting costs no statement of its own, survives what fails, and has an end."""

from datetime import timedelta
from typing import Any

import pytest

from core.conduct import store
from core.conduct import watch as watching
from core.conduct.models import Tally
from core.conduct.rules import Signal
from core.conduct.watch import Watch, minute_of, network_of
from core.kernel.clock import ShiftedClock
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from tests.core.conduct.conftest import MakePartner


async def stored(db: Database, partner_id: str = "prt") -> list[Tally]:
    async with db.transaction() as tx:
        found = await store.tallies(tx, partner_id, livemode=True, signals=Signal, from_minute=0)
    return sorted(found, key=lambda tally: tally.signal)


@pytest.fixture
async def watch(db: Database) -> Watch:
    async with db.transaction():
        pass  # learns the time
    return Watch(db)


async def test_writing_twice_changes_nothing_and_processes_add_up(
    db: Database, watch: Watch
) -> None:
    other = Watch(db)
    for one, times in ((watch, 3), (other, 2)):
        for _ in range(times):
            one.note(Signal.REFUSED_CALLS, "prt", livemode=True, path="/v1/partner")
        await one.flush()
        await one.flush()
    watch.note(Signal.REFUSED_CALLS, "prt", livemode=True, path="/v1/partner")
    await watch.flush()
    assert sorted(tally.count for tally in await stored(db)) == [2, 4]


async def test_ordinary_calls_are_written_when_their_minute_is_over_or_something_is_odd(
    db: Database, watch: Watch, clock: ShiftedClock
) -> None:
    watch.note(Signal.CALLS, "prt", livemode=True)
    await watch.flush()
    assert await stored(db) == []
    watch.note(Signal.UNKNOWN_IDS, "prt", livemode=True, path="/v1/sessions/cs_1")
    await watch.flush()
    assert [tally.signal for tally in await stored(db)] == ["calls", "unknown_ids"]
    watch.note(Signal.CALLS, "other", livemode=True)
    clock.advance(61)
    await watch.flush()
    assert [tally.count for tally in await stored(db, "other")] == [1]
    assert watch._tallies == {}


async def test_what_the_database_did_not_take_is_written_later(
    db: Database, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise DatabaseUnavailable

    watch.note(Signal.REFUSED_CALLS, "prt", livemode=True)
    with monkeypatch.context() as patched:
        patched.setattr(store, "put_tallies", fail)
        with pytest.raises(DatabaseUnavailable):
            await watch.flush()
    await watch.flush()
    assert [tally.count for tally in await stored(db)] == [1]


async def test_the_end_of_the_process_writes_the_rest(db: Database, watch: Watch) -> None:
    async with watch.running():
        watch.note(Signal.CALLS, "prt", livemode=True)
    assert [tally.count for tally in await stored(db)] == [1]


async def test_who_repeats_itself_counts_once(watch: Watch) -> None:
    for _ in range(3):
        for number in range(4):
            watch.note_different(Signal.UNKNOWN_IDS, "prt", f"/v1/sessions/{number}", livemode=True)
    (found,) = watch._tallies.values()
    assert found.count == 4


async def test_memory_is_bounded(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_TALLIES", "MAX_REMEMBERED", "MAX_OF_PARTNERS", "MAX_NETWORKS", "MAX_PENDING"):
        monkeypatch.setattr(watching, name, 3)
    for number in range(10):
        who = f"prt_{number}"
        watch.note(Signal.CALLS, who, livemode=True, path="/v1/x")
        watch.note_different(Signal.UNKNOWN_IDS, who, "thing", livemode=True)
        watch.note_different(Signal.UNKNOWN_IDS, "prt_0", str(number), livemode=True)
        watch.note_network(who, f"192.0.{number}.1", livemode=True)
    assert len(watch._tallies) == 3
    assert len(watch._seen) == 3
    assert max(len(seen) for seen in watch._seen.values()) <= 3
    assert len(watch._networks) <= 3
    assert len(watch._pending) == 3


async def test_examples_are_few_short_and_without_keys(watch: Watch) -> None:
    secret = "vg_live_01jd7zk3v5q8m2n4r6t8w0y2a4_" + "s" * 43
    for _ in range(9):
        watch.note(Signal.UNKNOWN_IDS, "prt", livemode=True, path=f"/v1/{secret}/{'x' * 500}")
    (found,) = watch._tallies.values()
    assert len(found.examples) == watching.EXAMPLES
    path = found.examples[0]["path"]
    assert path.startswith("/v1/vg_live_01jd...")
    assert len(path) <= 160


async def test_a_network_is_new_after_the_week_in_which_they_are_learned(
    db: Database, watch: Watch, clock: ShiftedClock, make_partner: MakePartner
) -> None:
    partner_id = await make_partner()

    async def come_from(*addresses: str, by: Watch = watch) -> int:
        for address in addresses:
            by.note_network(partner_id, address, livemode=True, key_id="key_1")
        await by.flush()
        found = await stored(db, partner_id)
        return sum(tally.count for tally in found if tally.signal == Signal.NEW_NETWORKS)

    assert await come_from("192.0.2.1", "198.51.100.1", "2001:db8::1") == 0
    clock.advance(timedelta(days=8).total_seconds())
    assert await come_from("192.0.2.77", "2001:db8:0:9::1") == 0
    assert await come_from("203.0.113.9", "203.0.113.10") == 1
    assert await come_from("203.0.113.11", by=Watch(db)) == 1
    (tally,) = await stored(db, partner_id)
    assert tally.examples[0]["network"] == "203.0.113.0/24"
    assert tally.examples[0]["address"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        (None, None),
    ],
)
def test_networks(address: str | None, network: str | None) -> None:
    assert network_of(address) == network


async def test_minutes_are_those_of_the_database(db: Database, watch: Watch) -> None:
    watch.note(Signal.REFUSED_CALLS, "prt", livemode=True)
    await watch.flush()
    (tally,) = await stored(db)
    assert tally.minute in {minute_of(db.now()), minute_of(db.now()) - 1}
