"""Our calls: claimed, put into the charger's words, their answers recorded."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

import structlog

from core.chargers.login import is_enough
from core.chargers.models import Charger, Standing
from core.chargers.states import Registration
from core.commands import service as commands
from core.commands.commands import (
    Answer,
    Reserve,
    StartCharging,
    StopCharging,
    Verdict,
    from_row,
    seal_context,
)
from core.commands.models import CommandRow
from core.desired import service as desired
from core.fleet import service as fleet
from core.kernel import failpoints, tracing
from core.kernel.crypto import Undecryptable
from core.kernel.db import Tx
from core.operations import service as operations
from csms import codes, protocol, raw_transfers, sanity, schemas
from csms.adapter import Adapter
from csms.calls import SentCall
from csms.node import Node
from csms.protocol import Payload, Refusal, Result
from csms.redact import redact

log = structlog.get_logger()

LEARNT_TOGETHER: Final = 100
"""Up to so many entries an answer is learnt from in a transaction that others wait for."""

_MAX_REASON_CHARS: Final = 500
_UNREADABLE: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading an answer of another shape than its schema's may raise."""

ELSEWHERE: Final = "connected elsewhere"
REMOVED: Final = "the charger was removed"
RAISED: Final = "a higher security profile is required"
PENDING: Final = "Pending"
_STARTS: Final = frozenset({StartCharging.kind, Reserve.kind})
_STOPS: Final = frozenset({StopCharging.kind})
_SHUT_OUT: Final = frozenset({Registration.DISABLED, Registration.REJECTED})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A command that nobody else will send, and its frame; *is_last*: no other waits behind it."""

    command: CommandRow
    message_id: str
    action: str
    text: str
    payload: Payload
    is_last: bool = False
    traceparent: str | None = None


class Look(Enum):
    """Who looks for a command has to look again: not done yet, or one could not be said."""

    AGAIN = "again"


Next = Claimed | Look | str | None
"""What looking for a command came to: the next one, why the socket has to be closed, nothing."""


Claiming = Callable[[Tx], Awaitable[Next]]
"""Takes the next command of a charger within a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The socket of a charger, as it came up: what may be said on it.

    Attributes:
        max_bytes: The largest frame that the charger can take, by its profile.
    """

    epoch: int
    security_profile: int
    max_bytes: int | None = None


class NoLongerOurs(Exception):
    """The charger is held by another socket now, or may not be connected like this; why."""


def claiming(node: Node, adapter: Adapter, charger_id: str, line: Line) -> Claiming:
    """Return what takes the next command for a charger."""

    async def work(tx: Tx) -> Next:
        found, peeked = await commands.standing(tx, charger_id)
        if found is None:
            return REMOVED
        if found.epoch == line.epoch and found.node_id is None:
            return None  # let go of by a node that took this one for dead: it is taken back
        why = why_it_ends(node, found, line)
        if why is not None:
            return why
        return await _claim(tx, node, adapter, found, peeked, max_bytes=line.max_bytes)

    return work


async def take(
    tx: Tx, node: Node, adapter: Adapter, offer: commands.Offer, line: Line
) -> Claimed | None:
    """Take a command that is about to be queued; ``None`` if it has to be: it is looked at again.

    That is where the socket may not stay, the charger cannot be told this or not now, or others
    wait for it.
    """
    if why_it_ends(node, offer.charger, line) is not None:
        return None
    if offer.command.kind in _not_now(adapter, offer.charger):
        return None
    words = _Words(node, adapter, line.max_bytes)
    action = words.say(offer.command, True)
    if action is None or words.said is None:
        return None
    command = await operations.take(tx, offer, action=action)
    return None if command is None else await _told(tx, words.said, command)


async def claim(
    node: Node, charger_id: str, take: Claiming, *, found: Next = Look.AGAIN
) -> Claimed | None:
    """Take the next command for a charger; ``None`` if there is none.

    Args:
        found: What *take* came to in a transaction of the caller's, where it was run already.

    Raises:
        NoLongerOurs: The socket has to be closed.
    """
    while found is Look.AGAIN:
        failpoints.enter("command", "claim")
        found = await node.joint.run(charger_id, take)
    if isinstance(found, str):
        raise NoLongerOurs(found)
    return found


async def _claim(
    tx: Tx,
    node: Node,
    adapter: Adapter,
    charger: Standing,
    peeked: commands.Peeked,
    *,
    max_bytes: int | None,
) -> Next:
    """Return the next command in the charger's words."""
    words = _Words(node, adapter, max_bytes)
    without = _not_now(adapter, charger)
    command = await operations.claim_next(
        tx,
        charger.id,
        without=without,
        peeked=None if without else peeked,
        name=words.say,
    )
    if command is None:
        return None
    if words.said is None:
        log.warning("command_not_sent", command_id=command.id, error=str(words.unsaid))
        await operations.could_not_send(tx, command)
        unsaid = _unsaid(words.unsaid, at=tx.now)
        await desired.answered(tx, command, unsaid)
        await fleet.answered(tx, command, unsaid)
        return Look.AGAIN
    return await _told(tx, words.said, command)


