"""Waiting for conditions, and saying old things again."""

import asyncio
from collections.abc import Callable

from simulator.ledger import Kind, SentMessage, Transaction
from simulator.outbox import ask
from simulator.station import Station


async def until(
    station: Station, condition: Callable[[], bool], *, timeout_s: float | None, what: str
) -> None:
    """Return when *condition* holds; it is looked at whenever something changes.

    Raises ``TimeoutError`` naming *what* and the charger, or what failed in the background.
    """
    changed = asyncio.Event()
    station.watchers.append(changed.set)
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                if station.tasks.failures:
                    raise station.tasks.failures[0]
                changed.clear()
                await changed.wait()
    except TimeoutError:
        raise TimeoutError(_why(station, what)) from None
    finally:
        station.watchers.remove(changed.set)


def _why(station: Station, what: str) -> str:
    ledger = station.ledger
    facts = [f"{station.config.identity}: no {what} in time"]
    if ledger.refusals:
        facts.append(f"last refusal: {ledger.refusals[-1]}")
    if ledger.errors:
        facts.append(f"last error: {ledger.errors[-1]}")
    return "; ".join(facts)


async def transaction(station: Station, number: int, *, timeout_s: float) -> Transaction:
    """Return the running transaction of a connector once its start is acknowledged."""

    def running() -> bool:
        current = station.connectors[number].transaction
        return current is not None and current.messages[0].acknowledged

    await until(station, running, timeout_s=timeout_s, what=f"transaction at {number}")
    current = station.connectors[number].transaction
    if current is None:
        raise LookupError("the transaction ended meanwhile")
    return current


async def replay(station: Station, *, times: int, shuffle: bool) -> int:
    """Send all transaction messages *times* times, in order or shuffled within each round."""
    count = 0
    by_ref = {transaction.ref: transaction for transaction in station.ledger.transactions()}
    for _ in range(times):
        messages = list(station.ledger.messages)
        if shuffle:
            station.rng.shuffle(messages)
            if station.config.version == "1.6":
                messages.sort(key=_needs_transaction_id)
        for message in messages:
            transaction = by_ref[message.transaction]
            station.dialect.fill(transaction, message)
            answer = await ask(station, message.action, message.payload, message)
            station.dialect.learn(transaction, message, answer)
            count += 1
    return count


def _needs_transaction_id(message: SentMessage) -> bool:
    return message.kind is not Kind.START and not message.attempts
