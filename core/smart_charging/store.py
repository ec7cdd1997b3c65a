"""SQL of smart charging."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, delete, func, select, update

from core.kernel.db import Tx, upsert
from core.kernel.queries import query
from core.smart_charging.models import (
    KnownProfile,
    Limit,
    Report,
    ReportedSchedule,
    VehicleNeeds,
    charging_limits,
    charging_needs,
    charging_profile_reports,
    charging_profiles,
    composite_schedules,
)
from core.smart_charging.profiles import Profile, to_document
from core.smart_charging.states import Learned

_PROFILE_KEY = ("charger_id", "source", "evse", "profile_id")


async def put_profile(
    tx: Tx,
    charger_id: str,
    profile: Profile,
    *,
    source: str,
    learned: Learned,
    report: int | None = None,
) -> None:
    """Store a profile; one that was only sent never hides one that is known."""
    values = {
        "purpose": profile.purpose,
        "stack_level": profile.stack_level,
        "transaction_ref": profile.transaction_ref,
        "document": to_document(profile),
        "learned": learned,
        "report": report,
        "at": tx.now,
    }
    statement = upsert(tx, charging_profiles).values(
        charger_id=charger_id, source=source, evse=profile.evse, profile_id=profile.id, **values
    )
    given = charging_profiles.c.learned == Learned.SENT if learned is Learned.SENT else None
    await tx.execute(
        statement.on_conflict_do_update(index_elements=_PROFILE_KEY, set_=values, where=given)
    )


async def count_profiles(tx: Tx, charger_id: str, *, report: int | None = None) -> int:
    """Return how many profiles of a charger are kept, of one report or in all."""
    statement = select(func.count()).where(charging_profiles.c.charger_id == charger_id)
    if report is not None:
        statement = statement.where(charging_profiles.c.report == report)
    return int(await tx.scalar(statement) or 0)


async def profiles_of(
    tx: Tx, charger_id: str, *, include_sent: bool = False
) -> Sequence[KnownProfile]:
    """Return what a charger has, by EVSE, purpose and id."""
    columns = charging_profiles.c
    statement = select(charging_profiles).where(columns.charger_id == charger_id)
    if not include_sent:
        statement = statement.where(columns.learned != Learned.SENT)
    order = (columns.evse, columns.purpose, columns.profile_id, columns.number)
    return await tx.all(statement.order_by(*order), KnownProfile)


async def forget_profiles(
    tx: Tx,
    charger_id: str,
    *,
    profile_id: int | None = None,
    evse: int | None = None,
    purpose: str | None = None,
    stack_level: int | None = None,
    transaction_ref: str | None = None,
    not_id: int | None = None,
    source: str | None = None,
) -> Sequence[int]:
    """Delete the profiles that fit all that is given; return their ids."""
    statement = _forget_profiles(
        charger_id,
        profile_id=profile_id,
        evse=evse,
        purpose=purpose,
        stack_level=stack_level,
        transaction_ref=transaction_ref,
        not_id=not_id,
        source=source,
    )
    return await tx.scalars(statement)


@query
def _forget_profiles(
    charger_id: str,
    *,
    profile_id: int | None = None,
    evse: int | None = None,
    purpose: str | None = None,
    stack_level: int | None = None,
    transaction_ref: str | None = None,
    not_id: int | None = None,
    source: str | None = None,
) -> Executable:
    columns = charging_profiles.c
    given: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (columns.profile_id, profile_id),
            (columns.evse, evse),
            (columns.purpose, purpose),
            (columns.stack_level, stack_level),
            (columns.transaction_ref, transaction_ref),
            (columns.source, source),
        )
        if value is not None
    ]
    if not_id is not None:
        given.append(columns.profile_id != not_id)
    statement = delete(charging_profiles).where(columns.charger_id == charger_id, *given)
    return statement.returning(columns.profile_id)


async def forget_sent(tx: Tx, *, before: datetime) -> None:
    """Delete what was sent before *before* and never accepted."""
    columns = charging_profiles.c
    await tx.execute(
        delete(charging_profiles).where(columns.learned == Learned.SENT, columns.at < before)
    )


async def forget_numbers(tx: Tx, numbers: Sequence[int]) -> None:
    """Delete profiles by what numbers their rows."""
    await tx.execute(delete(charging_profiles).where(charging_profiles.c.number.in_(numbers)))


async def open_report(
    tx: Tx, charger_id: str, *, request: int, is_full: bool, criteria: dict[str, Any]
) -> None:
    """Remember which report is under way; the one before is no longer waited for."""
    values = {
        "request": request,
        "is_full": is_full,
        "criteria": criteria,
        "parts": 0,
        "asked_at": tx.now,
        "complete_at": None,
    }
    statement = upsert(tx, charging_profile_reports).values(charger_id=charger_id, **values)
    await tx.execute(statement.on_conflict_do_update(index_elements=["charger_id"], set_=values))


async def count_part(tx: Tx, charger_id: str, request: int, *, last: bool) -> Report | None:
    """Count a part of the report under way; ``None`` if it belongs to none."""
    columns = charging_profile_reports.c
    values: dict[str, Any] = {"parts": columns.parts + 1}
    if last:
        values["complete_at"] = tx.now
    statement = (
        update(charging_profile_reports)
        .where(columns.charger_id == charger_id, columns.request == request)
        .values(**values)
        .returning(charging_profile_reports)
    )
    return await tx.one_or_none(statement, Report)


async def report_of(tx: Tx, charger_id: str) -> Report | None:
    statement = select(charging_profile_reports).where(
        charging_profile_reports.c.charger_id == charger_id
    )
    return await tx.one_or_none(statement, Report)


async def put_limit(tx: Tx, **values: Any) -> None:
    key = ("charger_id", "evse", "source")
    changed = {name: value for name, value in values.items() if name not in key}
    statement = upsert(tx, charging_limits).values(told_at=tx.now, **values)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changed | {"told_at": tx.now})
    )


async def forget_limits(tx: Tx, charger_id: str, *, source: str, evse: int | None) -> None:
    """Delete the limit of *source* at an EVSE, or with ``None`` at all of them."""
    columns = charging_limits.c
    statement = delete(charging_limits).where(
        columns.charger_id == charger_id, columns.source == source
    )
    await tx.execute(statement if evse is None else statement.where(columns.evse == evse))


async def limits_of(tx: Tx, charger_id: str) -> Sequence[Limit]:
    columns = charging_limits.c
    statement = (
        select(charging_limits)
        .where(columns.charger_id == charger_id)
        .order_by(columns.evse, columns.source)
    )
    return await tx.all(statement, Limit)


async def put_needs(tx: Tx, charger_id: str, evse: int, **values: Any) -> None:
    """Store the needs at an EVSE in place of those before; how often was renegotiated stays."""
    changed = {
        "told_at": tx.now,
        "transaction_ref": None,
        "plan": None,
        "vehicle_schedule": None,
        "vehicle_schedule_at": None,
        "vehicle_keeps_limits": None,
    } | values
    statement = upsert(tx, charging_needs).values(charger_id=charger_id, evse=evse, **changed)
    key = ["charger_id", "evse"]
    await tx.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


async def change_needs(tx: Tx, charger_id: str, evse: int, **values: Any) -> None:
    await tx.execute(
        update(charging_needs)
        .where(charging_needs.c.charger_id == charger_id, charging_needs.c.evse == evse)
        .values(**values)
    )


async def needs_at(tx: Tx, charger_id: str, evse: int) -> VehicleNeeds | None:
    statement = select(charging_needs).where(
        charging_needs.c.charger_id == charger_id, charging_needs.c.evse == evse
    )
    return await tx.one_or_none(statement, VehicleNeeds)


async def needs_of(tx: Tx, charger_id: str) -> Sequence[VehicleNeeds]:
    statement = (
        select(charging_needs)
        .where(charging_needs.c.charger_id == charger_id)
        .order_by(charging_needs.c.evse)
    )
    return await tx.all(statement, VehicleNeeds)


async def put_composite(tx: Tx, charger_id: str, evse: int, document: dict[str, Any]) -> None:
    changed = {"document": document, "reported_at": tx.now}
    statement = upsert(tx, composite_schedules).values(charger_id=charger_id, evse=evse, **changed)
    key = ["charger_id", "evse"]
    await tx.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


async def composite_at(tx: Tx, charger_id: str, evse: int) -> ReportedSchedule | None:
    statement = select(composite_schedules).where(
        composite_schedules.c.charger_id == charger_id, composite_schedules.c.evse == evse
    )
    return await tx.one_or_none(statement, ReportedSchedule)
