"""SQL of counts, networks, incidents and tuned rules. Every change of these is in this file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Executable, Select, delete, func, select, update

from core.conduct.models import (
    EVERYBODY,
    INCIDENTS,
    Incident,
    IncidentStatus,
    Tally,
    conduct_counts,
    conduct_incidents,
    conduct_tunings,
    partner_networks,
)
from core.conduct.rules import Signal
from core.kernel.db import Tx, upsert
from core.kernel.given import is_among
from core.kernel.page import Page, Slice, paginate
from core.kernel.queries import On, query

_COUNTED = ("count", "first_at", "last_at", "examples")


async def put_tallies(tx: Tx, tallies: Sequence[Tally]) -> None:
    """Write what one process has counted so far; the same again changes nothing."""
    names = [column.name for column in conduct_counts.primary_key]
    statement = upsert(tx, conduct_counts)
    new = {name: statement.excluded[name] for name in _COUNTED}
    statement = statement.on_conflict_do_update(index_elements=names, set_=new)
    await tx.execute(statement, [asdict(tally) for tally in tallies])


async def tallies(
    tx: Tx, partner_id: str, *, livemode: bool, signals: Iterable[Signal], from_minute: int
) -> Sequence[Tally]:
    statement = (
        select(conduct_counts)
        .where(
            conduct_counts.c.partner_id == partner_id,
            conduct_counts.c.livemode == livemode,
            conduct_counts.c.signal.in_(sorted(signals)),
            conduct_counts.c.minute >= from_minute,
        )
        .order_by(conduct_counts.c.last_at)
    )
    return await tx.all(statement, Tally)


async def with_many(
    tx: Tx, signals: Iterable[Signal], *, from_minute: int, least: int
) -> Sequence[tuple[str, bool]]:
    """Return partners and modes of which at least so many of some signals were counted."""
    statement = _with_many(tx, sorted(signals), from_minute=from_minute, least=least)
    return [(row[0], row[1]) for row in await tx.all(statement)]


@query
def _with_many(on: On, signals: list[str], *, from_minute: int, least: int) -> Executable:
    return (
        select(conduct_counts.c.partner_id, conduct_counts.c.livemode)
        .where(
            conduct_counts.c.minute >= from_minute,
            is_among(on, conduct_counts.c.signal, signals),
        )
        .group_by(conduct_counts.c.partner_id, conduct_counts.c.livemode)
        .having(func.sum(conduct_counts.c.count) >= least)
    )


async def delete_old(tx: Tx, *, before_minute: int, networks_before: datetime) -> None:
    await tx.execute(delete(conduct_counts).where(conduct_counts.c.minute < before_minute))
    await tx.execute(delete(partner_networks).where(partner_networks.c.last_at < networks_before))


async def learn_networks(
    tx: Tx, keys: Sequence[tuple[str, bool, str]], *, learning: timedelta
) -> frozenset[tuple[str, bool, str]]:
    """Remember networks; return those that are new to partners known for longer than *learning*."""
    new = set()
    for partner_id, livemode, network in keys:
        table = partner_networks.c
        is_its = (table.partner_id == partner_id) & (table.livemode == livemode)
        known_since = await tx.scalar(
            select(partner_networks.c.first_at).where(is_its).order_by(table.first_at).limit(1)
        )
        statement = upsert(tx, partner_networks).values(
            partner_id=partner_id,
            livemode=livemode,
            network=network,
            first_at=tx.now,
            last_at=tx.now,
        )
        statement = statement.on_conflict_do_update(
            index_elements=["partner_id", "livemode", "network"], set_={"last_at": tx.now}
        )
        first_at = await tx.scalar(statement.returning(table.first_at))
        if first_at == tx.now and known_since is not None and known_since <= tx.now - learning:
            new.add((partner_id, livemode, network))
    return frozenset(new)


async def add_incident(tx: Tx, **values: Any) -> Incident:
    statement = upsert(tx, conduct_incidents).values(
        status=IncidentStatus.OPEN, created_at=tx.now, updated_at=tx.now, **values
    )
    return await tx.one(statement.returning(conduct_incidents), Incident)


async def incident(tx: Tx, incident_id: str) -> Incident | None:
    statement = select(conduct_incidents).where(conduct_incidents.c.id == incident_id)
    return await tx.one_or_none(statement, Incident)


async def newest_incidents(tx: Tx, partner_id: str, *, limit: int) -> Sequence[Incident]:
    table = conduct_incidents.c
    statement = (
        select(conduct_incidents)
        .where(table.partner_id == partner_id)
        .order_by(table.created_at.desc(), table.id.desc())
        .limit(limit)
    )
    return await tx.all(statement, Incident)


async def last_of_rules(tx: Tx, partner_id: str, *, livemode: bool) -> dict[str, datetime]:
    """Return when each rule found something last."""
    table = conduct_incidents.c
    statement = (
        select(table.rule, func.max(table.created_at))
        .where(table.partner_id == partner_id, table.livemode == livemode)
        .group_by(table.rule)
    )
    return {row[0]: row[1] for row in await tx.all(statement)}


async def incidents_page(
    tx: Tx,
    page: Page,
    *,
    partner_id: str | None,
    livemode: bool | None,
    rule: str | None,
    status: str | None,
    step: str | None,
) -> Slice[Incident]:
    filters = {
        "partner_id": partner_id,
        "livemode": livemode,
        "rule": rule,
        "status": status,
        "step": step,
    }
    statement: Select[Any] = select(conduct_incidents)
    for name, value in filters.items():
        if value is not None:
            statement = statement.where(conduct_incidents.c[name] == value)
    return await paginate(tx, statement, conduct_incidents, page, Incident)


async def close_incidents(
    tx: Tx, partner_id: str, *, livemode: bool, closed_by: str
) -> Sequence[str]:
    """Close what is open of a partner in a mode; return the ids."""
    table = conduct_incidents.c
    statement = (
        update(conduct_incidents)
        .where(
            table.partner_id == partner_id,
            table.livemode == livemode,
            table.status.in_(sorted(INCIDENTS.sources(IncidentStatus.CLOSED))),
        )
        .values(
            status=IncidentStatus.CLOSED,
            closed_by=closed_by,
            closed_at=tx.now,
            updated_at=tx.now,
        )
        .returning(table.id)
    )
    return sorted(await tx.scalars(statement))


async def tunings(tx: Tx, *scopes: str) -> Sequence[tuple[str, str, dict[str, Any]]]:
    """Return (scope, rule, values), those for everybody first."""
    return [(row[0], row[1], row[2]) for row in await tx.all(_tunings(tx, list(scopes)))]


@query
def _tunings(on: On, scopes: list[str]) -> Executable:
    table = conduct_tunings.c
    return (
        select(table.scope, table.rule, table.overrides)
        .where(is_among(on, table.scope, scopes))
        .order_by((table.scope == EVERYBODY).desc(), table.rule)
    )


async def all_tunings(tx: Tx) -> Sequence[tuple[str, dict[str, Any]]]:
    """Return (rule, values) of every tuning."""
    table = conduct_tunings.c
    found = await tx.all(select(table.rule, table.overrides))
    return [(row[0], row[1]) for row in found]


async def put_tuning(tx: Tx, scope: str, rule: str, values: Mapping[str, Any]) -> None:
    """Set what differs from the default of a rule; nothing: the default holds again."""
    table = conduct_tunings.c
    if not values:
        await tx.execute(delete(conduct_tunings).where(table.scope == scope, table.rule == rule))
        return
    new = {"overrides": dict(values), "updated_at": tx.now}
    statement = upsert(tx, conduct_tunings).values(scope=scope, rule=rule, **new)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=[table.scope, table.rule], set_=new)
    )