async def _told(tx: Tx, said: Claimed, command: CommandRow) -> Claimed:
    """Return *said* of a command that is sent now."""
    claimed = replace(said, command=command)
    await raw_transfers.sent(tx, command, claimed.action, claimed.payload)
    if tracing.is_on() and command.operation_id is not None:
        parent = await operations.traceparent_of(tx, command.operation_id)
        claimed = replace(claimed, traceparent=parent)
    return claimed


@dataclass(slots=True)
class _Words:
    """The next command in the charger's words, or why it cannot be put into them."""

    node: Node
    adapter: Adapter
    max_bytes: int | None
    said: Claimed | None = None
    unsaid: Exception | None = None

    def say(self, command: CommandRow, is_last: bool) -> str | None:
        """Return the action; ``None`` where it cannot be said."""
        self.said = self.unsaid = None
        try:
            said = _encode(self.node, self.adapter, command, max_bytes=self.max_bytes)
        except (TypeError, ValueError, Undecryptable) as exc:
            self.unsaid = exc
            return None
        self.said = replace(said, is_last=is_last)
        return said.action


def why_it_ends(node: Node, charger: Charger | Standing, line: Line) -> str | None:
    """Return why a socket on this node may not stay; ``None``: it may."""
    if charger.registration in _SHUT_OUT:
        return f"the charger is {charger.registration.value}"
    if charger.epoch != line.epoch or charger.node_id != node.id:
        return ELSEWHERE
    return None if is_enough(line.security_profile, charger.security_profile) else RAISED


def _not_now(adapter: Adapter, charger: Charger | Standing) -> frozenset[str]:
    """Return the kinds of commands that a charger waiting for approval is not sent (B02, 4.2)."""
    told_to_wait = adapter.boots_first and charger.boot_status == PENDING
    if charger.registration is Registration.ACCEPTED and not told_to_wait:
        return frozenset()
    return _STARTS if charger.held_reason is not None and not told_to_wait else _STARTS | _STOPS


