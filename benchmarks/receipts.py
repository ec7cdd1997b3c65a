"""A receiver of webhooks in a process of its own: it fails by chance, and counts what it took."""

import asyncio
import multiprocessing
import random
import re
import signal
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final, Self

from benchmarks.servers import END_WITHIN_S, keep_off_the_servers
from benchmarks.voltgate import new_event_loop
from benchmarks.wire import NO_CONTENT, SERVER_ERROR, answering

_TOTALS: Final = "totals"
_HEARD: Final = "heard"
_PATH: Final = re.compile(rb"POST /webhooks/(\d+) ")
_ID: Final = re.compile(rb"\r\nwebhook-id: *([^\r]+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """How many percent of the attempts are answered with 500, and how many never."""

    seed: int
    errors_percent: float
    timeouts_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What came so far. *taken*: webhooks that were answered with 2xx, each counted once."""

    attempts: int
    taken: int
    refused: int
    hung: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """All that came.

    Attributes:
        numbers: A small number for each event id, by partner; endpoint n is of partner n modulo
            how many there are.
        taken_s: For each endpoint, by the event's number, when it first answered with 2xx, on the
            monotonic clock of the machine; 0: it never did.
        repeated_s: For each attempt that came after a 2xx, when that 2xx was.
    """

    numbers: Sequence[dict[str, int]]
    taken_s: Sequence["array[float]"]
    repeated_s: Sequence[float]

    def has(self, endpoint: int, event_id: str) -> bool:
        """Tell whether an endpoint has taken an event."""
        numbers, taken_s = self.numbers[endpoint % len(self.numbers)], self.taken_s[endpoint]
        number = numbers.get(event_id)
        return number is not None and number < len(taken_s) and taken_s[number] > 0


class Receipts:
    """What each endpoint was sent and what it answered; eight bytes for each webhook."""

    def __init__(self, endpoints: int, chance: Chance, *, partners: int = 1) -> None:
        self._chance = chance
        self._rng = random.Random(chance.seed)  # noqa: S311 - faults of a load, not a secret
        self._numbers: list[dict[str, int]] = [{} for _ in range(partners)]
        self._taken_s: list[array[float]] = [array("d") for _ in range(endpoints)]
        self._repeated_s: list[float] = []
        self._attempts = self._taken = self._refused = self._hung = 0

    def answer(self, request: bytes) -> bytes | None:
        """Note an attempt; return its answer, ``None`` if it gets none.

        Raises:
            ValueError: It is no webhook.
        """
        path, found = _PATH.match(request), _ID.search(request)
        if path is None or found is None:
            raise ValueError(f"no webhook: {request[:80]!r}")
        self._attempts += 1
        endpoint = int(path[1])
        numbers, taken_s = self._numbers[endpoint % len(self._numbers)], self._taken_s[endpoint]
        number = numbers.setdefault(found[1].decode(), len(numbers))
        if number >= len(taken_s):
            taken_s.extend([0.0] * (len(numbers) - len(taken_s)))
        if taken_s[number]:
            self._repeated_s.append(taken_s[number])
        drawn = self._rng.uniform(0, 100)
        if drawn < self._chance.errors_percent:
            self._refused += 1
            return SERVER_ERROR
        if drawn < self._chance.errors_percent + self._chance.timeouts_percent:
            self._hung += 1
            return None
        if not taken_s[number]:
            taken_s[number] = time.monotonic()
            self._taken += 1
        return NO_CONTENT

    def totals(self) -> Totals:
        """Return what came so far, in numbers."""
        return Totals(
            attempts=self._attempts, taken=self._taken, refused=self._refused, hung=self._hung
        )

    def heard(self) -> Heard:
        """Return all that came so far."""
        return Heard(numbers=self._numbers, taken_s=self._taken_s, repeated_s=self._repeated_s)


class Receiver:
    """The process with the receipts. Used as ``async with``.

    Attributes:
        url: Endpoint n is ``url/n``.
    """

    url: str

    def __init__(self, endpoints: int, chance: Chance, *, partners: int = 1) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        self._child = context.Process(
            target=run,
            args=(endpoints, chance, partners, self._theirs),
            name="receiver",
            daemon=True,
        )

    async def __aenter__(self) -> Self:
        self._child.start()
        self._theirs.close()
        self.url = await asyncio.to_thread(self._pipe.recv)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipe.close()  # the process ends by that
        await asyncio.to_thread(self._child.join, END_WITHIN_S)
        if self._child.is_alive():
            self._child.kill()

    async def totals(self) -> Totals:
        """Return what came so far, in numbers."""
        totals: Totals = await asyncio.to_thread(self._ask, _TOTALS)
        return totals

    async def heard(self) -> Heard:
        """Return all that came so far."""
        heard: Heard = await asyncio.to_thread(self._ask, _HEARD)
        return heard

    def _ask(self, question: str) -> Any:
        self._pipe.send(question)
        return self._pipe.recv()


def run(endpoints: int, chance: Chance, partners: int, parent: Connection) -> None:
    """Receive until the parent closes its end; the whole life of a receiver's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    keep_off_the_servers()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_receive(Receipts(endpoints, chance, partners=partners), parent))


async def _receive(receipts: Receipts, parent: Connection) -> None:
    async with answering(receipts.answer) as url:
        await asyncio.to_thread(parent.send, url)
        while True:
            try:
                question = await asyncio.to_thread(parent.recv)
            except EOFError:
                return
            said = receipts.totals() if question == _TOTALS else receipts.heard()
            await asyncio.to_thread(parent.send, said)
