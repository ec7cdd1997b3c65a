"""One charger's WebSocket: reads frames, answers calls in order, makes calls one at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from typing import Final, TypeVar

import structlog
from websockets import ConnectionClosed
from websockets.asyncio.server import ServerConnection

from core.chargers.models import Charger
from core.kernel import failpoints, metrics, tracing
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.log import Saying
from csms import flood, inbound, outbound, protocol
from csms.actions import label
from csms.adapter import Adapter
from csms.calls import SentCall
from csms.conduct import Conduct
from csms.inbound import NotStored, Peer
from csms.insisting import insist
from csms.mailbox import Flag, Mailbox
from csms.node import Node
from csms.outbound import Claimed, Claiming, Look, Next, NoLongerOurs
from csms.pace import Pace
from csms.protocol import Call, MalformedFrame, Refusal, Result
from csms.turns import Asked, Due, Item, Late
from csms.watch import leave

log = structlog.get_logger()

T = TypeVar("T")

QUEUE_LIMIT: Final = 64
"""Calls of a charger that may wait; then its socket is not read."""
ANSWER_COST: Final = 0.02
"""What an answer takes of a charger's allowance of frames: it costs us far less than a call."""

TRY_LATER: Final = 1013
INTERNAL: Final = 1011
POLICY: Final = 1008
TOO_LARGE: Final = 1009


