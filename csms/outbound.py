"""Our calls: claimed, put into the charger's words, their answers recorded."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from core.chargers import registry
from core.chargers.models import Charger
from core.chargers.states import Registration
from core.commands import service as commands
from core.commands.commands import Answer, Verdict, from_row, seal_context
from core.commands.models import CommandRow
from core.desired import service as desired
from core.kernel.crypto import Undecryptable
from core.kernel.errors import PlatformError
from core.operations import service as operations
from csms import codes, protocol, sanity, schemas
from csms.adapter import Adapter
from csms.calls import SentCall
from csms.node import Node
from csms.protocol import Payload, Refusal, Result
from csms.redact import redact

log = structlog.get_logger()

_MAX_REASON_CHARS: Final = 500

_SHUT_OUT: Final = frozenset({Registration.DISABLED, Registration.REJECTED})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A command that nobody else will send, and its frame."""

    command: CommandRow
    message_id: str
    action: str
    text: str


class NoLongerOurs(Exception):
    """The charger is held by another socket now, or may not be connected at all."""


async def claim(node: Node, adapter: Adapter, *, charger_id: str, epoch: int) -> Claimed | None:
    """Take the next command for a charger; ``None`` if there is none.

    Raises:
        NoLongerOurs: The socket has to be closed.
    """
    while True:
        async with node.db.transaction() as tx:
            try:
                charger = await registry.get(tx, charger_id)
            except PlatformError as exc:
                raise NoLongerOurs from exc
            if not may_stay(node, charger, epoch=epoch):
                raise NoLongerOurs
            command = await operations.claim_next(tx, charger_id)
            if command is None:
                return None
            try:
                claimed = _encode(node, adapter, command)
            except (TypeError, ValueError, Undecryptable) as exc:
                log.warning("command_not_sent", command_id=command.id, error=str(exc))
                await operations.could_not_send(tx, command)
                await desired.answered(tx, command, _unsaid(exc, at=tx.now))
                continue
            await commands.sent_as(tx, command.id, claimed.action)
        return claimed


def may_stay(node: Node, charger: Charger, *, epoch: int) -> bool:
    """Tell whether the socket of *epoch* on this node is still the charger's."""
    mine = charger.epoch == epoch and charger.node_id == node.id
    return mine and charger.registration not in _SHUT_OUT


def _encode(node: Node, adapter: Adapter, command: CommandRow) -> Claimed:
    """Return the frame of a claimed command.

    Raises:
        ValueError: The charger's version has no such request.
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
    return Claimed(command, command.message_id, action, text)


async def record_answer(
    node: Node, adapter: Adapter, sent: SentCall, answer: Result | Refusal
) -> None:
    """Record what the charger said to a call of ours, in time or late, and learn from it."""
    payload: Payload = answer.payload if isinstance(answer, Result) else {}
    violation = None
    if isinstance(answer, Result):
        violation = schemas.validate_response(adapter.version, sent.action, payload)
    if violation is not None:
        log.warning("answer_invalid", action=sent.action, detail=violation.description)
    async with node.db.transaction() as tx:
        recorded = _answer(adapter, sent.action, answer, at=tx.now)
        await operations.record_answer(tx, sent.command, recorded)
        if sent.command.desired_id is not None:
            await desired.answered(tx, sent.command, recorded)
    log.info("command_answered", command_id=sent.command.id, verdict=recorded.verdict)
    if recorded.response is not None and violation is None:
        async with node.db.transaction() as tx:  # nobody waits for this, and it may be long
            await adapter.learn(tx, sent.command, sent.action, recorded.response)


def _unsaid(exc: Exception, *, at: datetime) -> Answer:
    """Return what stands for the answer to a command that this charger cannot be told."""
    reason = str(exc)[:_MAX_REASON_CHARS]
    error = {"code": codes.NOT_SUPPORTED, "description": reason, "details": {}}
    return Answer(verdict=Verdict.NOT_SUPPORTED, reason=reason, error=error, at=at)


async def record_silence(node: Node, command: CommandRow) -> None:
    """Record that a call may or may not have been heard: it is not sent again (I6)."""
    async with node.db.transaction() as tx:
        await commands.record_timeout(tx, command.id)
    log.warning("command_unanswered", command_id=command.id)


def _answer(adapter: Adapter, action: str, answer: Result | Refusal, *, at: Any) -> Answer:
    if isinstance(answer, Result):
        response = redact(sanity.document(answer.payload).value)
        verdict, reason = adapter.verdict(action, response)
        return Answer(verdict=verdict, reason=reason, response=response, at=at)
    lacking = answer.code in (codes.NOT_IMPLEMENTED, codes.NOT_SUPPORTED)
    error = {
        "code": answer.code,
        "description": answer.description,
        "details": redact(sanity.document(answer.details).value),
    }
    verdict = Verdict.NOT_SUPPORTED if lacking else Verdict.FAILED
    return Answer(verdict=verdict, reason=answer.code, error=error, at=at)
