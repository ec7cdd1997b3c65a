"""Use cases of desired state: want, forget, try again, reconcile, compare with what is reported.

One wish of a charger is under way at a time, behind everything that a driver or an operator asks.
What the charger answers settles it; an answer that never comes makes it due again, later.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import structlog

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import registry
from core.chargers.models import Charger
from core.chargers.states import Registration
from core.commands import service as commands
from core.commands.commands import Answer
from core.commands.models import CommandRow
from core.commands.states import Priority
from core.desired import store
from core.desired.kinds import KINDS, Outcome
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id

log = structlog.get_logger()

PAUSES: Final = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""How long a wish waits after each command that brought nothing; the last for all further ones."""

SEND_WITHIN: Final = timedelta(minutes=2)
ANSWER_WITHIN_S: Final = 60.0
BATCH: Final = 200
MAX_DRIFT_ATTEMPTS: Final = 5
"""A charger that takes a value and goes on reporting another is not told for ever."""


async def want(
    tx: Tx,
    actor: Actor,
    charger: Charger,
    *,
    kind: str,
    key: str,
    wanted: dict[str, Any],
    present: bool = True,
    sealed: str | None = None,
    fleet_command_id: str | None = None,
) -> Desired:
    """Wish that *charger* has (or, not *present*, has no more) the *key* of *kind*.

    The same wish again is sent again. Reconciled at once if the charger is there.
    """
    values: dict[str, Any] = {
        "present": present,
        "wanted": wanted,
        "sealed": sealed,
        "progress": None,
        "reason": None,
        "attempts": 0,
        "due_at": tx.now,
        "command_id": None,
        "requested_by": actor.name,
        "fleet_command_id": fleet_command_id,
        "changed_at": tx.now,
    }
    known = await store.by_key(tx, charger.id, kind, key)
    if known is None:
        made = await store.add(
            tx,
            id=new_id("des"),
            charger_id=charger.id,
            kind=KINDS[kind].name,
            key=key,
            status=DesiredStatus.PENDING,
            created_at=tx.now,
            **values,
        )
    else:
        moved = await store.move(tx, known.id, DesiredStatus.PENDING, **values)
        if moved is None:
            raise AssertionError("every status leads to pending")
        made = moved
    after = {"charger_id": charger.id, "kind": kind, "key": key, "wanted": wanted}
    await audit.record(
        tx, actor, "desired.wanted" if present else "desired.unwanted", made.id, after=after
    )
    await reconcile(tx, charger)
    return await get(tx, made.id)


async def forget(tx: Tx, actor: Actor, desired_id: str) -> None:
    """Stop wanting it, and leave the charger as it is.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await get(tx, desired_id)
    await store.remove(tx, desired_id)
    before = {"charger_id": found.charger_id, "kind": found.kind, "key": found.key}
    await audit.record(tx, actor, "desired.forgotten", desired_id, before=before)


async def retry(tx: Tx, actor: Actor, desired_id: str) -> Desired:
    """Send it again now, whatever came of it before.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await get(tx, desired_id)
    await store.move(
        tx,
        desired_id,
        DesiredStatus.PENDING,
        attempts=0,
        due_at=tx.now,
        progress=None,
        reason=None,
        command_id=None,
    )
    await audit.record(tx, actor, "desired.retried", desired_id)
    await reconcile(tx, await registry.get(tx, found.charger_id))
    return await get(tx, desired_id)


