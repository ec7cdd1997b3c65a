"""Sends what is due and takes the answers: the moving part of desired state.

Whoever decides about the wishes of a charger holds its lock, so a stale answer cannot settle a new
wish and two nodes never send two of them at once.
"""

from datetime import timedelta
from typing import Any, Final

import structlog

from core.chargers import registry
from core.chargers.models import Charger
from core.chargers.states import Registration
from core.commands import service as commands
from core.commands.commands import Answer
from core.commands.models import CommandRow
from core.commands.states import Priority
from core.desired import store
from core.desired.kinds import KINDS, Outcome, Postponed
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

log = structlog.get_logger()

PAUSES: Final = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""How long a wish waits after each command that brought nothing; the last for all further ones."""

HURRIED_ATTEMPTS: Final = 3
"""A wish that was sent so often without an answer is not sent sooner because of a boot."""

SEND_WITHIN: Final = timedelta(minutes=2)
ANSWER_WITHIN_S: Final = 60.0
BATCH: Final = 200
MAX_REASON_CHARS: Final = 500

_SERVED: Final = frozenset({Registration.ACCEPTED, Registration.PENDING})


async def has_wishes(tx: Tx, charger_id: str) -> bool:
    """Tell whether anything is wished of a charger; nobody else wishes until *tx* ends."""
    await store.lock(tx, charger_id)
    return await store.has_any(tx, charger_id)


async def booted(tx: Tx, charger: Charger) -> None:
    """Try again now what an earlier life of the charger left unanswered, and all that waits.

    What several lives of it left unanswered keeps its pause: it may be what ends them, and
    everything else waits behind it.
    """
    await store.lock(tx, charger.id)
    await store.make_due(tx, charger.id, below_attempts=HURRIED_ATTEMPTS)
    await reconcile(tx, charger)


async def reconcile(tx: Tx, charger: Charger) -> None:
    """Ask *charger* for the next thing it should be, if it is there and nothing is under way.

    Kinds that this process does not know wait for one that does.
    """
    if not charger.online or charger.registration not in _SERVED:
        return
    await store.lock(tx, charger.id)
    due = [row for row in await store.to_send(tx, charger.id) if _may_go(charger, row)]
    for desired in sorted(due, key=lambda row: (KINDS[row.kind].rank, row.number)):
        if await _ask(tx, charger, desired):
            return


def _may_go(charger: Charger, desired: Desired) -> bool:
    kind = KINDS.all.get(desired.kind)
    if kind is None:
        return False
    return kind.while_pending or charger.registration is Registration.ACCEPTED


async def _ask(tx: Tx, charger: Charger, desired: Desired) -> bool:
    """Queue the command of a wish; false if there was none to queue."""
    try:
        command = await KINDS[desired.kind].command(tx, desired)
    except Postponed as exc:
        await store.move(tx, desired.id, DesiredStatus.PENDING, due_at=exc.until)
        return False
    except (KeyError, TypeError, ValueError, PlatformError) as exc:
        log.warning("wish_impossible", desired_id=desired.id, kind=desired.kind, error=str(exc))
        await settle(tx, desired, Outcome(status=DesiredStatus.REJECTED, reason=str(exc)))
        return False
    if command is None:
        await settle(tx, desired, Outcome(status=DesiredStatus.ACCEPTED))
        return False
    try:
        row = await commands.enqueue(
            tx,
            charger=charger,
            command=command,
            priority=Priority.BACKGROUND,
            expires_at=tx.now + SEND_WITHIN,
            timeout_s=ANSWER_WITHIN_S,
            requested_by=desired.requested_by,
            desired_id=desired.id,
        )
    except PlatformError as exc:  # its queue is full: the sweep comes back
        log.warning("wish_postponed", desired_id=desired.id, reason=exc.code)
        return True
    await store.move(
        tx,
        desired.id,
        DesiredStatus.SENT,
        command_id=row.id,
        attempts=desired.attempts + 1,
    )
    return True


async def answered(tx: Tx, command: CommandRow, answer: Answer) -> None:
    """Take the charger's answer to the command of a wish; a command it no longer waits for is none.

    A late answer counts as long as nothing was sent after it. The next wish of the charger follows.
    """
    if command.desired_id is None:
        return
    await store.lock(tx, command.charger_id)
    desired = await store.by_id(tx, command.desired_id)
    if desired is None or desired.command_id != command.id:
        log.info("stale_answer_ignored", command_id=command.id, desired_id=command.desired_id)
    else:
        await settle(tx, desired, await KINDS[desired.kind].answered(tx, desired, answer))
    await _reconcile_by_id(tx, command.charger_id)


async def settle(tx: Tx, desired: Desired, outcome: Outcome) -> Desired | None:
    """Move a wish to what came of it; one that something should be gone ends with it."""
    values: dict[str, Any] = {
        "reason": None if outcome.reason is None else outcome.reason[:MAX_REASON_CHARS],
        "progress": outcome.progress,
        "due_at": outcome.due_at or tx.now,
        "command_id": None,
    }
    if outcome.status is DesiredStatus.PENDING:
        values["attempts"] = 0  # it was answered: the next command has all its attempts
    else:
        values["settled_at"] = tx.now
    moved = await store.move(tx, desired.id, outcome.status, **values)
    if moved is None:
        return None
    if outcome.reported is not None:
        await store.set_reported(tx, desired.id, outcome.reported)
    if not desired.present and outcome.status is DesiredStatus.ACCEPTED:
        await store.remove(tx, desired.id)
    log.info("wish_settled", desired_id=desired.id, kind=desired.kind, status=outcome.status)
    return moved


async def sweep(tx: Tx) -> int:
    """Make due again what was never answered, and send what is due; return how many moved.

    What could not even be sent (the charger left) costs no attempt and goes with the next
    occasion. Chargers are taken in the order of their ids, so that two sweeps never wait for each
    other in a ring.
    """
    lost = await store.unanswered(tx, limit=BATCH)
    known = KINDS.all.values()
    due = await store.chargers_with_work(
        tx,
        kinds=[kind.name for kind in known],
        kinds_while_pending=[kind.name for kind in known if kind.while_pending],
        limit=BATCH,
    )
    for charger_id in sorted({*(row[0] for row in lost), *due}):
        await store.lock(tx, charger_id)
        for of, desired_id, was_sent in lost:
            if of == charger_id:
                await _again(tx, desired_id, was_sent=was_sent)
        await _reconcile_by_id(tx, charger_id)
    return len(lost) + len(due)


async def _again(tx: Tx, desired_id: str, *, was_sent: bool) -> None:
    """Make a wish due again; a late answer to its command still counts until then."""
    desired = await store.by_id(tx, desired_id)
    if desired is None:
        return
    attempts = desired.attempts if was_sent else max(desired.attempts - 1, 0)
    await store.move(
        tx,
        desired_id,
        DesiredStatus.PENDING,
        sources=frozenset({DesiredStatus.SENT}),
        due_at=tx.now + (pause_after(attempts) if was_sent else PAUSES[0]),
        reason="no_answer" if was_sent else "not_sent",
        attempts=attempts,
    )


async def _reconcile_by_id(tx: Tx, charger_id: str) -> None:
    try:
        charger = await registry.get(tx, charger_id)
    except PlatformError:  # it was removed
        return
    await reconcile(tx, charger)


def pause_after(attempts: int) -> timedelta:
    """Return how long a wish rests after that many commands."""
    return PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]
