"""Getting and staying connected."""

import asyncio
import gc
import json
import logging

import pytest

from simulator import Cause, Frame, Timing, Version
from tests.simulator.asking import ends
from tests.simulator.central import PASSWORD, SILENCE, Central
from tests.simulator.making import MakeCharger


async def test_wrong_password_is_told_and_tried_again(central: Central, make: MakeCharger) -> None:
    async with make(password="wrong", ready=False) as charger:
        await charger.wait_until(lambda: len(charger.ledger.refusals) >= 2)
        assert set(charger.ledger.refusals) == {"HTTP 401"}


async def test_entering_fails_with_the_reason(central: Central, make: MakeCharger) -> None:
    charger = make(password="wrong", ready=False)
    async with charger:
        with pytest.raises(TimeoutError, match=r"CP-1: no online in time; last refusal: HTTP 401"):
            await charger.wait_online(timeout_s=0.3)


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_boot_is_repeated_until_accepted(
    central: Central, make: MakeCharger, status: str
) -> None:
    answers = [status, status, "Accepted"]
    central.answers["BootNotification"] = lambda _: {
        "status": answers.pop(0),
        "currentTime": "2026-01-01T00:00:00Z",
        "interval": 30,
    }
    async with make() as charger:
        assert charger.online
        actions = [call.action for call in central.calls]
    assert actions[:3] == ["BootNotification"] * 3
    assert actions.count("BootNotification") == 3


async def test_cut_connection_is_redialled_without_a_boot(
    central: Central, make: MakeCharger
) -> None:
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        charger.drop()
        await charger.wait_until(lambda: charger.ledger.connections == 2 and charger.online)
        charger.stop_local(1)
        await charger.wait_ended(transaction)
    assert len(central.of("BootNotification")) == 1


async def test_disconnect_ends_a_pending_call_at_once(central: Central, make: MakeCharger) -> None:
    central.answers["Heartbeat"] = lambda _: SILENCE
    async with make(heartbeat_s=1.0) as charger:
        await central.until(lambda: central.of("Heartbeat"))
        await central.sockets["CP-1"].close()
        await charger.wait_until(lambda: charger.ledger.connections >= 2, timeout_s=3)


@pytest.mark.parametrize(("hard", "reason"), [(False, "Reboot"), (True, "PowerLoss")])
async def test_reboot_ends_the_transaction_and_boots_again(
    central: Central, make: MakeCharger, *, hard: bool, reason: str
) -> None:
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
        await charger.reboot(hard=hard)
        await charger.wait_ended(transaction)
        assert len(central.of("BootNotification")) == 2
    assert [found for found, _ in ends(central)] == [reason]


async def test_lost_transaction_is_never_ended(central: Central, make: MakeCharger) -> None:
    async with make() as charger:
        transaction = await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
        await charger.reboot(hard=True, cause=Cause.POWER_LOSS, lose_transactions=True)
        await charger.wait_settled()
    assert transaction.forgotten
    assert transaction.ended_at is None
    assert ends(central) == []


async def test_password_is_in_no_log_frame_or_ledger(
    central: Central,
    make: MakeCharger,
    version: Version,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    frames: list[Frame] = []
    new = "0123456789abcdef"
    if version == "1.6":
        action, payload = "ChangeConfiguration", {"key": "AuthorizationKey", "value": new}
    else:
        action = "SetVariables"
        data = {
            "attributeValue": new,
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
        }
        payload = {"setVariableData": [data]}  # type: ignore[dict-item]
    async with make(on_frame=frames.append) as charger:
        central.passwords["CP-1"] = new
        await central.ask("CP-1", action, dict(payload))
        await charger.wait_until(lambda: charger.ledger.connections == 2 and charger.online)
    book = json.dumps(charger.ledger.as_json())
    logged = [r.getMessage() for r in caplog.records if r.name.startswith("simulator")]
    for secret in (PASSWORD, new):
        assert secret not in book
        assert secret not in repr(charger.station.config)
        assert secret not in repr(frames)
        assert secret not in "\n".join(logged)


async def test_leaving_leaves_no_task_behind(central: Central, make: MakeCharger) -> None:
    async with make(connectors=2) as charger:
        await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
    assert charger.station.wire is None
    assert not charger.station.tasks._running
    gc.collect()


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "[]",
        "{}",
        "[2]",
        '[2, ["id"], "Reset", {}]',
        '[2, "id", ["Reset"], {}]',
        '[3, {"id": 1}, {}]',
        '[3, "nobody asked", {}]',
        '[4, "nobody asked", "InternalError", "", {}]',
        '[9, "id", {}]',
        "[" * 100_000,
    ],
)
async def test_odd_frames_of_a_central_system_are_survived(
    central: Central, make: MakeCharger, frame: str
) -> None:
    async with make() as charger:
        await central.sockets["CP-1"].send(frame)
        assert await central.ask("CP-1", "ClearCache") == {"status": "Accepted"}
        assert charger.online


async def test_slow_answer_does_not_hold_up_the_charger(
    central: Central, make: MakeCharger
) -> None:
    timing = Timing(answer_delay_s=100)
    async with make(timing=timing) as charger:
        answer = asyncio.ensure_future(central.ask("CP-1", "ClearCache"))
        await charger.start_local(1, "LOCAL")
        await charger.wait_transaction(1)
        assert not answer.done()
        assert await answer == {"status": "Accepted"}


@pytest.mark.parametrize("turns", range(12))
async def test_leaving_while_the_connection_breaks_ends(
    central: Central, make: MakeCharger, turns: int
) -> None:
    """A cancellation that met a failing TaskGroup was lost, and closing never returned."""
    async with make(heartbeat_s=1.0) as charger:
        central.answers["Heartbeat"] = lambda _: SILENCE
        await central.until(lambda: len(central.of("Heartbeat")) > 0)
        assert charger.station.wire is not None
        closing = asyncio.ensure_future(charger.station.wire.hang_up(abort=True))
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await charger.close()
        await closing


async def test_a_connection_that_broke_leaves_no_cancellation_behind(
    central: Central, make: MakeCharger
) -> None:
    """What a failed TaskGroup left turned the next timeout of Python 3.11.2 into the end of all."""
    async with make(heartbeat_s=1.0) as charger:
        await central.until(lambda: len(central.of("Heartbeat")) > 0)
        before, wire = charger.ledger.connections, charger.station.wire
        assert wire is not None
        await wire.hang_up(abort=True)
        await central.until(lambda: charger.ledger.connections > before)
        assert not [task for task in asyncio.all_tasks() if task.cancelling()]
