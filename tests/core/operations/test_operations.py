"""Operations against a charger that is spoken for in facts: races, deadlines, lateness."""

import pytest

from core.chargers.states import TokenStatus
from core.commands.commands import Answer, Verdict
from core.commands.models import CommandRow
from core.control.requests import Limits
from core.kernel.clock import ShiftedClock
from core.kernel.errors import PlatformError
from core.operations import service as operations
from core.operations.models import Operation
from core.operations.states import OperationStatus, Stage
from core.sessions import stopping
from core.sessions.facts import EndReason
from tests.core.sessions.conftest import Bench, bench

__all__ = ["bench"]


async def claim(bench: Bench) -> CommandRow:
    async with bench.db.transaction() as tx:
        command = await operations.claim_next(tx, bench.charger_id)
    assert command is not None
    return command


async def answer(bench: Bench, command: CommandRow, verdict: Verdict) -> None:
    async with bench.db.transaction() as tx:
        said = Answer(verdict=verdict, response={"status": verdict}, at=tx.now)
        await operations.record_answer(tx, command, said)


async def get(bench: Bench, operation_id: str) -> Operation:
    async with bench.db.transaction() as tx:
        return await operations.get(tx, operation_id)


async def expire(bench: Bench) -> None:
    async with bench.db.transaction() as tx:
        await operations.expire_overdue(tx)


async def test_i06_a_command_is_claimed_once(bench: Bench) -> None:
    await bench.request_start()

    assert await bench.send_next() == "start"
    assert await bench.send_next() is None


async def test_a_refusal_names_the_charger(bench: Bench) -> None:
    accepted = await bench.request_start()
    await answer(bench, await claim(bench), Verdict.REJECTED)

    failed = await get(bench, accepted.operation.id)
    assert failed.status is OperationStatus.FAILED
    assert failed.failure is not None
    assert failed.failure["code"] == "charger_rejected"
    assert failed.failure["responsible"] == "charger"


async def test_i07_an_accepted_command_is_not_a_success(bench: Bench) -> None:
    accepted = await bench.request_start()
    await answer(bench, await claim(bench), Verdict.ACCEPTED)

    waiting = await get(bench, accepted.operation.id)
    assert waiting.status is OperationStatus.IN_PROGRESS
    assert waiting.stage in {Stage.ACCEPTED_BY_CHARGER, Stage.WAITING_FOR_VEHICLE}


async def test_the_start_may_overtake_the_answer(bench: Bench) -> None:
    accepted = await bench.request_start()
    command = await claim(bench)

    started = await bench.start(accepted.operation.token)
    await answer(bench, command, Verdict.ACCEPTED)

    done = await get(bench, accepted.operation.id)
    assert started.status is TokenStatus.ACCEPTED
    assert done.status is OperationStatus.SUCCEEDED
    assert done.stage is Stage.STARTED
    assert await bench.is_healthy()


async def test_i04_the_deadline_ends_what_is_unanswered(bench: Bench, clock: ShiftedClock) -> None:
    accepted = await bench.request_start()
    await claim(bench)

    clock.advance(61)
    await expire(bench)

    timed_out = await get(bench, accepted.operation.id)
    assert timed_out.status is OperationStatus.TIMED_OUT
    assert timed_out.failure is not None
    assert timed_out.failure["code"] == "charger_no_response"


@pytest.mark.parametrize("on_late_start", ["stop", "keep"])
async def test_a_late_start_is_stopped_unless_the_partner_keeps_it(
    bench: Bench, clock: ShiftedClock, on_late_start: str
) -> None:
    accepted = await bench.request_start(on_late_start=on_late_start)
    await answer(bench, await claim(bench), Verdict.ACCEPTED)
    clock.advance(61)
    await expire(bench)

    started = await bench.start(accepted.operation.token)

    late = await get(bench, accepted.operation.id)
    assert late.status is OperationStatus.TIMED_OUT
    assert late.late_outcome is not None
    assert started.session is not None
    if on_late_start == "keep":
        assert late.late_outcome["action"] == "kept"
        assert started.status is TokenStatus.ACCEPTED
        assert await bench.send_next() is None
    else:
        assert late.late_outcome["action"] == "stopped"
        assert started.status is TokenStatus.EXPIRED
        assert await bench.send_next() == "stop"
    await bench.end(started.session.transaction_ref, minute=31)
    assert (await bench.order()).billable is (on_late_start == "keep")
    assert await bench.is_healthy()


