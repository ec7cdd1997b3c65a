"""Whatever a charger repeats, reorders or loses: one session, one order (I18 to I24)."""

from itertools import permutations

import pytest

from core.chargers.states import TokenStatus
from core.sessions.facts import EndReason, Reading
from core.sessions.states import DataQuality, SessionStatus
from tests.core.sessions.conftest import Bench


async def test_i18_replayed_start_changes_nothing(bench: Bench) -> None:
    first = await bench.start("CARD")
    second = await bench.start("CARD")

    assert first.session is not None
    assert second.session is not None
    assert first.session.number == second.session.number
    assert first.status == second.status
    assert len(await bench.sessions()) == 1


async def test_i18_replayed_stop_changes_nothing(bench: Bench) -> None:
    started = await bench.start("CARD")
    assert started.session is not None
    ref = started.session.transaction_ref
    await bench.end(ref)
    before = await bench.order()

    await bench.end(ref)

    assert await bench.order() == before
    assert await bench.is_healthy()


async def test_i18_same_key_with_other_content_keeps_the_first_word(bench: Bench) -> None:
    started = await bench.start("CARD")
    assert started.session is not None
    ref = started.session.transaction_ref
    await bench.end(ref, meter_wh=6000)

    await bench.end(ref, meter_wh=9000, content="another")

    assert (await bench.order()).body["energy_wh"] == 5000


async def test_i20_a_stop_without_a_start_is_an_order_for_review(bench: Bench) -> None:
    await bench.end("4711", meter_wh=6000)

    order = await bench.order()
    [session] = await bench.sessions()
    assert session.status is SessionStatus.INVALID
    assert order.body["data_quality"] == "needs_review"
    assert order.billable is False
    assert await bench.is_healthy()


@pytest.mark.parametrize("ref", ["0", "-1"])
async def test_a_stop_without_transaction_id_finds_its_session(bench: Bench, ref: str) -> None:
    await bench.start("CARD", meter_wh=1000)

    await bench.end(ref, meter_wh=6000, token="CARD")

    order = await bench.order()
    assert order.body["energy_wh"] == 5000
    assert "matched_by_evidence" in order.body["flags"]


async def test_a_start_finds_the_stop_that_came_before_it(bench: Bench) -> None:
    await bench.end("-1", minute=30, meter_wh=6000, token="CARD")
    await bench.start("CARD", minute=0, meter_wh=1000)

    order = await bench.order()
    [session] = await bench.sessions()
    assert session.status is SessionStatus.ENDED
    assert order.body["energy_wh"] == 5000
    assert order.version == 2
    assert await bench.is_healthy()


async def test_i20_an_end_that_comes_before_its_start_ends_no_other_transaction(
    bench: Bench,
) -> None:
    await bench.start("CARD", ref="tx-1", seq=0, minute=0, meter_wh=1000)
    await bench.end("tx-2", seq=1, minute=30, meter_wh=1004)
    [session, _] = sorted(await bench.sessions(), key=lambda one: one.transaction_ref)
    assert session.status is SessionStatus.CHARGING

    await bench.start("CARD", ref="tx-2", seq=0, minute=20, meter_wh=1000)
    await bench.end("tx-1", seq=1, minute=10, meter_wh=1000)

    sessions = {one.id: one.transaction_ref for one in await bench.sessions()}
    energy = {sessions[one.session_id]: one.body["energy_wh"] for one in await bench.orders()}
    assert energy == {"tx-1": 0, "tx-2": 4}
    assert await bench.is_healthy()


@pytest.mark.parametrize("order_of_arrival", list(permutations(range(4))))
async def test_i23_any_order_of_events_gives_the_same_order(
    bench: Bench, order_of_arrival: tuple[int, ...]
) -> None:
    def reading(minute: float, energy_wh: int) -> list[Reading]:
        return [Reading(at=bench.at(minute), energy_wh=energy_wh)]

    events = [
        lambda: bench.start("CARD", ref="tx-1", seq=0, meter_wh=1000),
        lambda: bench.update("tx-1", 1, minute=10, readings=reading(10, 2500)),
        lambda: bench.update("tx-1", 2, minute=20, readings=reading(20, 4000)),
        lambda: bench.end("tx-1", seq=3, meter_wh=6000),
    ]
    for index in (*order_of_arrival, *order_of_arrival):
        await events[index]()

    order = await bench.order()
    [session] = await bench.sessions()
    assert session.status is SessionStatus.ENDED
    assert order.body["energy_wh"] == 5000
    assert order.body["meter_start_wh"] == 1000
    assert order.body["started_at"] == (await bench.order()).body["started_at"]
    assert order.body["data_quality"] == "ok"
    assert await bench.is_healthy()


