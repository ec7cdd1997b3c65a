"""One command for many chargers: a few at a time, each outcome kept, once whoever works on it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.audit.service import CLI
from core.commands.commands import Command, Verdict
from core.commands.configuration import ClearCache
from core.desired import service as desired
from core.doctor.service import examine
from core.fleet import service as fleet
from core.fleet.models import FleetCommand, Target
from core.fleet.service import Order, Selection, Wish
from core.fleet.states import FleetStatus, TargetStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from tests.core.desired.bench import Bench, a_bench

WISH = fleet.parse_wish("variable", {"name": "A", "value": "1"})


class Yard:
    """Some chargers and the fleet commands for them."""

    def __init__(self, db: Database, benches: list[Bench]) -> None:
        self.db = db
        self.benches = benches

    def order(self, request_id: str = "r-1", **values: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "what": ClearCache(),
            "selection": Selection(),
            "concurrency": 10,
            "stop_after_failures": None,
            "offline": "skip",
            "timeout_s": 60,
            "body": {"n": 1},
        }
        return {"request_id": request_id, **given, **values}

    async def begin(
        self, what: Command | Wish | None = None, **values: Any
    ) -> tuple[FleetCommand, bool]:
        async with self.db.transaction() as tx:
            given = self.order(**values) | ({} if what is None else {"what": what})
            given.setdefault("deadline_at", tx.now + timedelta(hours=1))
            return await fleet.begin(tx, CLI, Order(**given))

    async def run(self) -> None:
        async with self.db.transaction() as tx:
            ids = await fleet.open_ids(tx)
        for fleet_id in ids:
            async with self.db.transaction() as tx:
                await fleet.advance(tx, fleet_id)

    async def look(self, begun: FleetCommand) -> tuple[FleetCommand, list[Target]]:
        async with self.db.transaction() as tx:
            assert await examine(tx) == []
            return await fleet.get(tx, begun.id), list(await fleet.targets(tx, begun.id))

    async def statuses(self, begun: FleetCommand) -> dict[str, int]:
        async with self.db.transaction() as tx:
            counts = await fleet.counts(tx, begun.id)
        return {status.value: count for status, count in counts.items()}

    async def do(self, use_case: Any, begun: FleetCommand) -> FleetCommand:
        async with self.db.transaction() as tx:
            moved: FleetCommand = await use_case(tx, CLI, begun.id)
        return moved


@pytest.fixture
async def yard(db: Database, vault: Vault) -> Yard:
    benches = [await a_bench(db, vault, f"CP-{number}") for number in range(4)]
    for bench in benches[:3]:
        await bench.connect()
    return Yard(db, sorted(benches, key=lambda bench: (bench.epoch is None, bench.charger_id)))


async def test_every_charger_gets_its_outcome(yard: Yard) -> None:
    begun, _ = await yard.begin()
    await yard.run()
    for bench, said in zip(
        yard.benches[:3],
        [(Verdict.ACCEPTED, "Accepted"), (Verdict.REJECTED, "Rejected"), None],
        strict=True,
    ):
        command = await bench.claimed()
        await (bench.silence(command) if said is None else bench.answer(command, said))
    await yard.run()
    after, targets = await yard.look(begun)
    assert (after.status, after.closed_at is not None) == (FleetStatus.FINISHED, True)
    told = {target.charger_id: (target.status.value, target.reason) for target in targets}
    assert told == {
        yard.benches[0].charger_id: ("succeeded", "Accepted"),
        yard.benches[1].charger_id: ("failed", "Rejected"),
        yard.benches[2].charger_id: ("failed", "no_answer"),
        yard.benches[3].charger_id: ("skipped", "charger_offline"),
    }


async def test_not_more_chargers_at_a_time_than_asked_for(yard: Yard) -> None:
    begun, _ = await yard.begin(concurrency=1)
    for bench in yard.benches[:3]:
        await yard.run()
        await yard.run()
        assert (await yard.statuses(begun))["sent"] == 1
        await bench.answer(await bench.claimed())
    await yard.run()
    assert await yard.statuses(begun) == {"succeeded": 3, "skipped": 1}


async def test_nodes_that_work_on_it_together_ask_each_charger_once(yard: Yard) -> None:
    begun, _ = await yard.begin(concurrency=2)
    await asyncio.gather(*(yard.run() for _ in range(4)))
    assert (await yard.statuses(begun))["sent"] == 2
    asked = [await bench.claim() for bench in yard.benches]
    assert sum(command is not None for command in asked) == 2


async def test_a_charger_that_is_away_is_waited_for(yard: Yard, clock: ShiftedClock) -> None:
    begun, _ = await yard.begin(offline="wait")
    await yard.run()
    for bench in yard.benches[:3]:
        await bench.answer(await bench.claimed())
    await yard.run()
    assert await yard.statuses(begun) == {"succeeded": 3, "pending": 1}
    await yard.benches[3].connect()
    await yard.run()
    await yard.benches[3].leave()
    await yard.run()
    assert await yard.statuses(begun) == {"succeeded": 3, "pending": 1}
    clock.advance(3600)
    await yard.run()
    after, targets = await yard.look(begun)
    assert after.status is FleetStatus.FINISHED
    assert [one.reason for one in targets if one.status is TargetStatus.SKIPPED] == ["deadline"]


async def test_too_many_failures_stop_it_until_somebody_resumes(yard: Yard) -> None:
    begun, _ = await yard.begin(concurrency=1, stop_after_failures=1)
    await yard.run()
    first = yard.benches[0]
    await first.answer(await first.claimed(), (Verdict.FAILED, "Failed"))
    await yard.run()
    stopped, _ = await yard.look(begun)
    assert (stopped.status, stopped.reason) == (FleetStatus.STOPPED, "1 chargers failed")
    await yard.run()
    assert await yard.benches[1].claim() is None
    await yard.do(fleet.resume, begun)
    await yard.run()
    assert await yard.benches[1].claim() is not None


async def test_a_pause_asks_nobody_else(yard: Yard) -> None:
    begun, _ = await yard.begin(concurrency=1)
    await yard.run()
    await yard.do(fleet.pause, begun)
    first = yard.benches[0]
    await first.answer(await first.claimed())
    await yard.run()
    assert await yard.benches[1].claim() is None
    assert (await yard.do(fleet.resume, begun)).status is FleetStatus.RUNNING
    with pytest.raises(PlatformError, match="is running"):
        await yard.do(fleet.resume, begun)


async def test_what_is_cancelled_withdraws_what_was_not_sent(yard: Yard) -> None:
    begun, _ = await yard.begin(concurrency=2)
    await yard.run()
    under_way = await yard.benches[0].claimed()
    await yard.do(fleet.cancel, begun)
    assert await yard.benches[1].claim() is None
    await yard.benches[0].answer(under_way)
    await yard.run()
    after, targets = await yard.look(begun)
    assert (after.status, after.closed_at is not None) == (FleetStatus.CANCELLED, True)
    assert sorted(target.status for target in targets) == ["skipped"] * 3 + ["succeeded"]


async def test_a_wish_for_many_is_settled_as_each_charger_answers(yard: Yard) -> None:
    begun, _ = await yard.begin(WISH)
    await yard.run()
    first, second, third = yard.benches[:3]
    await first.answer(await first.claimed(), (Verdict.ACCEPTED, "RebootRequired"))
    await second.answer(await second.claimed(), (Verdict.NOT_SUPPORTED, "NotSupported"))
    await third.want("A", "2")
    await yard.run()
    after, targets = await yard.look(begun)
    assert after.status is FleetStatus.FINISHED
    told = {target.charger_id: (target.status.value, target.reason) for target in targets}
    assert [told[bench.charger_id] for bench in yard.benches] == [
        ("succeeded", "RebootRequired"),
        ("failed", "NotSupported"),
        ("skipped", "wished_otherwise"),
        ("skipped", "charger_offline"),
    ]


async def test_a_wish_that_outlives_the_deadline_stays(yard: Yard, clock: ShiftedClock) -> None:
    begun, _ = await yard.begin(WISH)
    await yard.run()
    clock.advance(3600)
    await yard.run()
    assert await yard.statuses(begun) == {"failed": 3, "skipped": 1}
    async with yard.db.transaction() as tx:
        assert await desired.find(tx, yard.benches[0].charger_id, "variable", "a") is not None


async def test_i02_a_request_repeated_is_the_same_fleet_command(yard: Yard) -> None:
    made = await asyncio.gather(*(yard.begin() for _ in range(3)))
    assert len({begun.id for begun, _ in made}) == 1
    assert sorted(replayed for _, replayed in made) == [False, True, True]
    with pytest.raises(PlatformError, match="idempotency_key_reused"):
        await yard.begin(body={"n": 2})


async def test_chargers_that_do_not_exist_or_fit_are_named(yard: Yard) -> None:
    with pytest.raises(PlatformError, match="charger cp_nobody"):
        await yard.begin(selection=Selection(charger_ids=("cp_nobody",)))
    with pytest.raises(PlatformError, match="No charger fits"):
        await yard.begin(selection=Selection(vendor="Nobody"))
    with pytest.raises(PlatformError, match="expiry_out_of_range"):
        await yard.begin(deadline_at=yard.db.now() + timedelta(days=91))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("nothing", {}),
        ("variable", {"name": "A"}),
        ("variable", {"name": 1, "value": "1"}),
        ("variable", {"name": "AuthorizationKey", "value": "1"}),
        ("availability", {}),
        ("availability", {"operative": 1}),
        ("availability", {"operative": True, "connector": 1}),
    ],
)
def test_a_wish_that_means_nothing_is_refused(kind: str, value: dict[str, Any]) -> None:
    with pytest.raises(PlatformError, match="invalid_parameter"):
        fleet.parse_wish(kind, value)
