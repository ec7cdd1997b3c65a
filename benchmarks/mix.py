"""A fleet that lives by its habits: by the clock, and not by the answers (an open loop)."""

import asyncio
import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks import frames
from benchmarks.charger import CallRefused, Charger
from benchmarks.habits import BackOff, Habits
from benchmarks.ledger import Ledger

TICK_S: Final = 0.05
DUE_AGAIN_S: Final = 1.0
_LOST: Final = (ConnectionError, ConnectionClosed)
_NO_ENTRY: Final = (OSError, InvalidHandshake, TimeoutError)


@dataclass(slots=True)
class Record:
    """What was heard of messages that became due since an instant."""

    since_s: float
    late_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Message:
    """One that waits for its turn. *build* makes its text once: it is repeated as it was.

    *follows*: the charger sends it when the one before is answered, so it is not due sooner.
    """

    action: str
    due_s: float
    build: Callable[[], str]
    then: Callable[[Any], None] | None = None
    follows: bool = False
    text: str | None = None


@dataclass(slots=True)
class Transaction:
    """One transaction, with its number once the server has given it."""

    number: int | None = None

    def known(self) -> int:
        """Return the number."""
        if self.number is None:
            raise LookupError("no transaction: its start was refused")
        return self.number


class Member:
    """One charger of the fleet, with the messages that wait for their turn."""

    def __init__(self, charger: Charger, fleet: "Fleet") -> None:
        self.charger = charger
        self.fleet = fleet
        self.is_charging = False
        self.is_up = False
        self.transaction = Transaction()
        self.waiting: deque[Message] = deque()
        self.heartbeat_s = 300.0
        self.token = frames.TOKEN
        self._is_busy = False
        charger.on_end = self._ended

    async def join(self) -> None:
        """Connect and boot for the first time."""
        while not self.is_up:
            try:
                await self.charger.__aenter__()
                self.heartbeat_s = await self.charger.boot() / self.fleet.habits.faster
                self.is_up = True
            except (*_NO_ENTRY, ConnectionClosed, CallRefused) as exc:
                self.fleet.record.wrong.append(f"{self.charger.identity} joins: {exc!r}")
                await asyncio.sleep(DUE_AGAIN_S)
        self.shows("Available", time.perf_counter())

    def shows(self, status: str, due_s: float, *, follows: bool = True) -> None:
        """Report the connector."""
        at = self.charger.times.next()
        self.say("StatusNotification", due_s, lambda: frames.status(1, status, at), follows=follows)

    def say(
        self,
        action: str,
        due_s: float,
        build: Callable[[], str],
        then: Callable[[Any], None] | None = None,
        *,
        follows: bool = False,
    ) -> None:
        """Send a message when those before it are answered."""
        self.waiting.append(
            Message(action=action, due_s=due_s, build=build, then=then, follows=follows)
        )
        self.wake()

    def wake(self) -> None:
        """Go on sending, if there is something to send and somebody to send it to."""
        if self.waiting and self.is_up and not self._is_busy:
            self._is_busy = True
            self.fleet.own(self._send())

    # What happens to it, each at the instant when it is due.

    def heartbeat(self, due_s: float) -> None:
        """Tell that it is there; nothing is caught up on when it is not."""
        if self.is_up:
            self.say("Heartbeat", due_s, lambda: "{}")
        self.fleet.later(due_s + self.heartbeat_s, self.heartbeat)

    def plug(self, due_s: float) -> None:
        """Begin a transaction; the next one comes a cycle later."""
        self.fleet.later(due_s + self.fleet.jittered(self.fleet.habits.cycle_s), self.plug)
        if not self.is_charging:
            self.begin(due_s, self.fleet.habits.charge_s / self.fleet.habits.faster)

    def begin(self, due_s: float, for_s: float) -> None:
        """Charge *for_s* seconds from now on."""
        self.shows("Preparing", due_s, follows=False)
        self.say("Authorize", due_s, frames.authorize, follows=True)
        self.start(due_s)
        self.fleet.later(due_s + for_s, self.unplug)

    def start(self, due_s: float) -> None:
        """Begin the transaction itself, and its readings."""
        self.is_charging = True
        mine = self.transaction = Transaction()
        wh, at, token = self.charger.meter_wh, self.charger.times.next(), self.token

        def started(answer: Any) -> None:
            mine.number = answer["transactionId"]
            if answer["idTagInfo"]["status"] != "Accepted":
                self.fleet.record.wrong.append(f"StartTransaction: {answer}")
            self.fleet.ledger.started(answer["transactionId"], wh)

        build = lambda: frames.start(1, wh, at, token=token)  # noqa: E731 - a text not made yet
        self.say("StartTransaction", due_s, build, started, follows=True)
        self.shows("Charging", due_s)
        first_s = self.fleet.rng.uniform(0, self.fleet.habits.reading_s)
        self.fleet.later(due_s + first_s / self.fleet.habits.faster, self.reading)

    def reading(self, due_s: float) -> None:
        """Send a reading, and the next one a minute later, while it charges."""
        if not self.is_charging:
            return
        mine, wh, at = self.transaction, self._more(), self.charger.times.next()

        def build() -> str:
            return frames.meter_values(1, mine.known(), wh, at)

        def stored(answer: Any) -> None:
            self.fleet.ledger.metered(mine.known(), wh)

        self.say("MeterValues", due_s, build, stored)
        self.fleet.later(
            due_s + self.fleet.habits.reading_s / self.fleet.habits.faster, self.reading
        )

    def unplug(self, due_s: float) -> None:
        """End the transaction."""
        self.stop(due_s)

    def stop(self, due_s: float) -> None:
        """End the transaction, if there is one, and free the connector."""
        if not self.is_charging:
            return
        self.is_charging = False
        mine, wh, at = self.transaction, self._more(), self.charger.times.next()
        token = self.token

        def build() -> str:
            return frames.stop(mine.known(), wh, at, token=token)

        def stopped(answer: Any) -> None:
            self.fleet.ledger.stopped(mine.known(), wh)

        self.say("StopTransaction", due_s, build, stopped)
        for status in ("Finishing", "Available"):
            self.shows(status, due_s)

    def _more(self) -> int:
        step_wh = frames.REGISTER_STEP_WH / self.fleet.habits.faster
        self.charger.meter_wh += max(1, round(step_wh))
        return self.charger.meter_wh

    # Its socket.

    async def _send(self) -> None:
        """Send what waits, one after the other; stop when the socket is gone."""
        try:
            while self.is_up and self.waiting:
                if not await self._send_first():
                    return
        finally:
            self._is_busy = False

    async def _send_first(self) -> bool:
        message = self.waiting[0]
        sent_s = time.perf_counter()
        try:
            if message.text is None:
                message.text = message.build()
            answer = await self.charger.call(message.action, message.text)
        except _LOST:
            return False  # it is sent again once the charger is back
        except (CallRefused, LookupError, TimeoutError) as exc:
            self.fleet.record.wrong.append(f"{message.action}: {exc!r}")
            self.waiting.popleft()
        else:
            self.waiting.popleft()
            self.fleet.heard(self, message)
            if message.then is not None:
                message.then(answer)
        if self.waiting and self.waiting[0].follows:
            took_s = time.perf_counter() - max(sent_s, message.due_s)
            self.waiting[0].due_s = message.due_s + took_s
        return True

    def _ended(self) -> None:
        """Come back, unless that is the end."""
        was_up, self.is_up = self.is_up, False
        if self.fleet.is_over or not was_up:
            return
        if not self.fleet.is_killed:
            self.fleet.record.wrong.append(f"cut off: {self.charger.ended_for}")
        self.fleet.away.add(self)
        self.fleet.own(self._come_back())

    async def _come_back(self) -> None:
        wait_s: float | None = None
        for tries in count():
            wait_s = self.fleet.back_off.wait_s(self.fleet.rng, wait_s, tries)
            await asyncio.sleep(wait_s)
            self.fleet.tries += 1
            try:
                await self.charger.__aenter__()
            except _NO_ENTRY:
                continue
            self.is_up = True
            if self.waiting:
                self.wake()
            else:
                self.say("Heartbeat", time.perf_counter(), lambda: "{}")
            return


