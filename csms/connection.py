"""One charger's WebSocket: reads frames, answers calls in order, makes calls one at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, Final, TypeVar

import structlog
from websockets import ConnectionClosed

from core.chargers.models import Charger
from core.commands.service import Offer
from core.kernel import failpoints, metrics, tracing
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.log import Saying
from csms import flood, inbound, protocol
from csms.actions import label
from csms.adapter import Adapter
from csms.conduct import Conduct
from csms.inbound import NotStored, Peer
from csms.insisting import insist
from csms.mailbox import Flag, Mailbox
from csms.node import Node
from csms.outbound import Line
from csms.pace import Pace
from csms.protocol import Call, MalformedFrame, Refusal, Result
from csms.pump import Pump
from csms.redact import is_plain
from csms.socket import Message, Socket
from csms.turns import Asked, Due, Item, Late, Unheard
from csms.watch import leave

log = structlog.get_logger()

T = TypeVar("T")

QUEUE_LIMIT: Final = 64
"""Messages of a charger that may wait; then its socket is not read."""
READ_ON_AT: Final = 16
"""From so many that wait on it is read again."""
ANSWER_COST: Final = 0.02
"""What an answer takes of a charger's allowance of frames: it costs us far less than a call."""

TRY_LATER: Final = 1013
INTERNAL: Final = 1011
POLICY: Final = 1008
TOO_LARGE: Final = 1009


