"""Use cases of desired state: want, forget, try again, reconcile, compare with what is reported.

One wish of a charger is under way at a time, behind everything that a driver or an operator asks.
What the charger answers settles it; an answer that never comes makes it due again, later.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.desired import store
from core.desired.kinds import KINDS, Outcome
from core.desired.models import Desired
from core.desired.reconciling import (
    PAUSES,
    answered,
    booted,
    has_wishes,
    pause_after,
    reconcile,
    settle,
    sweep,
)
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.kernel.ids import new_id

__all__ = [
    "PAUSES",
    "answered",
    "booted",
    "find",
    "forget",
    "get",
    "has_wishes",
    "newest",
    "of_charger",
    "reconcile",
    "reported",
    "retry",
    "settle",
    "sweep",
    "want",
]

log = structlog.get_logger()

MAX_DRIFT_ATTEMPTS: Final = 5
"""A charger that takes a value and goes on reporting another is then told once a day."""
A_DAY: Final = timedelta(days=1)

_TO_GO: Final = frozenset({DesiredStatus.PENDING, DesiredStatus.DRIFTED, DesiredStatus.REJECTED})


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

    The same wish again is sent again. Reconciled at once if the charger is there. A command that
    an earlier wish of this key has queued is withdrawn; what of it was sent is answered to nobody.

    Args:
        key: At most 500 characters.
        wanted: Without secrets.
        sealed: Its secrets as a JSON object, encrypted for ``seal_context`` of the charger.
    """
    await store.lock(tx, charger.id)
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
        await _withdraw(tx, known)
        moved = await store.move(tx, known.id, DesiredStatus.PENDING, **values)
        if moved is None:
            raise AssertionError("every status leads to pending")
        made = moved
    after = {"charger_id": charger.id, "kind": kind, "key": key, "wanted": wanted}
    await audit.record(
        tx, actor, "desired.wanted" if present else "desired.unwanted", made.id, after=after
    )
    await reconcile(tx, charger)
    # What should be gone and is gone already has no row any more.
    return await store.by_id(tx, made.id) or replace(made, status=DesiredStatus.ACCEPTED)


async def forget(tx: Tx, actor: Actor, desired_id: str) -> None:
    """Stop wanting it, and leave the charger as it is.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await _locked(tx, desired_id)
    await _withdraw(tx, found)
    await store.remove(tx, desired_id)
    before = {"charger_id": found.charger_id, "kind": found.kind, "key": found.key}
    await audit.record(tx, actor, "desired.forgotten", desired_id, before=before)


async def retry(tx: Tx, actor: Actor, desired_id: str) -> Desired:
    """Send it again now, whatever came of it before.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await _locked(tx, desired_id)
    await _withdraw(tx, found)
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
    return await store.by_id(tx, desired_id) or replace(found, status=DesiredStatus.ACCEPTED)


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


async def newest(
    tx: Tx,
    *,
    status: DesiredStatus | None = None,
    kind: str | None = None,
    charger_id: str | None = None,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[Desired]:
    """Return the newest wishes first, of all chargers or one."""
    return await store.newest(
        tx,
        status=status,
        kind=kind,
        charger_id=charger_id,
        before_number=before_number,
        limit=limit,
    )


async def reported(
    tx: Tx, charger_id: str, *, kind: str, key: str, value: dict[str, Any] | None
) -> None:
    """Compare what a charger reports with what it should be; ``None``: it has no such thing.

    What it had accepted and reports otherwise has drifted: it is told again, a few times, then
    once a day. What was still to be sent and is so already needs no telling.
    """
    if await store.by_key(tx, charger_id, kind, key) is None:
        return
    await store.lock(tx, charger_id)
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
        if desired.status in _TO_GO:
            await settle(tx, desired, Outcome(status=DesiredStatus.ACCEPTED))
    elif desired.status is DesiredStatus.ACCEPTED:
        await _drift(tx, desired)


async def _drift(tx: Tx, desired: Desired) -> None:
    held = desired.settled_at is not None and desired.settled_at <= tx.now - A_DAY
    attempts = min(desired.attempts, 1) if held else desired.attempts
    exhausted = attempts >= MAX_DRIFT_ATTEMPTS
    moved = await store.move(
        tx,
        desired.id,
        DesiredStatus.DRIFTED,
        attempts=attempts,
        due_at=tx.now + (A_DAY if exhausted else pause_after(attempts)),
        reason=f"reported otherwise, told {attempts} times" if exhausted else "reported otherwise",
    )
    if moved is not None:
        log.warning("wish_drifted", desired_id=desired.id, kind=desired.kind, key=desired.key)


async def _locked(tx: Tx, desired_id: str) -> Desired:
    await store.lock(tx, (await get(tx, desired_id)).charger_id)
    return await get(tx, desired_id)


async def _withdraw(tx: Tx, desired: Desired) -> None:
    """Take back the command of a wish if it was not sent yet."""
    if desired.command_id is not None:
        await commands.expire(tx, desired.command_id)
