"""What we ask of one charger: commands are taken, sent one at a time, and answered."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import structlog

from core.commands.service import Offer
from core.kernel import failpoints, metrics, tracing
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from csms import outbound
from csms.actions import label
from csms.adapter import Adapter
from csms.calls import SentCall
from csms.node import Node
from csms.outbound import Claimed, Claiming, Look, Next, NoLongerOurs
from csms.protocol import Refusal, Result

if TYPE_CHECKING:
    from csms.connection import Connection

log = structlog.get_logger()


class Pump:
    """Has at most one call of ours in flight (OCPP-J 1.6 4.1.1).

    Its task is there only while there may be a command.
    """

    __slots__ = (
        "_adapter",
        "_connection",
        "_handed",
        "_has_turn",
        "_has_work",
        "_is_at_work",
        "_is_held_up",
        "_is_taken",
        "_node",
        "_waiting",
    )

    def __init__(self, connection: "Connection", node: Node, adapter: Adapter) -> None:
        self._connection = connection
        self._node = node
        self._adapter = adapter
        self._has_work = self._is_at_work = self._is_taken = False
        self._has_turn = self._is_held_up = False
        self._handed: Next = None
        self._waiting: tuple[str, asyncio.Future[Result | Refusal]] | None = None

    def wake(self) -> None:
        """Look for commands; called whenever there may be one."""
        self._has_work = True
        if not self._connection.is_closing:
            self.begin()

    def look(self) -> bool:
        """Look for a background command; tells whether ``Background.looked`` follows.

        It does not where something is under way, or the socket is not served yet: what was queued
        is taken after that.
        """
        looks = not self._is_at_work or self._is_held_up
        self._has_turn = True
        self.wake()
        return looks and self._is_at_work

    def begin(self) -> None:
        """Begin with what there is to do, if the socket is served and nothing is under way."""
        if (self._has_work or self._handed) and not (self._is_at_work or self._is_taken):
            self._is_at_work = self._connection.spawn(self._run())

    async def take(self, tx: Tx, offer: Offer) -> bool:
        """Take a command that a transaction is about to queue; it is sent once that is committed.

        Tells whether it was taken: not where something is under way here, as a charger is asked
        one thing at a time.
        """
        is_at_rest = not (self._is_at_work or self._has_work or self._is_taken)
        if not (is_at_rest and self._connection.welcomed.is_set and self._may_ask()):
            return False
        self._is_taken = True
        found: Next = None

        def hear(*, committed: bool) -> None:
            self._is_taken = False
            self._handed = found if committed else None
            self.begin()

        tx.outcome.heard_by(hear)
        found = await outbound.take(tx, self._node, self._adapter, offer, self._connection.line)
        return found is not None

    def give_up(self) -> None:
        """Wait no longer for an answer: the socket ends."""
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].cancel()

    def answered(self, answer: Result | Refusal) -> bool:
        """Hear an answer; tells whether it is the one that is waited for."""
        if self._waiting is None or self._waiting[0] != answer.id:
            return False
        if not self._waiting[1].done():
            self._waiting[1].set_result(answer)
        return True

    async def record(
        self, sent: SentCall, answer: Result | Refusal, *, take: Claiming | None = None
    ) -> Next:
        """Record an answer; return what *take* came to."""
        try:
            recorded = await self._connection.insist(
                lambda: outbound.record_answer(self._node, self._adapter, sent, answer, take=take)
            )
        except DatabaseUnavailable:  # the evidence decides, as after a crash
            log.warning("answer_not_recorded", command_id=sent.command.id)
            return Look.AGAIN
        if recorded.flaw is not None:
            excerpt = f"{sent.action}: {recorded.flaw}"
            self._connection.conduct.note(
                "answer_invalid", text=excerpt, message_id=sent.message_id
            )
        return recorded.following

    async def _run(self) -> None:
        while self._handed or (self._has_work and not self._connection.is_closing):
            self._has_work = False
            found, self._handed = self._handed or Look.AGAIN, None
            try:
                claimed = await self._claim(found)
                while claimed is not None:
                    claimed = await self._sent(claimed)
            except DatabaseUnavailable:
                log.warning("commands_delayed")  # the sweep wakes us again
            except NoLongerOurs as exc:
                self._connection.end(str(exc))
            except Exception:  # a bug must cost one command, not the session
                log.exception("command_failed")
        self._is_at_work = False

    def _may_ask(self) -> bool:
        return not self._connection.is_closing and self._connection.conduct.is_settled

    async def _claim(self, found: Next = Look.AGAIN) -> Claimed | None:
        """Take the next command; *found*: what that came to in another transaction."""
        welcomed, background = self._connection.welcomed, self._node.background
        try:
            if not welcomed.is_set:  # a boot may have come while the last answer was recorded
                self._is_held_up = True
                await welcomed.wait()
                self._is_held_up = False
                if found is Look.AGAIN and background.is_crowded and not self._has_turn:
                    return None  # what it is to be asked after its boot has its turn
            if found is Look.AGAIN and not self._may_ask():  # the sweep wakes us again
                return None
            charger_id = self._connection.charger_id
            return await outbound.claim(self._node, charger_id, self._take_next, found=found)
        finally:
            self._has_turn = self._is_held_up = False
            background.looked(self._connection)

    def _take_next(self, tx: Tx) -> Awaitable[Next]:
        charger_id = self._connection.charger_id
        return outbound.claiming(self._node, self._adapter, charger_id, self._connection.line)(tx)

    async def _sent(self, claimed: Claimed) -> Claimed | None:
        """Send a command and wait for its answer; return the next, taken with the answer."""
        command = claimed.command
        failpoints.hit("csms.claimed", command.kind)
        parent = claimed.traceparent
        with tracing.span(f"command {claimed.action}", parent=parent, command_id=command.id):
            answer = await self._ask(claimed)
        following: Next = Look.AGAIN
        if answer is None:
            await self._connection.insist(lambda: outbound.record_silence(self._node, command))
        else:
            failpoints.hit("csms.answered", command.kind)
            sent = SentCall(command, claimed.message_id, claimed.action, 0.0)
            asks = self._may_ask() and not claimed.is_last
            following = await self.record(sent, answer, take=self._take_next if asks else None)
        # whatever comes meanwhile wakes us
        return None if claimed.is_last else await self._claim(following)

    async def _ask(self, claimed: Claimed) -> Result | Refusal | None:
        """Write a call and return its answer; ``None`` if it may or may not have been heard."""
        connection = self._connection
        if connection.is_closing:  # it ended while the claim was being committed
            return None
        command = claimed.command
        self._node.calls.add(message_id=claimed.message_id, command=command, action=claimed.action)
        future: asyncio.Future[Result | Refusal] = asyncio.get_running_loop().create_future()
        self._waiting = (claimed.message_id, future)
        try:
            written = await connection.send(
                claimed.text,
                "call",
                message_id=claimed.message_id,
                action=claimed.action,
                operation_id=command.operation_id,
            )
            if not written:
                return None
            connection.conduct.asked(claimed.action, claimed.text)
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