async def test_i08_a_token_serves_one_transaction(bench: Bench) -> None:
    accepted = await bench.request_start()
    await claim(bench)
    await bench.start(accepted.operation.token)

    again = await bench.start(accepted.operation.token, minute=5, meter_wh=1500)

    assert again.status is TokenStatus.INVALID
    assert again.session is not None
    assert again.session.operation_id is None
    assert await bench.is_healthy()


async def test_a_stop_before_the_start_was_sent_cancels_it(bench: Bench) -> None:
    start = await bench.request_start("r-1")

    stop = await bench.request_stop("r-2", start_request_id="r-1")

    assert stop.operation.status is OperationStatus.SUCCEEDED
    assert (await get(bench, start.operation.id)).status is OperationStatus.CANCELLED
    assert await bench.send_next() is None
    assert await bench.is_healthy()


async def test_a_stop_while_the_start_is_under_way_follows_on_arrival(bench: Bench) -> None:
    start = await bench.request_start("r-1")
    await claim(bench)
    stop = await bench.request_stop("r-2", start_request_id="r-1")
    assert stop.operation.status is OperationStatus.ACCEPTED

    started = await bench.start(start.operation.token)

    assert started.session is not None
    assert await bench.send_next() == "stop"
    await bench.end(started.session.transaction_ref, minute=31, reason=EndReason.REMOTE)
    done = await get(bench, stop.operation.id)
    assert done.status is OperationStatus.SUCCEEDED
    assert (await bench.order()).body["stop_reason"] == "partner"
    assert await bench.is_healthy()


async def test_a_stop_waiting_for_a_start_that_never_comes_succeeds(
    bench: Bench, clock: ShiftedClock
) -> None:
    await bench.request_start("r-1")
    await claim(bench)
    stop = await bench.request_stop("r-2", start_request_id="r-1")

    clock.advance(61)
    await expire(bench)

    done = await get(bench, stop.operation.id)
    assert done.status is OperationStatus.SUCCEEDED
    assert done.result == {"session_id": None, "already_ended": True}


async def test_i09_a_second_start_on_a_busy_connector_is_refused(bench: Bench) -> None:
    await bench.request_start("r-1")

    with pytest.raises(PlatformError) as refused:
        await bench.request_start("r-2")

    assert refused.value.code == "connector_busy"


async def test_a_refused_stop_waits_while_another_stop_is_under_way(bench: Bench) -> None:
    start = await bench.request_start("r-1")
    await claim(bench)
    started = await bench.start(start.operation.token)
    assert started.session is not None
    first = await bench.request_stop("r-2", session_id=started.session.id)
    second = await bench.request_stop("r-3", session_id=started.session.id)
    await answer(bench, await claim(bench), Verdict.ACCEPTED)
    await answer(bench, await claim(bench), Verdict.REJECTED)

    await bench.end(started.session.transaction_ref, minute=31)

    for stop in (first, second):
        done = await get(bench, stop.operation.id)
        assert done.status is OperationStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_energy_wh": 0}, "limit_invalid"),
        ({"max_minutes": 10_000_000}, "limit_invalid"),
        ({"max_amount": "12.00"}, "limit_invalid"),
    ],
)
async def test_an_impossible_limit_is_refused(
    bench: Bench, limits: dict[str, object], code: str
) -> None:
    with pytest.raises(PlatformError) as refused:
        await bench.request_start(limits=Limits(**limits))  # type: ignore[arg-type]

    assert refused.value.code == code


async def test_a_session_over_its_time_is_stopped_and_asked_again_each_minute(
    bench: Bench, clock: ShiftedClock
) -> None:
    accepted = await bench.request_start(limits=Limits(max_minutes=180))
    await answer(bench, await claim(bench), Verdict.ACCEPTED)
    started = await bench.start(accepted.operation.token)
    assert started.session is not None
    assert await stop_what_is_over(bench) == 0

    clock.advance(3600)
    assert await stop_what_is_over(bench) == 1
    assert await stop_what_is_over(bench) == 0
    await answer(bench, await claim(bench), Verdict.REJECTED)
    clock.advance(61)
    assert await stop_what_is_over(bench) == 1

    await bench.end(started.session.transaction_ref, minute=181, reason=EndReason.REMOTE)
    assert (await bench.order()).body["stop_reason"] == "limit_time"
    assert await bench.is_healthy()


async def stop_what_is_over(bench: Bench) -> int:
    async with bench.db.transaction() as tx:
        return await stopping.stop_what_must_not_go_on(tx)