class Fleet:
    """Chargers, what they are due to do, and what was heard of it."""

    def __init__(self, *, habits: Habits, back_off: BackOff, seed: int) -> None:
        self.habits = habits
        self.back_off = back_off
        self.rng = random.Random(seed)  # noqa: S311 - a load, not a secret
        self.ledger = Ledger()
        self.record = Record(time.perf_counter())
        self.members: list[Member] = []
        self.away: set[Member] = set()
        self.tries = 0
        self.is_killed = False
        self.is_over = False
        self._is_resting = False
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = count()
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, at_once: int) -> None:
        """Let everybody connect and boot, *at_once* at a time."""
        turns = asyncio.Semaphore(at_once)

        async def one(member: Member) -> None:
            async with turns:
                await member.join()

        await asyncio.gather(*(one(member) for member in self.members))

    def begin(self) -> None:
        """Put everybody somewhere into its day; a fifth begins to charge in turn."""
        now_s, habits = time.perf_counter(), self.habits
        ramp_s = habits.ramp_s(len(self.members))
        for member in self.members:
            self.later(now_s + self.rng.uniform(0, member.heartbeat_s), member.heartbeat)
            phase_s = self.rng.uniform(0, habits.cycle_s)
            if phase_s < habits.charge_s:
                self._charges_already(member, now_s + self.rng.uniform(0, ramp_s), phase_s)
            else:
                to_next_s = (habits.cycle_s - phase_s) / habits.faster
                self.later(now_s + ramp_s + to_next_s, member.plug)

    def _charges_already(self, member: Member, due_s: float, for_s: float) -> None:
        faster = self.habits.faster
        self.later(due_s, lambda at_s: member.begin(at_s, (self.habits.charge_s - for_s) / faster))
        self.later(due_s + (self.habits.cycle_s - for_s) / faster, member.plug)

    def later(self, due_s: float, what: Callable[[float], None]) -> None:
        """Let something happen at an instant, unless all have come to rest."""
        if self._is_resting:
            return
        heapq.heappush(self._agenda, (due_s, next(self._number), what))

    def jittered(self, every_s: float) -> float:
        """Return about *every_s*, as the habits have it."""
        return every_s * self.rng.uniform(0.9, 1.1) / self.habits.faster

    async def run(self) -> None:
        """Let things happen when they are due, for ever."""
        while True:
            while self._agenda and self._agenda[0][0] <= time.perf_counter():
                due_s, _, what = heapq.heappop(self._agenda)
                what(due_s)
            head_s = self._agenda[0][0] - time.perf_counter() if self._agenda else TICK_S
            await asyncio.sleep(min(max(head_s, 0), TICK_S))

    def rest(self) -> None:
        """Let nothing happen any more; what became due is still sent."""
        self._is_resting = True
        self._agenda.clear()

    def heard(self, member: Member, message: Message) -> None:
        """Note an answer."""
        self.away.discard(member)
        if message.due_s >= self.record.since_s:
            self.record.late_s.append(time.perf_counter() - message.due_s)

    def unanswered(self) -> list[float]:
        """Return how late the messages are by now that became due and are not answered."""
        now_s = time.perf_counter()
        return [now_s - one.due_s for member in self.members for one in member.waiting]

    async def settled(self) -> None:
        """Wait until everybody is there and nothing waits for an answer."""
        while self.away or any(member.waiting for member in self.members):  # noqa: ASYNC110
            await asyncio.sleep(TICK_S)

    def own(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* as a task; what goes wrong in it is recorded."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            self.record.wrong.append(repr(exc))

    async def leave(self) -> None:
        """Disconnect everybody."""
        self.is_over = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(
            *self._tasks,
            *(member.charger.__aexit__() for member in self.members),
            return_exceptions=True,
        )
