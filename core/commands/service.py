"""Use cases of commands: queue, claim for sending, record the answer, expire.

A command is sent at most once. It is marked as sent, durably, before the frame is written: after
a crash in between nobody knows whether the charger heard it, so nobody sends it again and the
evidence (a transaction, a status) decides.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from core.chargers.models import Charger, Standing
from core.commands import store
from core.commands.commands import Answer, Command, to_row
from core.commands.models import CommandRow
from core.commands.states import CommandStatus, Priority
from core.kernel import metrics
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id

QUEUE_LIMIT: Final = 200
"""Commands that may wait for one charger."""
PLATFORM: Final = "platform"
"""Who asks when nobody else does."""

EXPIRY_BATCH: Final = 500

_NOT_YET: Final[Mapping[str, Any]] = {"number": 0} | dict.fromkeys(
    ("action", "sent_at", "answered_at", "response", "error")
)


def topic(node_id: str) -> str:
    """Return the doorbell topic on which *node_id* hears which of its chargers have work."""
    return f"csms:{node_id}"


def background_topic(node_id: str) -> str:
    """Return the topic (``Tx.help``) on which *node_id* gives its chargers their turns."""
    return f"csms-background:{node_id}"


def answer_topic(command_id: str) -> str:
    """Return the doorbell topic that rings when a command has reached its end."""
    return f"command:{command_id}"


@dataclass(slots=True)
class Offer:
    """A command that is about to be queued, to whoever may send it at once.

    Attributes:
        command: As it would be queued, but without a number; with the message id for its frame.
        values: What its row will have.
        taken: What is in the table instead, if it was taken.
    """

    charger: Charger
    command: CommandRow
    values: dict[str, Any]
    taken: CommandRow | None = None


async def enqueue(
    tx: Tx,
    *,
    charger: Charger,
    command: Command,
    priority: Priority,
    expires_at: datetime,
    timeout_s: float,
    requested_by: str,
    operation_id: str | None = None,
    session_id: str | None = None,
    desired_id: str | None = None,
    fleet_target_id: str | None = None,
    at_once: bool = False,
) -> CommandRow:
    """Queue *command* for *charger* and wake the node that holds its socket after the commit.

    Args:
        at_once: Have it claimed in this transaction, if this process holds the charger's socket
            and nothing is under way on it: then the charger has it one commit earlier. Not for
            what the charger may hear only after an answer that this transaction is for.

    Raises:
        PlatformError: ``overloaded``: the charger's queue is full.
    """
    values = _new_row(tx, charger, command) | {
        "priority": priority,
        "operation_id": operation_id,
        "session_id": session_id,
        "desired_id": desired_id,
        "fleet_target_id": fleet_target_id,
        "requested_by": requested_by,
        "timeout_s": timeout_s,
        "expires_at": expires_at,
    }
    if at_once and charger.node_id is not None:
        offer = _offer(charger, values)
        if await tx.help(topic(charger.node_id), offer) and offer.taken is not None:
            return offer.taken
    row = await store.add(tx, at_most=QUEUE_LIMIT, **values)
    if row is None:
        raise PlatformError(
            "overloaded", f"{QUEUE_LIMIT} commands are waiting for this charger.", retry_after=30
        )
    _wake(tx, charger)
    return row


async def take(tx: Tx, offer: Offer, *, action: str) -> CommandRow | None:
    """Record an offered command as sent; ``None`` where others wait for its charger already.

    The caller must hold the charger's socket and must write the frame after the commit, with the
    row's message id.

    Args:
        action: The OCPP action that it becomes.
    """
    sent = {"status": CommandStatus.SENT, "sent_at": tx.now, "action": action}
    values = offer.values | sent | {"message_id": offer.command.message_id}
    offer.taken = await store.add(tx, at_most=1, **values)
    return offer.taken


async def enqueue_background(
    tx: Tx, *, charger: Charger, wanted: Sequence[Command], expires_at: datetime, timeout_s: float
) -> Mapping[Command, str]:
    """Queue for *charger* what the platform wants to know of it; return the new commands' ids.

    What waits already in a command of its kind is not asked again; nor is what finds no room. A
    node that holds the charger's socket in this process asks it in its turn.
    """
    waiting = await store.queued_kinds(tx, charger.id)
    new = [command for command in wanted if to_row(command)[0] not in waiting]
    new = new[: max(QUEUE_LIMIT - len(waiting), 0)]
    rows = [
        _new_row(tx, charger, command)
        | {
            "priority": Priority.BACKGROUND,
            "requested_by": PLATFORM,
            "timeout_s": timeout_s,
            "expires_at": expires_at,
        }
        for command in new
    ]
    await store.add_all(tx, rows)
    node_id = charger.node_id
    if rows and not (node_id and await tx.help(background_topic(node_id), charger)):
        _wake(tx, charger)
    return {command: row["id"] for command, row in zip(new, rows, strict=True)}


def _new_row(tx: Tx, charger: Charger, command: Command) -> dict[str, Any]:
    kind, arguments = to_row(command)
    return {
        "id": new_id("cmd"),
        "charger_id": charger.id,
        "kind": kind,
        "arguments": arguments,
        "status": CommandStatus.QUEUED,
        "created_at": tx.now,
    }


def _offer(charger: Charger, values: dict[str, Any]) -> Offer:
    command = CommandRow(**_NOT_YET, **values, message_id=str(uuid4()))
    return Offer(charger, command, values)


def _wake(tx: Tx, charger: Charger) -> None:
    if charger.node_id is not None:
        tx.ring(topic(charger.node_id), charger.id)


async def is_queued(tx: Tx, *, charger_id: str, command: Command) -> bool:
    """Tell whether a command of the same kind as *command* waits for a charger."""
    kind, _ = to_row(command)
    return bool(await store.queued_of(tx, charger_id=charger_id, kind=kind))


async def is_on_its_way(tx: Tx, *, charger_id: str, session_id: str, kind: str) -> bool:
    """Tell whether a command for a session has not got its answer yet."""
    found = await store.open_of_session(tx, session_id, charger_id=charger_id, kind=kind)
    return bool(found)


Peeked = tuple[CommandRow | None, bool]
"""The most urgent command that may still be sent, and whether others wait behind it."""


async def peek(tx: Tx, charger_id: str, *, without: Collection[str] = ()) -> Peeked:
    """Return the most urgent command that may still be sent, and whether others wait behind it.

    It has the message id with which it is to be claimed.

    Args:
        without: Kinds that may not be sent now.
    """
    return _first(await store.next_queued(tx, charger_id, without=without))


async def standing(tx: Tx, charger_id: str) -> tuple[Standing | None, Peeked]:
    """Return how a charger stands (``None``: it was removed), and what ``peek`` would."""
    found, queued = await store.standing(tx, charger_id)
    return found, _first(queued)


def _first(found: Sequence[CommandRow]) -> Peeked:
    if not found:
        return None, False
    return replace(found[0], message_id=str(uuid4())), len(found) > 1


async def claim(tx: Tx, command: CommandRow, *, action: str | None = None) -> CommandRow | None:
    """Take a command that was peeked at for sending; ``None`` if somebody else did.

    The caller must hold the charger's socket and must write the frame after the commit, with the
    row's message id.

    Args:
        action: The OCPP action that it becomes.
    """
    return await store.move(
        tx,
        command.id,
        CommandStatus.SENT,
        sent_at=tx.now,
        message_id=command.message_id,
        action=action,
    )


async def of_operation(tx: Tx, operation_id: str) -> Sequence[CommandRow]:
    """Return the commands of an operation, oldest first."""
    return await store.of_operation(tx, operation_id)


async def waiting_on(tx: Tx, node_id: str, *, all_of_it: bool = True) -> Sequence[str]:
    """Return the chargers of *node_id* that have work, even if its doorbell never rang.

    Args:
        all_of_it: Also what nobody waits for.
    """
    return await store.waiting_on(tx, node_id, until=None if all_of_it else Priority.BACKGROUND)


async def record_answer(tx: Tx, command_id: str, answer: Answer) -> CommandRow | None:
    """Record what the charger answered, in time or late; ``None`` if it already has an answer."""
    to = CommandStatus.ANSWERED if answer.error is None else CommandStatus.ERRORED
    row = await store.move(
        tx,
        command_id,
        to,
        answered_at=answer.at,
        response=answer.response,
        error=answer.error,
    )
    return _finished(tx, row)


async def record_timeout(tx: Tx, command_id: str) -> CommandRow | None:
    """Record that no answer came in time; a later one is still recorded."""
    return _finished(tx, await store.move(tx, command_id, CommandStatus.TIMED_OUT))


async def expire(tx: Tx, command_id: str) -> CommandRow | None:
    """Withdraw a command that was not sent; ``None`` if it was."""
    return _finished(tx, await store.move(tx, command_id, CommandStatus.EXPIRED))


async def withdraw(
    tx: Tx, *, operation_id: str | None = None, charger_id: str | None = None
) -> Sequence[CommandRow]:
    """Expire what is still queued for an operation or a charger; return those commands."""
    ids = await store.queued_of(tx, operation_id=operation_id, charger_id=charger_id)
    rows = [await expire(tx, command_id) for command_id in ids]
    return [row for row in rows if row is not None]


async def expire_overdue(tx: Tx) -> int:
    """Expire what it is too late to send, and close what a dead node left unanswered."""
    late = await store.overdue(tx, limit=EXPIRY_BATCH)
    for command_id in late:
        await expire(tx, command_id)
    before = tx.now - timedelta(minutes=2)
    lost = await store.unanswered(tx, before=before, limit=EXPIRY_BATCH)
    for command_id in lost:
        await record_timeout(tx, command_id)
    return len(late) + len(lost)


async def get(tx: Tx, command_id: str) -> CommandRow:
    """Return a command.

    Raises:
        PlatformError: ``not_found``.
    """
    row = await store.by_id(tx, command_id)
    if row is None:
        raise not_found("command")
    return row


async def list_commands(
    tx: Tx, *, charger_id: str, before_number: int | None = None, limit: int = 50
) -> Sequence[CommandRow]:
    """Return the newest commands of a charger first, before *before_number* if given."""
    return await store.newest(tx, charger_id, before_number=before_number, limit=limit)


def _finished(tx: Tx, row: CommandRow | None) -> CommandRow | None:
    if row is not None:
        metrics.COMMANDS.labels(row.status).inc()
        tx.ring(answer_topic(row.id), row.id)
    return row
