"""What goes on all the time: chargers charge, and a partner starts and stops them.

The partner does what the documentation tells him: the same ``request_id`` until there is an answer,
then a look at the operation. Nobody knows that the node dies.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import httpx2

from simulator import SimulatedCharger
from simulator.charger import NotAuthorized
from simulator.ledger import Transaction
from simulator.wire import Disconnected, NoAnswer, Refused
from tests.crash.stage import CARD, WORKERS, Stage, insist

FINAL: Final = frozenset({"succeeded", "failed", "timed_out", "cancelled"})
LOOK_S: Final = 0.05
_numbers: Final = itertools.count(1)


def next_id(of: str) -> str:
    """Return a ``request_id`` that nobody has used."""
    return f"{of}-{next(_numbers)}"


class Workload:
    """Charging on each charger of ``WORKERS`` in turns, until it is told to finish."""

    def __init__(self, on: Stage, rng: random.Random) -> None:
        self._on = on
        self._rng = rng
        self._is_ending = asyncio.Event()
        self.charges = 0

    def end(self) -> None:
        """Let every charge that has begun come to its end, and begin no other."""
        self._is_ending.set()

    async def charge_all_the_time(self, identity: str) -> None:
        """Let one charger charge again and again."""
        charger = self._on.chargers[identity]
        connector_id = await self._on.connector_id(identity)
        while not self._is_ending.is_set():
            if self._rng.random() < 0.2:
                await self._charge_by_card(charger)
            else:
                await self._charge_by_partner(charger, connector_id)

    async def _charge_by_card(self, charger: SimulatedCharger) -> None:
        if not await self._is_free(charger):
            return
        try:
            transaction = await charger.start_local(1, CARD)
        except (NotAuthorized, Disconnected, NoAnswer, Refused, TimeoutError):
            return
        await self._measured(charger, transaction)
        charger.stop_local(1)
        await self._left(charger, transaction)

    async def _charge_by_partner(self, charger: SimulatedCharger, connector_id: str) -> None:
        if not await self._is_free(charger):
            return
        operation = await start(self._on, connector_id)
        if operation is None:
            await asyncio.sleep(LOOK_S)
            return
        outcome = await final(self._on, operation["id"])
        if outcome["status"] != "succeeded":
            return
        transaction = charger.connector().transaction
        if transaction is None:
            return
        await self._measured(charger, transaction)
        if self._rng.random() < 0.75:
            await stop(self._on, outcome["session_id"])
            with suppress(TimeoutError):
                await charger.wait_until(
                    lambda: transaction.ended_at is not None, timeout_s=4, what="a stop"
                )
        charger.stop_local(1)  # the driver does not wait for ever
        await self._left(charger, transaction)

    async def _is_free(self, charger: SimulatedCharger) -> bool:
        """Wait for the car before to leave."""
        with suppress(TimeoutError):
            await charger.wait_until(lambda: not charger.connector().plugged, timeout_s=2)
        if charger.connector().plugged:
            charger.unplug(1)
            await asyncio.sleep(LOOK_S)
        return not charger.connector().plugged

    async def _measured(self, charger: SimulatedCharger, transaction: Transaction) -> None:
        """Wait for some readings, or for a while."""
        with suppress(TimeoutError):
            await charger.wait_until(
                lambda: len(transaction.messages) >= 2 or transaction.ended_at is not None,
                timeout_s=3,
                what="readings",
            )

    async def _left(self, charger: SimulatedCharger, transaction: Transaction) -> None:
        with suppress(TimeoutError):
            await charger.wait_until(
                lambda: transaction.acknowledged and transaction.ended_at is not None,
                timeout_s=10,
                what="acknowledgements",
            )
        self.charges += 1


async def start(on: Stage, connector_id: str, **more: Any) -> dict[str, Any] | None:
    """Ask for a start until it is answered; return the operation, ``None`` if it was refused."""
    body = {"request_id": next_id("start"), "connector_id": connector_id, **more}
    return await _accepted(on, "/v1/start_charge", body)


async def stop(on: Stage, session_id: str | None) -> dict[str, Any] | None:
    """Ask for a stop until it is answered."""
    return await _accepted(
        on, "/v1/stop_charge", {"request_id": next_id("stop"), "session_id": session_id}
    )


async def control(on: Stage, path: str, **body: Any) -> dict[str, Any] | None:
    """Ask for any other control call until it is answered."""
    return await _accepted(on, path, {"request_id": next_id("control"), **body})


async def _accepted(on: Stage, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    response = await insist(lambda: on.api.post(path, json=body))
    if response.status_code != httpx2.codes.ACCEPTED:
        return None
    operation: dict[str, Any] = response.json()
    on.wrong += on.promises.keep(body["request_id"], operation["id"])
    return operation


async def final(on: Stage, operation_id: str) -> dict[str, Any]:
    """Look at an operation until it is over; a 404 on the way breaks a promise (I1)."""
    while True:
        response = await insist(lambda: on.api.get(f"/v1/operations/{operation_id}"))
        if response.status_code != httpx2.codes.OK:
            on.wrong.append(f"I1: {operation_id} is answered with {response.status_code}")
            return {"status": "failed"}
        operation: dict[str, Any] = response.json()
        if operation["status"] in FINAL:
            return operation
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def working(on: Stage, rng: random.Random) -> AsyncIterator[Workload]:
    """Let the workload go on until the block ends, then let its charges come to their end."""
    workload = Workload(on, rng)
    charging: Callable[[str], Awaitable[None]] = workload.charge_all_the_time
    async with asyncio.TaskGroup() as tasks:
        for identity in WORKERS:
            tasks.create_task(_run(charging(identity)), name=f"charging on {identity}")
        try:
            yield workload
        finally:
            workload.end()


async def _run(work: Awaitable[None]) -> None:
    await work