async def get(tx: Tx, desired_id: str) -> Desired:
    """Return a wish.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.by_id(tx, desired_id)
    if found is None:
        raise not_found("desired_state")
    return found


async def find(tx: Tx, charger_id: str, kind: str, key: str) -> Desired | None:
    """Return the wish of that key, if there is one."""
    return await store.by_key(tx, charger_id, kind, key)


async def of_charger(tx: Tx, charger_id: str, *, kind: str | None = None) -> Sequence[Desired]:
    """Return what a charger should be, of one kind or all, in the order of kinds and keys."""
    return await store.of_charger(tx, charger_id, kind=kind)


async def reconcile(tx: Tx, charger: Charger) -> None:
    """Ask *charger* for the next thing it should be, if it is there and nothing is under way."""
    if not charger.online or charger.registration is not Registration.ACCEPTED:
        return
    due = await store.to_send(tx, charger.id)
    for desired in sorted(due, key=lambda row: (KINDS[row.kind].rank, row.number)):
        if await _ask(tx, charger, desired):
            return


async def _ask(tx: Tx, charger: Charger, desired: Desired) -> bool:
    """Queue the command of a wish; false if there was none to queue."""
    try:
        command = await KINDS[desired.kind].command(tx, desired)
    except ValueError as exc:
        await store.move(tx, desired.id, DesiredStatus.SENT)
        await settle(tx, desired, Outcome(status=DesiredStatus.REJECTED, reason=str(exc)[:500]))
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

    The next wish of the charger follows.
    """
    desired = await store.by_command(tx, command.id)
    if desired is None:
        return
    await settle(tx, desired, await KINDS[desired.kind].answered(tx, desired, answer))
    await reconcile(tx, await registry.get(tx, desired.charger_id))


async def settle(tx: Tx, desired: Desired, outcome: Outcome) -> Desired | None:
    """Move a wish to what came of it; one that something should be gone ends with it."""
    moved = await store.move(
        tx,
        desired.id,
        outcome.status,
        reason=outcome.reason,
        progress=outcome.progress,
        due_at=tx.now,
        command_id=None,
    )
    if moved is None:
        return None
    if outcome.reported is not None:
        await store.set_reported(tx, desired.id, outcome.reported)
    if not desired.present and outcome.status is DesiredStatus.ACCEPTED:
        await store.remove(tx, desired.id)
    log.info("wish_settled", desired_id=desired.id, kind=desired.kind, status=outcome.status)
    return moved


async def reported(
    tx: Tx, charger_id: str, *, kind: str, key: str, value: dict[str, Any] | None
) -> None:
    """Compare what a charger reports with what it should be; ``None``: it has no such thing.

    What it had accepted and reports otherwise has drifted: it is told again, a few times. What
    was still to be sent and is so already needs no telling.
    """
    desired = await store.by_key(tx, charger_id, kind, key)
    if desired is None:
        return
    await store.set_reported(tx, desired.id, value)
    as_wanted = (
        (value is not None and KINDS[kind].matches(desired.wanted, value))
        if desired.present
        else value is None
    )
    if as_wanted:
        to_go = frozenset({DesiredStatus.PENDING, DesiredStatus.DRIFTED, DesiredStatus.REJECTED})
        if desired.status in to_go:
            await settle(tx, desired, Outcome(status=DesiredStatus.ACCEPTED))
        return
    if desired.status is DesiredStatus.ACCEPTED:
        exhausted = desired.attempts >= MAX_DRIFT_ATTEMPTS
        pause = timedelta(days=1) if exhausted else _pause(desired.attempts)
        await store.move(tx, desired.id, DesiredStatus.DRIFTED, due_at=tx.now + pause)
        log.warning("wish_drifted", desired_id=desired.id, kind=kind, key=key)


async def sweep(tx: Tx) -> int:
    """Make due again what was never answered, and send what is due; return how many moved."""
    lost = await store.unanswered(tx, limit=BATCH)
    for desired_id in lost:
        desired = await get(tx, desired_id)
        await store.move(
            tx,
            desired_id,
            DesiredStatus.PENDING,
            sources=frozenset({DesiredStatus.SENT}),
            due_at=tx.now + _pause(desired.attempts),
            reason="no_answer",
            command_id=None,
        )
    due = await store.chargers_with_work(tx, limit=BATCH)
    for charger_id in due:
        await reconcile(tx, await registry.get(tx, charger_id))
    return len(lost) + len(due)


def _pause(attempts: int) -> timedelta:
    return PAUSES[min(max(attempts, 1), len(PAUSES)) - 1]
