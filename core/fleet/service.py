"""Use cases of fleet commands: begin, pause, resume, cancel, look at."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers.states import Registration
from core.commands import service as commands
from core.commands.commands import Command, to_row
from core.desired.kinds import KINDS
from core.fleet import store
from core.fleet.models import FleetCommand, Target
from core.fleet.running import advance, answered
from core.fleet.states import FleetStatus, TargetStatus
from core.fleet.store import Selection
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id

__all__ = [
    "Order",
    "Selection",
    "Wish",
    "advance",
    "answered",
    "begin",
    "cancel",
    "counts",
    "get",
    "newest",
    "open_ids",
    "parse_wish",
    "pause",
    "resume",
    "targets",
]

MAX_TARGETS: Final = 100_000
LONGEST: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What every charger should be: the arguments of ``desired.want``."""

    kind: str
    key: str
    wanted: dict[str, Any]
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of which chargers, and how.

    Attributes:
        what: An act, or a wish that is reconciled and stays. Neither holds a secret.
        concurrency: How many chargers are asked at a time.
        stop_after_failures: So many failed chargers stop it until an operator resumes it.
        offline: ``skip`` chargers that are away, or ``wait`` for them until *deadline_at*.
        timeout_s: An act is sent and answered within.
        body: The request as it came, without secrets; compared when its id comes again.
    """

    request_id: str
    what: Command | Wish
    selection: Selection
    concurrency: int
    stop_after_failures: int | None
    offline: Literal["skip", "wait"]
    timeout_s: float
    deadline_at: datetime
    body: dict[str, Any]


def parse_wish(kind: str, body: dict[str, Any]) -> Wish:
    """Return the wish of a *kind* that an operator wrote.

    Raises:
        PlatformError: ``invalid_parameter``: no such kind, or one that is wished one by one.
    """
    known = KINDS.all.get(kind)
    if known is None or known.parse is None:
        able = sorted(name for name, one in KINDS.all.items() if one.parse is not None)
        raise PlatformError(
            "invalid_parameter", f"{kind} cannot be wished of a fleet; {', '.join(able)} can."
        )
    try:
        key, wanted = known.parse(body)
    except ValueError as exc:
        raise PlatformError("invalid_parameter", f"{kind}: {exc}.") from exc
    return Wish(kind=kind, key=key, wanted=wanted)


async def begin(tx: Tx, actor: Actor, order: Order) -> tuple[FleetCommand, bool]:
    """Return the fleet command of a request, and whether an earlier request made it.

    Raises:
        PlatformError: ``idempotency_key_reused``, ``invalid_parameter``, ``expiry_out_of_range``,
            ``not_found``: a charger that is named.
    """
    if (earlier := await _replay(tx, order)) is not None:
        return earlier, True
    if not tx.now < order.deadline_at <= tx.now + LONGEST:
        raise PlatformError(
            "expiry_out_of_range", f"The deadline lies within the next {LONGEST.days} days."
        )
    chosen = await store.choose(tx, order.selection, limit=MAX_TARGETS + 1)
    _check(order.selection, [charger_id for charger_id, _ in chosen])
    kind, arguments = (None, None) if isinstance(order.what, Wish) else to_row(order.what)
    fleet = await store.add(
        tx,
        id=new_id("flt"),
        request_id=order.request_id,
        body=order.body,
        act=None if kind is None else {"kind": kind, "arguments": arguments},
        wish=asdict(order.what) if isinstance(order.what, Wish) else None,
        status=FleetStatus.RUNNING,
        concurrency=order.concurrency,
        stop_after_failures=order.stop_after_failures,
        offline=order.offline,
        timeout_s=order.timeout_s,
        deadline_at=order.deadline_at,
        requested_by=actor.name,
        created_at=tx.now,
        changed_at=tx.now,
    )
    if fleet is None:  # the same request, at the same time
        if (earlier := await _replay(tx, order)) is None:
            raise PlatformError("request_in_progress", "The same request is being handled.")
        return earlier, True
    await store.add_targets(tx, [_row(tx, fleet, *one) for one in chosen])
    after = {"request": order.body, "targets": len(chosen)}
    await audit.record(tx, actor, "fleet_command.begun", fleet.id, after=after)
    return fleet, False


def _row(tx: Tx, fleet: FleetCommand, charger_id: str, registration: Registration) -> Any:
    fits = registration is Registration.ACCEPTED
    return {
        "id": new_id("flx"),
        "fleet_command_id": fleet.id,
        "charger_id": charger_id,
        "status": TargetStatus.PENDING if fits else TargetStatus.SKIPPED,
        "reason": None if fits else f"charger_{registration.value}",
        "ended_at": None if fits else tx.now,
    }


async def _replay(tx: Tx, order: Order) -> FleetCommand | None:
    earlier = await store.by_request(tx, order.request_id)
    if earlier is not None and _text(earlier.body) != _text(order.body):
        raise PlatformError(
            "idempotency_key_reused",
            "Use a new request_id for a new request; this one belongs to another.",
            fleet_command_id=earlier.id,
        )
    return earlier


def _text(document: Any) -> str:
    return json.dumps(document, sort_keys=True)


def _check(selection: Selection, chosen: Sequence[str]) -> None:
    if selection.charger_ids is not None:
        narrowed = (selection.station_id, selection.vendor, selection.model)
        missing = sorted(set(selection.charger_ids) - set(chosen))
        if missing and not any((*narrowed, selection.firmware_version)):
            raise not_found(f"charger {missing[0]}")
    if not chosen:
        raise PlatformError("invalid_parameter", "No charger fits; nothing was begun.")
    if len(chosen) > MAX_TARGETS:
        raise PlatformError("invalid_parameter", f"More than {MAX_TARGETS} chargers fit.")


async def pause(tx: Tx, actor: Actor, fleet_id: str) -> FleetCommand:
    """Ask no further charger; those under way get their outcome.

    Raises:
        PlatformError: ``not_found``, ``conflict``.
    """
    return await _move(tx, actor, fleet_id, FleetStatus.PAUSED, "paused")


async def resume(tx: Tx, actor: Actor, fleet_id: str) -> FleetCommand:
    """Go on after a pause, or in spite of failures: they are counted anew from here.

    Raises:
        PlatformError: ``not_found``, ``conflict``.
    """
    failed = (await store.counts(tx, fleet_id)).get(TargetStatus.FAILED, 0)
    before = await get(tx, fleet_id)
    limit = before.stop_after_failures
    if limit is not None and before.status is FleetStatus.STOPPED:
        limit += failed
    return await _move(
        tx, actor, fleet_id, FleetStatus.RUNNING, "resumed", stop_after_failures=limit
    )


async def cancel(tx: Tx, actor: Actor, fleet_id: str) -> FleetCommand:
    """Ask no further charger for good, and withdraw what was not sent yet.

    Wishes that were made stay wanted.

    Raises:
        PlatformError: ``not_found``, ``conflict``.
    """
    fleet = await _move(tx, actor, fleet_id, FleetStatus.CANCELLED, "cancelled")
    await store.skip_pending(tx, fleet_id, reason="cancelled")
    sent = await store.targets(
        tx, fleet_id, status=TargetStatus.SENT, after_number=None, limit=MAX_TARGETS
    )
    for target in sent:
        if target.command_id is not None:
            await commands.expire(tx, target.command_id)
    await advance(tx, fleet_id)
    return await get(tx, fleet.id)


async def _move(
    tx: Tx, actor: Actor, fleet_id: str, to: FleetStatus, word: str, **values: Any
) -> FleetCommand:
    before = await get(tx, fleet_id)
    moved = await store.move(tx, fleet_id, to, reason=None, **values)
    if moved is None:
        raise PlatformError("conflict", f"The fleet command is {before.status}.")
    await audit.record(tx, actor, f"fleet_command.{word}", fleet_id)
    return moved


async def get(tx: Tx, fleet_id: str) -> FleetCommand:
    """Return a fleet command.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.by_id(tx, fleet_id)
    if found is None:
        raise not_found("fleet_command")
    return found


async def newest(
    tx: Tx, *, before_number: int | None = None, limit: int = 50
) -> Sequence[FleetCommand]:
    """Return the newest fleet commands first."""
    return await store.newest(tx, before_number=before_number, limit=limit)


async def counts(tx: Tx, fleet_id: str) -> dict[TargetStatus, int]:
    """Return how many chargers stand where."""
    return await store.counts(tx, fleet_id)


async def targets(
    tx: Tx,
    fleet_id: str,
    *,
    status: TargetStatus | None = None,
    after_number: int | None = None,
    limit: int = 50,
) -> Sequence[Target]:
    """Return the chargers of a fleet command in the order in which they are asked."""
    return await store.targets(tx, fleet_id, status=status, after_number=after_number, limit=limit)


async def open_ids(tx: Tx) -> Sequence[str]:
    """Return the fleet commands that have chargers without an outcome."""
    return await store.open_ids(tx)
