"""What the charger has to say, in order: transaction messages survive, the rest does not."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass

from simulator.clock import timestamp
from simulator.dialect import Draft
from simulator.ledger import Attempt, Kind, Payload, SentMessage, Transaction
from simulator.station import Station
from simulator.wire import Disconnected, NoAnswer, Refused, payload_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """One message that waits; volatile if it has no ledger entry."""

    action: str
    payload: Payload
    message: SentMessage | None = None
    transaction: Transaction | None = None


class Outbox:
    """First in, first out."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Add at the end."""
        self._entries.append(entry)
        self._filled.set()

    async def head(self) -> Entry:
        """Wait for an entry and return the oldest without taking it away."""
        while not self._entries:
            self._filled.clear()
            await self._filled.wait()
        return self._entries[0]

    def remove(self, entry: Entry) -> None:
        """Take an entry away; one that is gone already is no error."""
        if entry in self._entries:
            self._entries.remove(entry)

    def durable(self) -> list[Entry]:
        """Return the waiting transaction messages."""
        return [entry for entry in self._entries if entry.message is not None]

    def drop_volatile(self) -> None:
        """Forget what nobody needs after a lost connection."""
        self._entries = deque(self.durable())

    def shuffle(self, rng: random.Random, *, start_first: bool) -> None:
        """Bring the transaction messages out of order.

        *start_first* keeps each start before the rest of its transaction: in 1.6 they need the
        transaction id of its answer.
        """
        entries = self.durable()
        rng.shuffle(entries)
        if start_first:
            entries.sort(key=_not_start)
        self._entries = deque(entries)


def _not_start(entry: Entry) -> bool:
    return entry.message is not None and entry.message.kind is not Kind.START


def report(station: Station, draft: Draft, transaction: Transaction | None = None) -> None:
    """Queue a message; a transaction message also enters the ledger."""
    action, payload = payload_of(draft.request)
    message = None
    if draft.kind is not None and transaction is not None:
        message = SentMessage(
            kind=draft.kind,
            key=draft.key,
            action=action,
            payload=payload,
            transaction=transaction.ref,
            created_at=station.clock.now(),
            offline=not station.online,
        )
        station.ledger.messages.append(message)
        transaction.messages.append(message)
    elif not station.online:
        return
    station.outbox.put(
        Entry(action=action, payload=payload, message=message, transaction=transaction)
    )


async def ask(
    station: Station, action: str, payload: Payload, message: SentMessage | None = None
) -> Payload:
    """Send a call now and return its answer; a duplicating charger sends it twice.

    Raises ``Disconnected``, ``NoAnswer`` or ``Refused``.
    """
    answer = await _once(station, action, payload, message)
    if station.plan.duplicates:
        try:
            await _once(station, action, payload, message)
        except (NoAnswer, Refused):
            station.ledger.errors.append(f"{action}: duplicate not answered")
    return answer


async def _once(
    station: Station, action: str, payload: Payload, message: SentMessage | None
) -> Payload:
    wire = station.wire
    if wire is None:
        raise Disconnected("not connected")
    attempt = Attempt(message_id=_message_id(station, message), sent_at=station.clock.now())
    if message is not None:
        message.attempts.append(attempt)
    try:
        attempt.answer = await wire.ask(action, payload, message_id=attempt.message_id)
    except Refused as refused:
        attempt.error = refused.code
        raise
    except NoAnswer:
        attempt.error = "no answer"
        raise
    except Disconnected:
        attempt.error = "disconnected"
        raise
    attempt.answered_at = station.clock.now()
    return attempt.answer


def _message_id(station: Station, message: SentMessage | None) -> str:
    if station.config.resend_same_id and message is not None and message.attempts:
        last = message.attempts[-1]
        if last.answer is None and last.error == "disconnected":
            return last.message_id
    return station.new_message_id()


async def send_one(station: Station, entry: Entry) -> str | None:
    """Send a queued message; return the token status its answer names, if any."""
    message, transaction = entry.message, entry.transaction
    if message is None or transaction is None:
        await ask(station, entry.action, entry.payload)
        return None
    station.dialect.fill(transaction, message)
    answer = await ask(station, message.action, message.payload, message)
    return station.dialect.learn(transaction, message, answer)


async def wait_before_retry(station: Station, message: SentMessage) -> bool:
    """Wait as the charger's settings say; tell whether to try again (OCPP 1.6 3.7.1)."""
    failed = sum(1 for a in message.attempts if a.error not in {None, "disconnected"})
    if failed >= station.number("message_attempts"):
        message.abandoned = True
        station.ledger.errors.append(f"{message.key}: given up at {timestamp(station.clock.now())}")
        return False
    await station.clock.sleep(station.number("message_retry_s") * failed)
    return True