async def test_a_gap_in_the_sequence_is_flagged_until_it_is_filled(bench: Bench) -> None:
    await bench.start("CARD", ref="tx-1", seq=0)
    await bench.end("tx-1", seq=2)
    assert (await bench.order()).body["data_quality"] == "meter_gap"

    await bench.update("tx-1", 1, minute=10)

    order = await bench.order()
    assert order.body["data_quality"] == "ok"
    assert order.version == 2


async def test_meter_values_without_transaction_id_go_to_the_session_there(bench: Bench) -> None:
    await bench.start("CARD", meter_wh=1000)

    await bench.sample(None, 10, 2500)

    [session] = await bench.sessions()
    assert session.energy_wh == 1500


async def test_i22_a_placeholder_zero_in_mid_session_is_left_out(bench: Bench) -> None:
    started = await bench.start("CARD", meter_wh=1000)
    assert started.session is not None
    ref = started.session.transaction_ref
    await bench.sample(ref, 10, 2500)
    await bench.sample(ref, 15, 0)
    await bench.sample(ref, 20, 4000)
    await bench.end(ref, meter_wh=6000)

    order = await bench.order()
    assert order.body["energy_wh"] == 5000
    assert order.body["data_quality"] == DataQuality.METER_GAP


async def test_a_new_start_takes_the_connector_from_a_session_whose_end_was_lost(
    bench: Bench,
) -> None:
    first = await bench.start("CARD", minute=0)
    second = await bench.start("CARD", minute=40, meter_wh=7000)
    assert first.session is not None
    assert second.session is not None

    await bench.end(second.session.transaction_ref, minute=60, meter_wh=9000)
    await bench.end(first.session.transaction_ref, minute=30, meter_wh=6000)

    energies = sorted(order.body["energy_wh"] for order in await bench.orders())
    assert energies == [2000, 5000]
    assert await bench.is_healthy()


async def test_an_old_transaction_replayed_leaves_the_current_one_alone(bench: Bench) -> None:
    current = await bench.start("CARD", minute=60, meter_wh=7000)
    old = await bench.start("CARD", minute=0, meter_wh=1000)

    states = {session.id: session.is_current for session in await bench.sessions()}
    assert current.session is not None
    assert old.session is not None
    assert states == {current.session.id: True, old.session.id: False}


@pytest.mark.parametrize(
    ("reported", "told"),
    [
        (EndReason.LOCAL, "driver"),
        (EndReason.REMOTE, "other"),
        (EndReason.VEHICLE_DISCONNECTED, "vehicle_disconnected"),
        (EndReason.POWER_LOSS, "power_loss"),
        (EndReason.EMERGENCY, "emergency"),
        (EndReason.REBOOT, "reboot"),
        (EndReason.DEAUTHORIZED, "deauthorized"),
        (EndReason.VEHICLE_FULL, "vehicle_full"),
        (EndReason.UNLOCKED, "other"),
    ],
)
async def test_every_end_has_its_stop_reason(bench: Bench, reported: EndReason, told: str) -> None:
    started = await bench.start("CARD")
    assert started.session is not None

    await bench.end(started.session.transaction_ref, token="CARD", reason=reported)

    assert (await bench.order()).body["stop_reason"] == told


async def test_a_token_nobody_knows_is_refused_and_its_session_not_billed(bench: Bench) -> None:
    started = await bench.start("STRANGER")
    assert started.status is TokenStatus.UNKNOWN
    assert started.session is not None

    await bench.end(started.session.transaction_ref)

    assert (await bench.order()).billable is False


async def test_a_clock_that_is_ahead_is_not_believed(bench: Bench) -> None:
    started = await bench.start("CARD", minute=60 * 24)
    assert started.session is not None

    await bench.end(started.session.transaction_ref, minute=60 * 25)

    order = await bench.order()
    assert order.body["data_quality"] == "clock_suspect"
