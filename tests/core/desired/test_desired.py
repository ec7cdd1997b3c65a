"""What is wanted of a charger is told once, again after silence and drift, and never by halves."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.service import CLI
from core.chargers import holding, registry
from core.commands import service as commands
from core.commands.commands import Verdict
from core.commands.states import CommandStatus
from core.desired import service as desired
from core.desired.reconciling import HURRIED_ATTEMPTS, PAUSES
from core.desired.service import MAX_DRIFT_ATTEMPTS
from core.desired.states import MACHINE, DesiredStatus
from core.doctor.service import examine
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from tests.core.desired.bench import Bench, a_bench


@pytest.fixture
async def bench(db: Database, vault: Vault) -> Bench:
    return await a_bench(db, vault)


async def test_an_accepted_wish_is_settled(bench: Bench) -> None:
    await bench.connect()
    wish = await bench.want(value="300")
    assert (wish.status, wish.attempts) == (DesiredStatus.SENT, 1)
    command = await bench.claimed()
    assert command.arguments["value"] == "300"
    await bench.answer(command)
    settled = await bench.look(wish)
    assert (settled.status, settled.reported) == (DesiredStatus.ACCEPTED, {"value": "300"})
    assert settled.settled_at is not None


@pytest.mark.parametrize(
    ("verdict", "word", "status", "reason"),
    [
        (Verdict.ACCEPTED, "RebootRequired", DesiredStatus.ACCEPTED, "RebootRequired"),
        (Verdict.NOT_SUPPORTED, "NotSupported", DesiredStatus.REJECTED, "NotSupported"),
        (Verdict.UNKNOWN, "UnknownVariable", DesiredStatus.REJECTED, "UnknownVariable"),
        (Verdict.FAILED, None, DesiredStatus.REJECTED, "failed"),
    ],
)
async def test_the_charger_s_word_is_kept(
    bench: Bench, verdict: Verdict, word: str | None, status: DesiredStatus, reason: str
) -> None:
    await bench.connect()
    wish = await bench.want()
    await bench.answer(await bench.claimed(), (verdict, word))
    settled = await bench.look(wish)
    assert (settled.status, settled.reason) == (status, reason)


async def test_a_wish_waits_for_a_charger_that_is_away(bench: Bench) -> None:
    wish = await bench.want()
    assert (wish.status, wish.attempts) == (DesiredStatus.PENDING, 0)
    await bench.sweep()
    assert await bench.claim() is None
    await bench.connect()
    await bench.sweep()
    assert (await bench.claimed()).desired_id == wish.id


async def test_one_wish_of_a_charger_is_under_way_at_a_time(bench: Bench) -> None:
    await bench.connect()
    wishes = [await bench.want(name) for name in "ABC"]
    for wish in wishes:
        command = await bench.claimed()
        assert command.desired_id == wish.id
        assert await bench.claim() is None
        await bench.answer(command)
    assert [(await bench.look(wish)).status for wish in wishes] == [DesiredStatus.ACCEPTED] * 3


async def test_racing_nodes_send_a_wish_once(bench: Bench) -> None:
    """Wanting and sweeping on several nodes at the same moment queues one command."""
    wishes = [await bench.want(name) for name in "ABCD"]
    await bench.connect()
    await asyncio.gather(*(bench.sweep() for _ in range(4)), bench.want("E"), bench.want("A"))
    async with bench.db.transaction() as tx:
        rows = [await desired.get(tx, wish.id) for wish in wishes]
        queued = [
            row
            for row in await commands.list_commands(tx, charger_id=bench.charger_id)
            if row.status is CommandStatus.QUEUED
        ]
        assert await examine(tx) == []
    assert len(queued) == 1
    assert sum(row.status is DesiredStatus.SENT for row in rows) <= 1


async def test_a_new_key_wanted_by_two_at_once_is_one_wish(bench: Bench) -> None:
    made = await asyncio.gather(*(bench.want("A", str(value)) for value in range(4)))
    assert len({wish.id for wish in made}) == 1


async def test_a_stale_answer_does_not_settle_a_wish_that_changed(bench: Bench) -> None:
    await bench.connect()
    await bench.want(value="1")
    old = await bench.claimed()
    wish = await bench.want(value="2")
    await bench.answer(old, (Verdict.REJECTED, "Rejected"))
    assert (await bench.look(wish)).status is DesiredStatus.SENT
    new = await bench.claimed()
    assert new.arguments["value"] == "2"
    await bench.answer(new)
    assert (await bench.look(wish)).reported == {"value": "2"}


async def test_what_an_earlier_wish_queued_is_withdrawn(bench: Bench) -> None:
    await bench.connect()
    await bench.want(value="1")
    await bench.want(value="2")
    assert (await bench.claimed()).arguments["value"] == "2"
    assert await bench.claim() is None


async def test_a_forgotten_wish_is_withdrawn_and_its_answer_meets_nobody(bench: Bench) -> None:
    await bench.connect()
    sent = await bench.want("A")
    command = await bench.claimed()
    async with bench.db.transaction() as tx:
        await desired.forget(tx, CLI, sent.id)
    await bench.answer(command)
    with pytest.raises(PlatformError, match="not_found"):
        await bench.look(sent)


async def test_silence_is_tried_again_with_growing_pauses(
    bench: Bench, clock: ShiftedClock
) -> None:
    await bench.connect()
    wish = await bench.want()
    for attempt, pause in enumerate((*PAUSES, PAUSES[-1]), start=1):
        await bench.silence(await bench.claimed())
        await bench.sweep()
        row = await bench.look(wish)
        assert (row.status, row.attempts, row.reason) == (
            DesiredStatus.PENDING,
            attempt,
            "no_answer",
        )
        clock.advance(pause.total_seconds() - 5)
        await bench.sweep()
        assert await bench.claim() is None
        clock.advance(5)
        await bench.sweep()


async def test_a_late_answer_counts_while_nothing_was_sent_after_it(bench: Bench) -> None:
    await bench.connect()
    wish = await bench.want()
    command = await bench.claimed()
    await bench.silence(command)
    await bench.sweep()
    await bench.answer(command, (Verdict.REJECTED, "Rejected"))
    assert (await bench.look(wish)).status is DesiredStatus.REJECTED


async def test_what_was_never_sent_costs_no_attempt(bench: Bench, clock: ShiftedClock) -> None:
    await bench.connect()
    wish = await bench.want()
    await bench.leave()
    await bench.sweep()
    row = await bench.look(wish)
    assert (row.status, row.attempts, row.reason) == (DesiredStatus.PENDING, 0, "not_sent")
    clock.advance(PAUSES[0].total_seconds())
    await bench.connect()
    await bench.sweep()
    assert (await bench.claimed()).desired_id == wish.id


async def test_a_boot_ends_the_pauses(bench: Bench) -> None:
    await bench.connect()
    wish = await bench.want()
    await bench.silence(await bench.claimed())
    await bench.sweep()
    async with bench.db.transaction() as tx:
        await desired.booted(tx, await registry.get(tx, bench.charger_id))
    assert (await bench.claimed()).desired_id == wish.id


async def test_a_boot_leaves_the_pause_of_what_several_lives_did_not_answer(bench: Bench) -> None:
    """It may be what the charger falls over; others do not wait behind it."""
    await bench.connect()
    fatal = await bench.want("A")
    for _ in range(HURRIED_ATTEMPTS):
        command = await bench.claimed()
        assert command.desired_id == fatal.id
        await bench.silence(command)
        await bench.sweep()
        async with bench.db.transaction() as tx:
            await desired.booted(tx, await registry.get(tx, bench.charger_id))
    assert await bench.claim() is None
    other = await bench.want("B")
    assert (await bench.claimed()).desired_id == other.id


async def test_drift_is_told_again_and_at_last_once_a_day(
    bench: Bench, clock: ShiftedClock
) -> None:
    await bench.connect()
    wish = await bench.want(value="1")
    for attempt in range(1, MAX_DRIFT_ATTEMPTS + 1):
        await bench.answer(await bench.claimed())
        await bench.report("2")
        row = await bench.look(wish)
        assert (row.status, row.attempts) == (DesiredStatus.DRIFTED, attempt)
        if attempt < MAX_DRIFT_ATTEMPTS:
            clock.advance(PAUSES[attempt - 1].total_seconds())
            await bench.sweep()
    assert row.due_at - timedelta(hours=23) > row.changed_at
    assert row.reason == "reported otherwise, told 5 times"
    clock.advance(PAUSES[-1].total_seconds())
    await bench.sweep()
    assert await bench.claim() is None
    clock.advance(timedelta(days=1).total_seconds())
    await bench.sweep()
    await bench.answer(await bench.claimed())
    await bench.report("1")
    assert (await bench.look(wish)).status is DesiredStatus.ACCEPTED


async def test_what_is_so_already_needs_no_telling(bench: Bench) -> None:
    wish = await bench.want(value="true")
    await bench.report("True")
    assert (await bench.look(wish)).status is DesiredStatus.ACCEPTED
    await bench.connect()
    await bench.sweep()
    assert await bench.claim() is None


async def test_a_refused_wish_is_told_again_only_when_somebody_asks(bench: Bench) -> None:
    await bench.connect()
    wish = await bench.want()
    await bench.answer(await bench.claimed(), (Verdict.REJECTED, "Rejected"))
    await bench.sweep()
    assert await bench.claim() is None
    async with bench.db.transaction() as tx:
        again = await desired.retry(tx, CLI, wish.id)
    assert (again.status, again.attempts) == (DesiredStatus.SENT, 1)
    assert (await bench.claimed()).desired_id == wish.id


async def test_an_impossible_wish_is_rejected_and_the_next_follows(bench: Bench) -> None:
    """A variable cannot be made to go away."""
    async with bench.db.transaction() as tx:
        charger = await registry.get(tx, bench.charger_id)
        wish = await desired.want(
            tx, CLI, charger, kind="variable", key="a", wanted={"name": "A"}, present=False
        )
    other = await bench.want("B")
    await bench.connect()
    await bench.sweep()
    assert (await bench.look(wish)).status is DesiredStatus.REJECTED
    assert (await bench.claimed()).desired_id == other.id


async def test_s22_a_secret_is_kept_encrypted_and_not_compared(bench: Bench) -> None:
    await bench.connect()
    wish = await bench.want("SimPin", "1234", secret=True)
    command = await bench.claimed()
    assert (command.arguments["value"], wish.wanted["value"]) == (None, None)
    assert "1234" not in str(command.arguments)
    await bench.answer(command)
    assert (await bench.look(wish)).reported is None


async def test_the_charger_s_password_is_refused(bench: Bench) -> None:
    with pytest.raises(PlatformError, match="/password"):
        await bench.want("authorizationKey", "0011223344")


async def test_while_held_back_variables_are_set_and_the_rest_waits(bench: Bench) -> None:
    await bench.connect()
    async with bench.db.transaction() as tx:
        await holding.hold(tx, CLI, bench.charger_id, reason="no meter yet")
        charger = await registry.get(tx, bench.charger_id)
        place = {"operative": True, "evse": None, "connector": None}
        await desired.want(tx, CLI, charger, kind="availability", key="charger", wanted=place)
    wish = await bench.want()
    await bench.answer(await bench.claimed())
    assert (await bench.look(wish)).status is DesiredStatus.ACCEPTED
    await bench.sweep()
    assert await bench.claim() is None


@given(path=st.lists(st.sampled_from(DesiredStatus), max_size=12))
def test_whatever_happens_a_wish_can_be_made_pending_again(path: list[DesiredStatus]) -> None:
    status = DesiredStatus.PENDING
    for to in path:
        if status in MACHINE.sources(to):
            status = to
    assert status in MACHINE.sources(DesiredStatus.PENDING)
    assert status is DesiredStatus.SENT or MACHINE.transitions[status] - {DesiredStatus.PENDING}