class Connection:
    """Serves one charger until the socket closes.

    Three tasks: the reader, which matches answers to our calls itself, so that none of them waits
    for a handler; the server, which handles the charger's calls one by one and answers after the
    commit; the pump, which has at most one call of ours in flight (OCPP-J 1.6 4.1.1), and is there
    only while there may be one.

    Attributes:
        epoch: Of this socket; a higher one in the database means that another has taken over.
        is_registered: Whether the database knows of it.
        heard_s: Monotonic time of the last frame.
        serials: Of the certificates on which the login stands.
        security_profile: What the login came up to.
        conduct: How the charger behaves here, by the rules of its profile.
    """

    def __init__(
        self,
        node: Node,
        socket: ServerConnection,
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
        self._inbound: Mailbox[Item | None] = Mailbox(QUEUE_LIMIT)
        self._has_work = self._is_pumping = False
        self._tasks: asyncio.TaskGroup | None = None
        self._context: Context | None = None
        self._welcomed = Flag(is_set=True)
        self._waiting: tuple[str, asyncio.Future[Result | Refusal]] | None = None
        self._is_closing = False
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
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks, self._context = tasks, copy_context()
                tasks.create_task(self._serve())
                if self._has_work:
                    self.wake()
                try:
                    await self._read()
                finally:
                    self._stop()
                    await self._inbound.put(None)
        finally:
            self._tasks = None
            leave(self._node, self.conduct.ended())

    def follow_profile(self) -> None:
        """Take the rules that the charger's profile has now."""
        self.conduct.apply(self._node.book.rules_for(self._peer.charger))
        self._socket.protocol.max_message_size = self.conduct.frame_rules.max_frame_chars

    def wake(self) -> None:
        """Look for commands; called whenever there may be one."""
        self._has_work = True
        if not self._is_closing:
            self._begin_pump()

    async def close(self, code: int, reason: str) -> None:
        """Close the socket; ``run`` then ends by itself."""
        self._stop()
        await self._socket.close(code, reason)

    def end(self, reason: str) -> None:
        """Have the socket closed because the charger may not be here; wait for nothing."""
        if not self._is_closing:
            log.warning("socket_ended", charger_id=self.charger_id, reason=reason)
            self._ends_for = reason
            self._stop()
            self._begin_pump()

    async def answers_ping(self, *, within_s: float) -> bool:
        """Tell whether the charger is still there."""
        try:
            async with asyncio.timeout(within_s):
                await (await self._socket.ping())
        except (TimeoutError, ConnectionClosed):
            return False
        return True

    def _stop(self) -> None:
        self._is_closing = True
        self._welcomed.set()
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].cancel()

    # The reader.

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self.heard_s = self._node.clock.monotonic()
                await self._receive(text)
                if await flood.is_over(self._node, self.charger_id, self._pace):
                    await self.close(POLICY, "too many frames")
        except ConnectionClosed as exc:
            if exc.sent is not None and exc.sent.code == TOO_LARGE:
                self.conduct.note("frame_too_large")
            log.info("socket_lost", code=None if exc.rcvd is None else exc.rcvd.code)

    async def _receive(self, text: str | bytes) -> None:
        try:
            frame = protocol.decode(text, rules=self.conduct.frame_rules)
        except MalformedFrame as exc:
            await self._refuse(text, exc)
            return
        match frame:
            case Call():
                self._log(text, "in", "call", message_id=frame.id, action=frame.action)
                self.conduct.called(frame, str(text))
                await self._pace.keep(1)
                asked = Asked(frame, str(text), self._node.clock.monotonic())
                await self._inbound.put(asked)
            case Result() | Refusal():
                await self._pace.keep(ANSWER_COST)
                await self._match(text, frame)

    async def _refuse(self, text: str | bytes, exc: MalformedFrame) -> None:
        log.warning("frame_malformed", reason=exc.reason, code=exc.code)
        self._log(text, "in", "unreadable", message_id=exc.message_id)
        self.conduct.note("frame_malformed", text=text, message_id=exc.message_id)
        await self._pace.keep(1 if exc.code is not None else ANSWER_COST)
        if exc.code is not None and exc.message_id is not None:
            refusal = protocol.encode_error(exc.message_id, exc.code, exc.reason)
            await self._inbound.put(Due(refusal, exc.message_id))

    async def _match(self, text: str | bytes, answer: Result | Refusal) -> None:
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
        elif self._waiting is not None and self._waiting[0] == answer.id:
            if not self._waiting[1].done():
                self._waiting[1].set_result(answer)
        else:
            await self._inbound.put(Late(sent, answer))

    # The server.

    async def _serve(self) -> None:
        while (item := await self._inbound.get()) is not None:
            try:
                await self._take(item)
            except Exception:  # this socket is of no use any more; the others go on
                log.exception("frame_failed")
                await self.close(INTERNAL, "internal error")

    async def _take(self, item: Item) -> None:
        match item:
            case Due(text, message_id):
                await self._send(text, "error", message_id=message_id)
            case Asked(call):
                name = f"frame {label(self._adapter.version, call.action)}"
                facts = {"action": call.action, "message_id": call.id}
                with Saying(facts), tracing.span(name):
                    await self._answer(item)
            case Late(sent, answer):
                log.info("answer_late", command_id=sent.command.id)
                self.conduct.note("answer_late", action=sent.action, message_id=sent.message_id)
                await self._record(sent, answer)

    async def _answer(self, asked: Asked) -> None:
        call = asked.call
        boots = call.action == "BootNotification"
        if boots:  # our first questions come after our answer
            self._welcomed.clear()
        try:
            text = await self._answered(asked)
            if text is not None:
                kind = "error" if text.startswith("[4,") else "result"
                await self._send(text, kind, message_id=call.id, action=call.action)
                failpoints.replied()
                seconds = self._node.clock.monotonic() - asked.at_s
                metrics.CALLS.labels(label(self._adapter.version, call.action)).observe(seconds)
                if boots:
                    self.conduct.boot_answered(text)
                    self.follow_profile()
        finally:
            if boots:
                self._welcomed.set()

    async def _answered(self, asked: Asked) -> str | None:
        """Return the answer; ``None``, with the socket closed, where nothing could be stored."""
        try:
            answer = inbound.answer
            return await self._insist(
                lambda: answer(self._node, self._peer, asked.call, asked.text)
            )
        except DatabaseUnavailable:
            log.warning("socket_given_up", reason="database_unavailable")
            await self.close(TRY_LATER, "try again later")
        except NotStored:
            await self.close(INTERNAL, "not stored")
        return None

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        return await insist(work, self._node.clock, is_over=lambda: self._is_closing)

    # The pump.

    def _begin_pump(self) -> None:
        if not self._is_pumping and self._tasks is not None:
            self._is_pumping = True
            self._tasks.create_task(self._pump(), context=self._context)

    async def _pump(self) -> None:
        while self._has_work and not self._is_closing:
            self._has_work = False
            try:
                claimed = await self._claim()
                while claimed is not None:
                    claimed = await self._sent(claimed)
            except DatabaseUnavailable:
                log.warning("commands_delayed")  # the sweep wakes us again
            except NoLongerOurs as exc:
                self.end(str(exc))
            except Exception:  # a bug must cost one command, not the session
                log.exception("command_failed")
        self._is_pumping = False
        if self._ends_for is not None:
            await self._socket.close(POLICY, self._ends_for)

    def _may_ask(self) -> bool:
        return not self._is_closing and self.conduct.is_settled

    async def _claim(self, found: Next = Look.AGAIN) -> Claimed | None:
        """Take the next command; *found*: what that came to with the last answer."""
        await self._welcomed.wait()  # a boot may have come while the last answer was recorded
        if found is Look.AGAIN and not self._may_ask():  # the sweep wakes us again
            return None
        return await outbound.claim(self._node, self.charger_id, self._take_next, found=found)

    def _take_next(self, tx: Tx) -> Awaitable[Next]:
        return outbound.claiming(
            self._node,
            self._adapter,
            charger_id=self.charger_id,
            epoch=self.epoch,
            security_profile=self.security_profile,
            max_bytes=self.conduct.rules.max_sent_bytes,
        )(tx)

    async def _sent(self, claimed: Claimed) -> Claimed | None:
        """Send a command and wait for its answer; return the next, taken with the answer."""
        command = claimed.command
        failpoints.hit("csms.claimed", command.kind)
        parent = claimed.traceparent
        with tracing.span(f"command {claimed.action}", parent=parent, command_id=command.id):
            answer = await self._ask(claimed)
        following: Next = Look.AGAIN
        if answer is None:
            await self._insist(lambda: outbound.record_silence(self._node, command))
        else:
            failpoints.hit("csms.answered", command.kind)
            sent = SentCall(command, claimed.message_id, claimed.action, 0.0)
            asks = self._may_ask() and not claimed.is_last
            following = await self._record(sent, answer, take=self._take_next if asks else None)
        # whatever comes meanwhile wakes us
        return None if claimed.is_last else await self._claim(following)

    async def _ask(self, claimed: Claimed) -> Result | Refusal | None:
        """Write a call and return its answer; ``None`` if it may or may not have been heard."""
        if self._is_closing:  # it ended while the claim was being committed
            return None
        command = claimed.command
        self._node.calls.add(message_id=claimed.message_id, command=command, action=claimed.action)
        future: asyncio.Future[Result | Refusal] = asyncio.get_running_loop().create_future()
        self._waiting = (claimed.message_id, future)
        try:
            written = await self._send(
                claimed.text,
                "call",
                message_id=claimed.message_id,
                action=claimed.action,
                operation_id=command.operation_id,
            )
            if not written:
                return None
            self.conduct.asked(claimed.action, claimed.text)
            failpoints.hit("csms.written", command.kind)
            asked_s = self._node.clock.monotonic()
            await asyncio.wait([future], timeout=command.timeout_s)
            if not future.done() or future.cancelled():
                return None
            seconds = self._node.clock.monotonic() - asked_s
            metrics.ASKED.labels(label(self._adapter.version, claimed.action)).observe(seconds)
            return future.result()
        finally:
            self._waiting = None
            future.cancel()

    async def _record(
        self, sent: SentCall, answer: Result | Refusal, *, take: Claiming | None = None
    ) -> Next:
        """Record an answer; return what *take* came to."""
        try:
            recorded = await self._insist(
                lambda: outbound.record_answer(self._node, self._adapter, sent, answer, take=take)
            )
        except DatabaseUnavailable:  # the evidence decides, as after a crash
            log.warning("answer_not_recorded", command_id=sent.command.id)
            return Look.AGAIN
        if recorded.flaw is not None:
            excerpt = f"{sent.action}: {recorded.flaw}"
            self.conduct.note("answer_invalid", text=excerpt, message_id=sent.message_id)
        return recorded.following

    # Both ways.

    async def _send(self, text: str, kind: str, **about: str | None) -> bool:
        """Write a frame; tell whether the socket took it. *about*: see ``Node.log_frame``."""
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            return False
        self._log(text, "out", kind, **about)
        return True

    def _log(self, text: str | bytes, direction: str, kind: str, **about: str | None) -> None:
        self._node.log_frame(self.charger_id, text, direction=direction, kind=kind, **about)
