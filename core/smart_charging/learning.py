"""What chargers tell of their profiles, limits and vehicles: kept, and compared with the wishes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import msgspec
import structlog

from core.audit.service import PLATFORM
from core.chargers import registry
from core.chargers.models import Charger, Connector
from core.commands.smart_charging import ClearChargingProfile, ReportChargingProfiles
from core.commands.states import Priority
from core.desired import service as desired
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.smart_charging import planning, renegotiation, service, store
from core.smart_charging.composite import Running, Supply, exceeds
from core.smart_charging.criteria import covers
from core.smart_charging.facts import CompositeTold, LimitTold, Needs, ProfilesReported
from core.smart_charging.models import Report
from core.smart_charging.profiles import (
    OWN_SOURCE,
    Profile,
    Purpose,
    RateUnit,
    Schedule,
    from_document,
    to_document,
)
from core.smart_charging.service import KIND
from core.smart_charging.states import Learned, PlanStatus

log = structlog.get_logger()

MAX_KNOWN: Final = 200
"""Profiles of one charger; further ones are dropped."""
MAX_LIMITS: Final = 64
"""From outside, of one charger; further ones are dropped."""
MAX_PARTS: Final = 500
"""Of one report; further ones are dropped."""
LOOK_AHEAD: Final = timedelta(days=1)


async def accepted(tx: Tx, charger_id: str, profile: Profile) -> None:
    """A charger took a profile: it replaces one of its id, and one of its purpose and level."""
    await store.forget_profiles(
        tx,
        charger_id,
        evse=profile.evse,
        purpose=profile.purpose,
        stack_level=profile.stack_level,
        transaction_ref=profile.transaction_ref,
        not_id=profile.id,
        source=OWN_SOURCE,
    )
    await store.forget_profiles(tx, charger_id, profile_id=profile.id, source=OWN_SOURCE)
    await store.put_profile(tx, charger_id, profile, source=OWN_SOURCE, learned=Learned.ACCEPTED)


async def cleared(tx: Tx, charger_id: str, asked: ClearChargingProfile) -> None:
    """A charger forgot what fits *asked*; what is still wanted there has drifted."""
    if asked.profile is not None:
        gone = await store.forget_profiles(
            tx, charger_id, profile_id=asked.profile, source=OWN_SOURCE
        )
    else:
        gone = await store.forget_profiles(
            tx,
            charger_id,
            evse=asked.evse,
            purpose=asked.purpose,
            stack_level=asked.stack_level,
            source=OWN_SOURCE,
        )
    for profile_id in gone:
        await desired.reported(tx, charger_id, kind=KIND, key=str(profile_id), value=None)


async def reported(tx: Tx, fact: ProfilesReported) -> None:
    """Take one part of a report; after the last one, compare what it covers with the wishes."""
    report = await store.count_part(tx, fact.charger_id, fact.request, last=not fact.more)
    if report is not None and report.parts > MAX_PARTS:
        log.warning("profile_report_too_long", request=fact.request)
        return
    is_full = report is not None and report.is_full
    room = await _room(tx, fact, is_full=is_full)
    for profile in fact.profiles[:room]:
        await store.put_profile(
            tx,
            fact.charger_id,
            replace(profile, evse=fact.evse),
            source=fact.source,
            learned=Learned.REPORTED,
            report=fact.request,
        )
    if len(fact.profiles) > room:
        log.warning("profiles_dropped", dropped=len(fact.profiles) - room)
    for profile in fact.profiles if fact.source == OWN_SOURCE else ():
        document = to_document(replace(profile, evse=fact.evse))
        await desired.reported(tx, fact.charger_id, kind=KIND, key=str(profile.id), value=document)
    if report is not None:
        await _complete(tx, report)


async def _room(tx: Tx, fact: ProfilesReported, *, is_full: bool) -> int:
    """Return how many profiles of a part are kept; a full report replaces what was known."""
    known = await store.count_profiles(tx, fact.charger_id)
    room = MAX_KNOWN - known
    if is_full:
        told = await store.count_profiles(tx, fact.charger_id, report=fact.request)
        room = min(MAX_KNOWN - told, 2 * MAX_KNOWN - known)
    return max(room, 0)


async def none_reported(tx: Tx, charger_id: str, request: int) -> None:
    """The charger has no profile that fits what was asked for."""
    report = await store.count_part(tx, charger_id, request, last=True)
    if report is not None:
        await _complete(tx, report)


async def _complete(tx: Tx, report: Report) -> None:
    """Forget what a complete report covers and does not name; tell the wishes.

    A profile that was accepted since the report was asked for may be missing in it.
    """
    if report.complete_at is None or report.criteria is None:
        return
    asked = msgspec.convert(report.criteria, ReportChargingProfiles)
    gone = [
        row.number
        for row in await store.profiles_of(tx, report.charger_id, include_sent=True)
        if row.at < report.asked_at
        and row.report != report.request
        and covers(asked, from_document(row.document), source=row.source)
    ]
    await store.forget_numbers(tx, gone)
    known = {
        row.profile_id: row.document
        for row in await store.profiles_of(tx, report.charger_id)
        if row.source == OWN_SOURCE
    }
    for wish in await desired.of_charger(tx, report.charger_id, kind=KIND):
        if covers(asked, from_document(wish.wanted), source=OWN_SOURCE):
            value = known.get(int(wish.key))
            await desired.reported(tx, report.charger_id, kind=KIND, key=wish.key, value=value)


async def limit_told(tx: Tx, fact: LimitTold) -> None:
    """Keep a limit from outside in place of the one of the same source (K12)."""
    known = {(limit.evse, limit.source) for limit in await store.limits_of(tx, fact.charger_id)}
    if len(known | {(fact.evse, fact.source)}) > MAX_LIMITS:
        log.warning("charging_limit_dropped", evse=fact.evse)
        return
    await store.put_limit(
        tx,
        charger_id=fact.charger_id,
        evse=fact.evse,
        source=fact.source,
        is_grid_critical=fact.is_grid_critical,
        schedules=[msgspec.to_builtins(schedule) for schedule in fact.schedules],
    )
    if fact.schedules:
        await _forget_external(tx, fact.charger_id, source=fact.source, evse=fact.evse)


async def limit_cleared(tx: Tx, charger_id: str, *, source: str, evse: int | None) -> None:
    """Forget a limit from outside (K13); without *evse*, all of its source."""
    await store.forget_limits(tx, charger_id, source=source, evse=evse)
    await _forget_external(tx, charger_id, source=source, evse=evse)


async def _forget_external(tx: Tx, charger_id: str, *, source: str, evse: int | None) -> None:
    """Forget the profiles of a source that were reported: a limit that it told is newer."""
    await store.forget_profiles(tx, charger_id, purpose=Purpose.EXTERNAL, source=source, evse=evse)


async def composite_told(tx: Tx, fact: CompositeTold) -> None:
    """Keep what a charger says that it will do."""
    await store.put_composite(tx, fact.charger_id, fact.evse, msgspec.to_builtins(fact))


async def needs_told(
    tx: Tx,
    charger: Charger,
    needs: Needs | None,
    *,
    evse: int,
    raw: dict[str, Any],
    running: Running | None,
    session_id: str | None,
    plans: bool,
) -> PlanStatus:
    """Keep what a vehicle told; if this platform plans, send its schedule (K15).

    The schedule waits for its transaction if that is not known yet.
    """
    status = PlanStatus.NOTED
    if needs is None:
        status = PlanStatus.UNUSABLE
    elif plans:
        status = PlanStatus.WAITING
    document = msgspec.to_builtins(needs) if needs is not None else {"raw": raw}
    await store.put_needs(tx, charger.id, evse, needs=document, status=status)
    if status is PlanStatus.WAITING and running is not None and session_id is not None:
        return await transaction_known(
            tx, charger, evse=evse, running=running, session_id=session_id
        )
    return status


async def transaction_known(
    tx: Tx, charger: Charger, *, evse: int, running: Running, session_id: str
) -> PlanStatus:
    """Send the schedule that a vehicle waits for, now that its transaction is known."""
    row = await store.needs_at(tx, charger.id, evse)
    if row is None or row.status is not PlanStatus.WAITING:
        return PlanStatus.NOTED if row is None else row.status
    plan = planning.plan(
        msgspec.convert(row.needs, Needs),
        await _connector(tx, charger.id, evse),
        profile_id=await service.id_for_transaction(
            tx,
            charger.id,
            evse=evse,
            stack_level=planning.STACK_LEVEL,
            transaction_ref=running.ref,
        ),
        evse=evse,
        transaction_ref=running.ref,
        now=tx.now,
    )
    status = PlanStatus.UNUSABLE if plan is None else PlanStatus.PLANNED
    if plan is not None:
        try:
            await service.send_for_transaction(
                tx,
                PLATFORM,
                charger,
                plan.profile,
                session_id=session_id,
                timeout_s=service.WITHIN_S,
                priority=Priority.DRIVER,
            )
        except PlatformError as exc:
            log.warning("plan_not_sent", reason=exc.code, detail=exc.detail)
            status = PlanStatus.UNUSABLE
    document = None if plan is None else msgspec.to_builtins(plan)
    await store.change_needs(
        tx, charger.id, evse, status=status, plan=document, transaction_ref=running.ref
    )
    return status


async def vehicle_schedule_told(
    tx: Tx,
    charger: Charger,
    schedule: Schedule,
    *,
    evse: int,
    running: Running | None,
    session_id: str | None,
    plans: bool,
) -> bool:
    """Keep what a vehicle will do; return whether it stays within all known limits (K17).

    If this platform plans, and it does not, it is negotiated with again.
    """
    charger_id, start = charger.id, schedule.start or tx.now
    supply = Supply()
    allowed = await service.expected(
        tx,
        charger_id,
        evse=evse,
        at=max(start, tx.now - LOOK_AHEAD),
        duration_s=int(LOOK_AHEAD.total_seconds()),
        unit=RateUnit.WATT if schedule.unit is RateUnit.WATT else RateUnit.AMPERE,
        supply=supply,
        running=running,
    )
    keeps = not exceeds(schedule, allowed, supply, start=start)
    if await store.needs_at(tx, charger_id, evse) is None:
        await store.put_needs(tx, charger_id, evse, needs={}, status=PlanStatus.NOTED)
    await store.change_needs(
        tx,
        charger_id,
        evse,
        vehicle_schedule=msgspec.to_builtins(schedule),
        vehicle_schedule_at=tx.now,
        vehicle_keeps_limits=keeps,
    )
    if plans and not keeps and running is not None and session_id is not None:
        await renegotiation.renegotiate(
            tx, charger, schedule, evse=evse, running=running, session_id=session_id
        )
    return keeps


async def _connector(tx: Tx, charger_id: str, evse: int) -> Connector | None:
    """Return the connector of an EVSE if it has just one, or the least able of several."""
    mine = [row for row in await registry.connectors_of(tx, charger_id) if row.evse == evse]
    return min(mine, key=lambda row: (row.max_power_w is None, row.max_power_w or 0), default=None)
