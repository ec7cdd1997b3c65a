"""Moves fleet commands along: takes outcomes, asks the next chargers, ends what is over."""

from datetime import timedelta
from typing import Final

import structlog

from core.audit.service import Actor
from core.chargers import registry
from core.chargers.models import Charger
from core.commands import service as commands
from core.commands.commands import Answer, Verdict, from_row
from core.commands.models import CommandRow
from core.commands.states import CommandStatus, Priority
from core.desired import service as desired
from core.desired.states import DesiredStatus
from core.fleet import store
from core.fleet.models import FleetCommand, Target
from core.fleet.states import OPEN, FleetStatus, TargetStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

log = structlog.get_logger()

BATCH: Final = 200
"""Chargers asked in one transaction."""
MAX_REASON_CHARS: Final = 500


async def advance(tx: Tx, fleet_id: str) -> None:
    """Move one fleet command along; nothing if another node does at this moment."""
    fleet = await store.lock(tx, fleet_id)
    if fleet is None:
        return
    await _take_outcomes(tx, fleet)
    if tx.now >= fleet.deadline_at:
        await _end_at_deadline(tx, fleet)
    counts = await store.counts(tx, fleet_id)
    if fleet.status is FleetStatus.RUNNING:
        limit = fleet.stop_after_failures
        if limit is not None and counts.get(TargetStatus.FAILED, 0) >= limit:
            failed = counts[TargetStatus.FAILED]
            await store.move(tx, fleet_id, FleetStatus.STOPPED, reason=f"{failed} chargers failed")
            log.warning("fleet_command_stopped", fleet_command_id=fleet_id, failed=failed)
        else:
            await _ask_next(tx, fleet, under_way=counts.get(TargetStatus.SENT, 0))
            counts = await store.counts(tx, fleet_id)
    if not any(counts.get(status) for status in OPEN):
        await store.close(tx, fleet_id)
        await store.move(tx, fleet_id, FleetStatus.FINISHED)
        log.info("fleet_command_closed", fleet_command_id=fleet_id)


async def answered(tx: Tx, command: CommandRow, answer: Answer) -> None:
    """Take a charger's answer to the act of a fleet command; a late one changes nothing."""
    if command.fleet_target_id is None:
        return
    good = answer.verdict is Verdict.ACCEPTED
    reason = answer.reason or answer.verdict.value
    await store.move_target(
        tx,
        command.fleet_target_id,
        TargetStatus.SUCCEEDED if good else TargetStatus.FAILED,
        reason=reason[:MAX_REASON_CHARS],
        ended_at=tx.now,
    )


async def _take_outcomes(tx: Tx, fleet: FleetCommand) -> None:
    for target, ended in await store.unanswered(tx, fleet.id):
        if ended is CommandStatus.TIMED_OUT:
            await _end(tx, target, TargetStatus.FAILED, "no_answer")
        elif fleet.status is FleetStatus.CANCELLED:
            await _end(tx, target, TargetStatus.SKIPPED, "cancelled")
        elif fleet.offline == "wait" and tx.now < fleet.deadline_at:
            await store.move_target(
                tx, target.id, TargetStatus.PENDING, command_id=None, sent_at=None
            )
        else:
            await _end(tx, target, TargetStatus.FAILED, "not_sent")
    for target, status, reason in await store.settled_wishes(tx, fleet.id):
        match status:
            case DesiredStatus.ACCEPTED:
                await _end(tx, target, TargetStatus.SUCCEEDED, reason)
            case DesiredStatus.REJECTED:
                await _end(tx, target, TargetStatus.FAILED, reason)
            case _:
                await _end(tx, target, TargetStatus.SKIPPED, "wished_otherwise")


async def _end_at_deadline(tx: Tx, fleet: FleetCommand) -> None:
    """End what waits; a wish that was made stays wanted, an act under way ends by itself."""
    await store.skip_pending(tx, fleet.id, reason="deadline")
    if fleet.wish is None:
        return
    open_ = await store.targets(
        tx, fleet.id, status=TargetStatus.SENT, after_number=None, limit=BATCH
    )
    for target in open_:
        await _end(tx, target, TargetStatus.FAILED, "deadline; it stays wanted")


async def _ask_next(tx: Tx, fleet: FleetCommand, *, under_way: int) -> None:
    if fleet.offline == "skip":
        for target in await store.waiting(tx, fleet.id, online=False, limit=BATCH):
            await _end(tx, target, TargetStatus.SKIPPED, "charger_offline")
    room = min(fleet.concurrency - under_way, BATCH)
    if room <= 0:
        return
    chosen = await store.waiting(tx, fleet.id, online=True, limit=room)
    for target in sorted(chosen, key=lambda one: one.charger_id):
        try:
            charger = await registry.get(tx, target.charger_id)
        except PlatformError:
            await _end(tx, target, TargetStatus.SKIPPED, "charger_removed")
            continue
        await _ask(tx, fleet, target, charger)


async def _ask(tx: Tx, fleet: FleetCommand, target: Target, charger: Charger) -> None:
    if fleet.wish is not None:
        made = await desired.want(
            tx,
            Actor(name=fleet.requested_by),
            charger,
            kind=fleet.wish["kind"],
            key=fleet.wish["key"],
            wanted=fleet.wish["wanted"],
            present=fleet.wish["present"],
            fleet_command_id=fleet.id,
        )
        await store.move_target(
            tx, target.id, TargetStatus.SENT, desired_id=made.id, sent_at=tx.now
        )
        return
    if fleet.act is None:
        raise AssertionError("a fleet command is an act or a wish")
    try:
        row = await commands.enqueue(
            tx,
            charger=charger,
            command=from_row(fleet.act["kind"], fleet.act["arguments"]),
            priority=Priority.BACKGROUND,
            expires_at=min(tx.now + timedelta(seconds=fleet.timeout_s), fleet.deadline_at),
            timeout_s=fleet.timeout_s,
            requested_by=fleet.requested_by,
            fleet_target_id=target.id,
        )
    except PlatformError as exc:  # its queue is full: the next pass tries again
        log.warning("fleet_target_postponed", fleet_target_id=target.id, reason=exc.code)
        return
    await store.move_target(tx, target.id, TargetStatus.SENT, command_id=row.id, sent_at=tx.now)


async def _end(tx: Tx, target: Target, to: TargetStatus, reason: str | None) -> None:
    await store.move_target(tx, target.id, to, reason=reason, ended_at=tx.now)
