"""What a scenario file can let happen, one function per step."""

from datetime import timedelta
from typing import Any

from simulator.charger import SimulatedCharger
from simulator.dialect import Cause
from simulator.loading import ScenarioError
from simulator.protocol_steps import PROTOCOL_STEPS
from simulator.step import Step, step

DEFAULT_TOKEN = "SCENARIO"  # noqa: S105 - an id token anyone may read


async def plug(charger: SimulatedCharger, *, connector: int = 1) -> None:
    charger.plug(connector)


async def unplug(charger: SimulatedCharger, *, connector: int = 1) -> None:
    charger.unplug(connector)


async def start_local(
    charger: SimulatedCharger, *, connector: int = 1, token: str = DEFAULT_TOKEN
) -> None:
    await charger.start_local(connector, token)


async def stop_local(charger: SimulatedCharger, *, connector: int = 1) -> None:
    charger.stop_local(connector)


async def stop(charger: SimulatedCharger, *, cause: str, connector: int = 1) -> None:
    if cause not in list(Cause):
        raise ScenarioError(f"no cause {cause!r}; there are {', '.join(Cause)}")
    charger.stop(connector, Cause(cause))


async def wait(charger: SimulatedCharger, *, seconds: float) -> None:
    await charger.station.clock.sleep(seconds)


async def wait_status(
    charger: SimulatedCharger, *, status: str, connector: int = 1, timeout_s: float = 10.0
) -> None:
    await charger.wait_status(connector, status, timeout_s=timeout_s)


async def wait_transaction(
    charger: SimulatedCharger, *, connector: int = 1, timeout_s: float = 10.0
) -> None:
    await charger.wait_transaction(connector, timeout_s=timeout_s)


async def wait_call(
    charger: SimulatedCharger, *, action: str, count: int = 1, timeout_s: float = 10.0
) -> None:
    await charger.wait_call(action, count=count, timeout_s=timeout_s)


async def wait_settled(charger: SimulatedCharger, *, timeout_s: float = 10.0) -> None:
    left = await charger.wait_settled(timeout_s=timeout_s)
    if left:
        keys = ", ".join(message.key for message in left)
        raise ScenarioError(f"never acknowledged: {keys}")


async def offline(
    charger: SimulatedCharger, *, seconds: float | None = None, abort: bool = False
) -> None:
    await charger.go_offline(abort=abort)
    if seconds is not None:
        await charger.station.clock.sleep(seconds)
        await charger.go_online()


async def online(charger: SimulatedCharger, *, shuffle: bool = False) -> None:
    await charger.go_online(shuffle=shuffle)


async def drop(charger: SimulatedCharger, *, away_s: float = 0.0) -> None:
    charger.drop(away_s=away_s)


async def reboot(
    charger: SimulatedCharger, *, hard: bool = False, lose_transactions: bool = False
) -> None:
    await charger.reboot(hard=hard, lose_transactions=lose_transactions)


async def fault(
    charger: SimulatedCharger, *, connector: int = 1, code: str = "GroundFailure"
) -> None:
    charger.fault(connector, code)


async def clear_fault(charger: SimulatedCharger, *, connector: int = 1) -> None:
    charger.clear_fault(connector)


async def record(
    charger: SimulatedCharger,
    *,
    started_ago_s: float,
    stopped_ago_s: float,
    energy_wh: int,
    connector: int = 1,
    token: str = DEFAULT_TOKEN,
) -> None:
    now = charger.station.clock.now()
    charger.record_offline_transaction(
        connector,
        token,
        start_at=now - timedelta(seconds=started_ago_s),
        stop_at=now - timedelta(seconds=stopped_ago_s),
        energy_wh=energy_wh,
    )


async def replay(charger: SimulatedCharger, *, times: int = 1, shuffle: bool = False) -> None:
    await charger.replay(times=times, shuffle=shuffle)


async def call(
    charger: SimulatedCharger, *, action: str, payload: dict[str, Any] | None = None
) -> None:
    await charger.call(action, payload or {})


STEPS: dict[str, Step] = {
    "plug": step(plug, "a car is plugged in", "", "connector"),
    "unplug": step(unplug, "the car leaves, its transaction ends", "", "connector"),
    "start_local": step(start_local, "a driver presents a token", "", "connector token"),
    "stop_local": step(stop_local, "the driver stops", "", "connector"),
    "stop": step(stop, "the transaction ends for another cause", "cause", "connector"),
    "wait": step(wait, "simulated time passes", "seconds"),
    "wait_status": step(wait_status, "until a status", "status", "connector timeout_s"),
    "wait_transaction": step(
        wait_transaction, "until a start is acknowledged", "", "connector timeout_s"
    ),
    "wait_call": step(wait_call, "until asked for an action", "action", "count timeout_s"),
    "wait_settled": step(wait_settled, "until all is acknowledged", "", "timeout_s"),
    "offline": step(offline, "the charger goes away, for a time", "", "seconds abort"),
    "online": step(online, "it comes back; shuffle: out of order", "", "shuffle"),
    "drop": step(drop, "TCP is cut, the charger redials", "", "away_s"),
    "reboot": step(reboot, "a restart; hard: a power cut", "", "hard lose_transactions"),
    "fault": step(fault, "a connector fails", "", "connector code"),
    "clear_fault": step(clear_fault, "it is repaired", "", "connector"),
    "record": step(
        record,
        "a whole transaction happened in the past",
        "started_ago_s stopped_ago_s energy_wh",
        "connector token",
    ),
    "replay": step(replay, "every transaction message again", "", "times shuffle"),
    "call": step(call, "any call, as it is", "action", "payload"),
    **PROTOCOL_STEPS,
}