def _encode(node: Node, adapter: Adapter, command: CommandRow, *, max_bytes: int | None) -> Claimed:
    """Return the frame of a command that is about to be claimed.

    Raises:
        ValueError: The charger's version has no such request, or its frame is too large.
        Undecryptable: Its secret was encrypted with a key that is gone.
    """
    arguments = command.arguments
    if (sealed := arguments.get("sealed")) is not None:
        secret = node.vault.ring.decrypt(sealed, context=seal_context(command.charger_id))
        arguments = arguments | json.loads(secret)
    action, payload = adapter.encode(from_row(command.kind, arguments))
    violation = schemas.validate_outgoing(adapter.version, action, payload)
    if violation is not None:
        raise ValueError(f"{action}: {violation.description}")
    if command.message_id is None:
        raise ValueError("a claimed command has a message id")
    ordered = schemas.order_members(adapter.version, action, payload)
    text = protocol.encode_call(command.message_id, action, ordered)
    size = len(text.encode())
    if max_bytes is not None and size > max_bytes:
        raise ValueError(
            f"{action}: the frame has {size} bytes, this charger takes {max_bytes} "
            "(max_sent_bytes of its profile); send less at once"
        )
    return Claimed(command, command.message_id, action, text, payload)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of an answer: what breaks its schema, and the next command if it was asked for."""

    flaw: str | None
    following: Next


async def record_answer(
    node: Node,
    adapter: Adapter,
    sent: SentCall,
    answer: Result | Refusal,
    *,
    take: Claiming | None = None,
) -> Recorded:
    """Record what the charger said to a call of ours, in time or late, and learn from it.

    Args:
        take: Takes the next command in the same transaction. It is not asked where something is
            learned from this answer: that may make the next one another, or needless.
    """
    payload: Payload = answer.payload if isinstance(answer, Result) else {}
    violation = None
    if isinstance(answer, Result):
        violation = schemas.validate_response(adapter.version, sent.action, payload)
    if violation is not None:
        log.warning("answer_invalid", action=sent.action, detail=violation.description)
    learns = isinstance(answer, Result) and violation is None and adapter.learns_from(sent.action)
    failpoints.enter("command", "answer")

    async def work(tx: Tx) -> tuple[Answer, Next]:
        told = _answer(adapter, sent.action, answer, at=tx.now, is_valid=violation is None)
        await operations.record_answer(tx, sent.command, told)
        if sent.command.desired_id is not None:
            await _tell_wish(tx, sent.command, told, violation)
        if sent.command.fleet_target_id is not None:
            await fleet.answered(tx, sent.command, told)
        return told, Look.AGAIN if take is None or learns else await take(tx)

    recorded, following = await node.joint.run(sent.command.charger_id, work)
    log.info("command_answered", command_id=sent.command.id, verdict=recorded.verdict)
    if learns and recorded.response is not None:
        await _learn(node, adapter, sent, recorded.response)
    return Recorded(None if violation is None else violation.description, following)


async def _learn(node: Node, adapter: Adapter, sent: SentCall, response: Payload) -> None:
    """Keep what an answer says of the charger; nobody waits for it, so much of it is done alone."""

    async def learn(tx: Tx) -> None:
        await adapter.learn(tx, sent.command, sent.action, response)

    failpoints.enter("command", "learn")
    if sum(len(one) for one in response.values() if isinstance(one, list)) <= LEARNT_TOGETHER:
        await node.joint.run(sent.command.charger_id, learn)
        return
    async with node.db.transaction() as tx:
        await learn(tx)


async def _tell_wish(
    tx: Tx, command: CommandRow, recorded: Answer, violation: schemas.Violation | None
) -> None:
    """Tell a wish its answer; one that breaks the schema and cannot be read counts as an error."""
    try:
        await desired.answered(tx, command, recorded)
    except _UNREADABLE:
        if violation is None:
            raise
        error = {"code": violation.code, "description": violation.description, "details": {}}
        unread = Answer(
            verdict=Verdict.FAILED, reason=violation.description, error=error, at=recorded.at
        )
        await desired.answered(tx, command, unread)


def _unsaid(exc: Exception | None, *, at: datetime) -> Answer:
    """Return what stands for the answer to a command that this charger cannot be told."""
    reason = str(exc)[:_MAX_REASON_CHARS]
    error = {"code": codes.NOT_SUPPORTED, "description": reason, "details": {}}
    return Answer(verdict=Verdict.NOT_SUPPORTED, reason=reason, error=error, at=at)


async def record_silence(node: Node, command: CommandRow) -> None:
    """Record that a call may or may not have been heard: it is not sent again (I6)."""
    failpoints.enter("command", "silence")
    await node.joint.run(command.charger_id, lambda tx: commands.record_timeout(tx, command.id))
    log.warning("command_unanswered", command_id=command.id)


def _answer(
    adapter: Adapter, action: str, answer: Result | Refusal, *, at: Any, is_valid: bool
) -> Answer:
    if isinstance(answer, Result):
        response = redact(sanity.document(answer.payload).value)
        try:
            verdict, reason = adapter.verdict(action, response)
        except _UNREADABLE:
            if is_valid:
                raise
            verdict, reason = Verdict.FAILED, None
        reason = None if reason is None else reason[:_MAX_REASON_CHARS]
        return Answer(verdict=verdict, reason=reason, response=response, at=at)
    lacking = answer.code in (codes.NOT_IMPLEMENTED, codes.NOT_SUPPORTED)
    error = {
        "code": answer.code,
        "description": answer.description,
        "details": redact(sanity.document(answer.details).value),
    }
    verdict = Verdict.NOT_SUPPORTED if lacking else Verdict.FAILED
    return Answer(verdict=verdict, reason=answer.code, error=error, at=at)