class Connection:
    """Serves one charger until the socket closes.

    A message is looked at when it arrives. An answer to our call is matched then, so that none
    waits for a handler; a call waits for the task of the connection, which handles the calls one by
    one and answers after the commit. What is sent too fast, or while too much waits, is looked at
    only when its turn comes. The pump (``Pump``) is a task only while there may be a call of ours.

    Attributes:
        epoch: Of this socket; a higher one in the database means that another has taken over.
        is_registered: Whether the database knows of it.
        heard_s: Monotonic time of the last frame.
        serials: Of the certificates on which the login stands.
        security_profile: What the login came up to.
        conduct: How the charger behaves here, by the rules of its profile.
        welcomed: Set but while a boot waits for its answer.
        is_closing: Whether the socket is closed, or about to be.
    """

    def __init__(
        self,
        node: Node,
        socket: Socket,
        adapter: Adapter,
        charger: Charger,
        *,
        epoch: int,
        serials: frozenset[str] = frozenset(),
    ) -> None:
        self._node = node
        self._socket = socket
        self._adapter = adapter
        rules = node.book.rules_for(charger)
        self.conduct = Conduct(node.surroundings, charger, adapter.rules, rules)
        self._peer = Peer(charger=charger, adapter=adapter, conduct=self.conduct)
        self._pace = Pace(node.clock, per_second=node.settings.frames_per_second)
        self._inbound: Mailbox[Item | Unheard | None] = Mailbox()
        self._pump = Pump(self, node, adapter)
        self._tasks: set[asyncio.Task[None]] | None = None
        self._context: Context | None = None
        self.welcomed = Flag(is_set=True)
        self.is_closing = False
        self._ends_for: str | None = None
        self.security_profile = charger.security_profile
        self.serials = serials
        self.charger_id = charger.id
        self.epoch = epoch
        self.is_registered = False
        self.heard_s = node.clock.monotonic()

    @property
    def version(self) -> str:
        """The OCPP version spoken."""
        return self._adapter.version

    async def run(self) -> None:
        """Serve until the socket closes, then finish what was received."""
        self._tasks, self._context = set(), copy_context()
        try:
            self._close_for_reason()
            self._pump.begin()
            self._socket.listen(self._hear, self._closed)
            if len(self._inbound) < QUEUE_LIMIT:
                self._socket.go_on()
            await self._serve()
            self._stop()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._stop()
            tasks, self._tasks = self._tasks, None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            leave(self._node, self.conduct.ended())

    def follow_profile(self) -> None:
        """Take the rules that the charger's profile has now."""
        self.conduct.apply(self._node.book.rules_for(self._peer.charger))
        self._socket.protocol.max_message_size = self.conduct.frame_rules.max_frame_chars

    def wake(self) -> None:
        """Look for commands; called whenever there may be one."""
        self._pump.wake()

    def look(self) -> bool:
        """Look for a background command; see ``Pump.look``."""
        return self._pump.look()

    @property
    def line(self) -> Line:
        """The socket, as far as it decides what may be said on it."""
        return Line(
            epoch=self.epoch,
            security_profile=self.security_profile,
            max_bytes=self.conduct.rules.max_sent_bytes,
        )

    async def take(self, tx: Tx, offer: Offer) -> bool:
        """Take a command that a transaction of somebody else's is about to queue.

        It is sent as soon as that is committed. Tells whether it was taken.
        """
        return await self._pump.take(tx, offer)

    def spawn(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do *work* while the socket is served; tells whether it is."""
        if self._tasks is None:
            work.close()
            return False
        task = asyncio.create_task(work, context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return True

    def _done(self, task: asyncio.Task[None]) -> None:
        """Let go of a task; a bug that ended it ends the socket, and no other work of it."""
        if self._tasks is not None:
            self._tasks.discard(task)
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("connection_work_failed", charger_id=self.charger_id, exc_info=exc)
            self.spawn(self.close(INTERNAL, "internal error"))

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; ``run`` then ends by itself."""
        self._stop()
        await self._socket.close(code, reason)

    def end(self, reason: str) -> None:
        """Have the socket closed because the charger may not be here; wait for nothing."""
        if not self.is_closing:
            log.warning("socket_ended", charger_id=self.charger_id, reason=reason)
            self._ends_for = reason
            self._stop()
            self._close_for_reason()

    def _close_for_reason(self) -> None:
        if self._ends_for is not None:
            self.spawn(self._socket.close(POLICY, self._ends_for))

    def keep_alive(self) -> None:
        """See to it that a charger that is gone does not count as connected; call it regularly."""
        self._socket.keep_alive(pings=self.conduct.rules.pings)

    async def answers_ping(self, *, within_s: float) -> bool:
        """Tell whether the charger is still there."""
        try:
            async with asyncio.timeout(within_s):
                await (await self._socket.ping())
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    def _stop(self) -> None:
        self.is_closing = True
        self.welcomed.set()
        self._pump.give_up()

    # What arrives.

    def _hear(self, text: Message) -> None:
        """Look at a message that has just arrived, unless that has to wait."""
        self.heard_s = self._node.clock.monotonic()
        if len(self._inbound) >= QUEUE_LIMIT or not self._pace.is_kept:
            self._inbound.put(Unheard(text))
        elif self._context is not None:
            self._context.run(self._look_at, text)
        if len(self._inbound) >= QUEUE_LIMIT:
            self._socket.hold()

    def _closed(self, exc: ConnectionClosed) -> None:
        """Hear that the socket is closed: what has arrived is still handled."""
        if exc.sent is not None and exc.sent.code == TOO_LARGE:
            self.conduct.note("frame_too_large")
        if self._context is not None:
            code = None if exc.rcvd is None else exc.rcvd.code
            self._context.run(log.info, "socket_lost", code=code)
        self._stop()
        self._inbound.put(None)

    def _look_at(self, text: Message) -> None:
        try:
            item, cost = self._looked_at(text)
        except Exception:  # this socket is of no use any more; the others go on
            log.exception("frame_failed")
            self.spawn(self.close(INTERNAL, "internal error"))
            return
        self._pace.take(cost)
        if item is not None:
            self._inbound.put(item)

    def _looked_at(self, text: Message) -> tuple[Item | None, float]:
        """Return what is to be done with a message, and what it takes of the allowance."""
        try:
            frame = protocol.decode(text, rules=self.conduct.frame_rules)
        except MalformedFrame as exc:
            return self._refusal(text, exc), 1 if exc.code is not None else ANSWER_COST
        if isinstance(frame, Call):
            plain = is_plain(str(text))
            self._log(text, "in", "call", message_id=frame.id, action=frame.action, plain=plain)
            self.conduct.called(frame, str(text))
            return Asked(frame, str(text), self.heard_s, plain), 1
        return self._matched(text, frame), ANSWER_COST

    def _refusal(self, text: Message, exc: MalformedFrame) -> Due | None:
        log.warning("frame_malformed", reason=exc.reason, code=exc.code)
        self._log(text, "in", "unreadable", message_id=exc.message_id)
        self.conduct.note("frame_malformed", text=text, message_id=exc.message_id)
        if exc.code is None or exc.message_id is None:
            return None
        refusal = protocol.encode_error(exc.message_id, exc.code, exc.reason)
        return Due(refusal, exc.message_id)

    def _matched(self, text: Message, answer: Result | Refusal) -> Late | None:
        """Give an answer to who waits for it; return it where nobody does any more."""
        sent = self._node.calls.take(answer.id, charger_id=self.charger_id)
        operation_id = None if sent is None else sent.command.operation_id
        self._log(
            text,
            "in",
            "result" if isinstance(answer, Result) else "error",
            message_id=answer.id,
            action=None if sent is None else sent.action,
            operation_id=operation_id,
        )
        self.conduct.answered(answer, text, known=sent is not None)
        if sent is None:
            log.debug("answer_unsolicited", message_id=answer.id)
        elif not self._pump.answered(answer):
            return Late(sent, answer)
        return None

    # What is handled, one after the other.

    async def _serve(self) -> None:
        while (waiting := await self._inbound.get()) is not None:
            if self._socket.is_held and len(self._inbound) <= READ_ON_AT:
                self._socket.go_on()
            try:
                item = await self._heard(waiting.text) if isinstance(waiting, Unheard) else waiting
                if item is not None:
                    await self._take(item)
            except Exception:  # this socket is of no use any more; the others go on
                log.exception("frame_failed")
                await self.close(INTERNAL, "internal error")

    async def _heard(self, text: Message) -> Item | None:
        """Look at a message that had to wait, at the pace that is kept."""
        item, cost = self._looked_at(text)
        await self._pace.keep(cost)
        if not self.is_closing and await flood.is_over(self._node, self.charger_id, self._pace):
            await self.close(POLICY, "too many frames")
        return item

    async def _take(self, item: Item) -> None:
        match item:
            case Due(text, message_id):
                await self.send(text, "error", message_id=message_id)
            case Asked(call):
                name = f"frame {label(self._adapter.version, call.action)}"
                facts = {"action": call.action, "message_id": call.id}
                with Saying(facts), tracing.span(name):
                    await self._answer(item)
            case Late(sent, answer):
                log.info("answer_late", command_id=sent.command.id)
                self.conduct.note("answer_late", action=sent.action, message_id=sent.message_id)
                await self._pump.record(sent, answer)

    async def _answer(self, asked: Asked) -> None:
        call = asked.call
        boots = call.action == "BootNotification"
        if boots:  # our first questions come after our answer
            self.welcomed.clear()
            self._node.background.boot_began()
        try:
            text = await self._answered(asked)
            if text is not None:
                kind = "error" if text.startswith("[4,") else "result"
                await self.send(text, kind, message_id=call.id, action=call.action)
                failpoints.replied()
                seconds = self._node.clock.monotonic() - asked.at_s
                metrics.CALLS.labels(label(self._adapter.version, call.action)).observe(seconds)
                if boots:
                    self.conduct.boot_answered(text)
                    self.follow_profile()
        finally:
            if boots:
                self.welcomed.set()
                self._node.background.boot_ended()

    async def _answered(self, asked: Asked) -> str | None:
        """Return the answer; ``None``, with the socket closed, where nothing could be stored."""
        try:
            answer = inbound.answer
            return await self.insist(lambda: answer(self._node, self._peer, asked))
        except DatabaseUnavailable:
            log.warning("socket_given_up", reason="database_unavailable")
            await self.close(TRY_LATER, "try again later")
        except NotStored:
            await self.close(INTERNAL, "not stored")
        return None

    async def insist(self, work: Callable[[], Awaitable[T]]) -> T:
        return await insist(work, self._node.clock, is_over=lambda: self.is_closing)

    # Both ways.

    async def send(self, text: str, kind: str, **about: Any) -> bool:
        """Write a frame; tell whether the socket took it. *about*: see ``Node.log_frame``."""
        try:
            await self._socket.say(text)
        except ConnectionClosed:
            return False
        self._log(text, "out", kind, **about)
        return True

    def _log(self, text: str | bytes, direction: str, kind: str, **about: Any) -> None:
        self._node.log_frame(self.charger_id, text, direction=direction, kind=kind, **about)
