"""SQL of meter readings, and of what they change of sessions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Executable,
    Integer,
    String,
    and_,
    case,
    or_,
    select,
    update,
)

from core.chargers.models import chargers, connectors
from core.chargers.store import station_known
from core.kernel.db import Json, Tx, UtcDateTime
from core.kernel.given import given_rows
from core.kernel.queries import On, bound, query
from core.kernel.rows import insert_rows
from core.sessions.models import Figures, MeterValue, Session, meter_values, sessions

UPDATES_AT_MOST_EVERY: Final = timedelta(seconds=30)
"""How often a partner is told of the figures of a session."""

_SKEW: Final = timedelta(hours=1)
"""More than the clocks of two nodes may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered(Session):
    """A session, what its connector can give at most, in W, and its charger's station."""

    connector_max_power_w: int | None
    station_id: str | None


async def metered(tx: Tx, refs: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Metered]:
    """Return sessions by (charger id, transaction_ref), with what their connectors can give."""
    if not refs:
        return {}
    found = await tx.all(_metered(tx, sorted(refs)), Metered)
    for one in found:
        station_known(tx, one.charger_id, one.station_id)
    return {(one.charger_id, one.transaction_ref): one for one in found}


@query
def _metered(on: On, rows: Any) -> Executable:
    ref = given_rows(on, rows, charger_id=String(), transaction_ref=String())
    return (
        select(
            *sessions.c,
            connectors.c.max_power_w.label("connector_max_power_w"),
            chargers.c.station_id,
        )
        .select_from(ref)
        .join(
            sessions,
            and_(
                sessions.c.charger_id == ref.c.charger_id,
                sessions.c.transaction_ref == ref.c.transaction_ref,
            ),
        )
        .join(chargers, chargers.c.id == sessions.c.charger_id)
        .outerjoin(connectors, connectors.c.id == sessions.c.connector_id)
    )


async def known(
    tx: Tx, messages: Collection[tuple[str, int]], *, since: datetime
) -> Collection[tuple[str, int]]:
    """Return which MeterValues, by session id and key, are stored.

    Args:
        since: When the first of those sessions was created; parts of the table from before are not
            looked into.
    """
    if not messages:
        return ()
    rows = await tx.all(_known(tx, sorted(messages), since - _SKEW))
    return {(row.session_id, row.message_key) for row in rows}


@query
def _known(on: On, rows: Any, since: datetime) -> Executable:
    message = given_rows(on, rows, session_id=String(), key=BigInteger())
    return (
        select(meter_values.c.session_id, meter_values.c.message_key)
        .select_from(message)
        .join(
            meter_values,
            and_(
                meter_values.c.session_id == message.c.session_id,
                meter_values.c.message_key == message.c.key,
                meter_values.c.received_at >= since,
            ),
        )
    )


async def hold(tx: Tx, session_id: str) -> None:
    """Have nobody else change a session, or store its readings, until the transaction ends."""
    await tx.all(_held(session_id))


@query
def _held(session_id: str) -> Executable:
    held = select(sessions.c.number).where(sessions.c.id == session_id)
    return held.with_for_update(key_share=True)


async def change_figures(
    tx: Tx, figures: Mapping[str, Figures], *, sequences: Mapping[str, int] | None = None
) -> Mapping[str, Session]:
    """Set what readings change of sessions; return those that are still open, by id.

    Whose partner was not told of it for ``UPDATES_AT_MOST_EVERY`` is announced now.

    Args:
        sequences: By session id the sequence that it was read with: one that has another by now
            is left alone.
    """
    if not figures:
        return {}
    rows = [
        (
            id_,
            one.meter_start_wh,
            one.last_wh,
            one.last_at,
            one.energy_wh,
            one.power_w,
            one.soc_percent,
            one.data_quality,
            one.flags,
            None if sequences is None else sequences[id_],
        )
        for id_, one in sorted(figures.items())
    ]
    told_by = tx.now - UPDATES_AT_MOST_EVERY
    statement = _change_figures(tx, now=tx.now, told_by=told_by, rows=rows)
    changed = await tx.all(statement, Session)
    return {session.id: session for session in changed}


@query
def _change_figures(on: On, *, now: datetime, told_by: datetime, rows: Any) -> Executable:
    told_at = sessions.c.announced_at
    is_due = and_(sessions.c.partner_id.is_not(None), or_(told_at.is_(None), told_at <= told_by))
    one = given_rows(
        on,
        rows,
        id=String(),
        meter_start_wh=BigInteger(),
        last_wh=BigInteger(),
        last_at=UtcDateTime(),
        energy_wh=BigInteger(),
        power_w=BigInteger(),
        soc_percent=Integer(),
        data_quality=String(),
        flags=Json,
        read_at=Integer(),
    )
    not_set = ("id", "read_at")
    return (
        update(sessions)
        .where(
            sessions.c.id == one.c.id,
            sessions.c.ended_at.is_(None),
            or_(one.c.read_at.is_(None), sessions.c.sequence == one.c.read_at),
        )
        .values(
            {
                **{column.name: column for column in one.c if column.name not in not_set},
                "suspect_since": None,
                "announced_at": case((is_due, bound(now, UtcDateTime())), else_=told_at),
                "sequence": sessions.c.sequence + 1,
                "updated_at": now,
            }
        )
        .returning(sessions)
    )


async def add_readings(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    await insert_rows(tx, meter_values, rows)


async def readings(
    tx: Tx, session_id: str, *, after_number: int = 0, limit: int | None = None
) -> Sequence[MeterValue]:
    return await tx.all(_readings(session_id, after_number, limit=limit), MeterValue)


@query
def _readings(session_id: str, after_number: int, *, limit: int | None = None) -> Executable:
    return (
        select(meter_values)
        .where(meter_values.c.session_id == session_id, meter_values.c.number > after_number)
        .order_by(meter_values.c.number)
        .limit(limit)
    )


async def mark_readings(tx: Tx, session_id: str, *, rejected: frozenset[int]) -> None:
    """Set which readings of a session count."""
    mine = meter_values.c.session_id == session_id
    bad = meter_values.c.number.in_(sorted(rejected))
    await tx.execute(
        update(meter_values)
        .where(mine, or_(bad, meter_values.c.accepted.is_(False)))
        .values(accepted=~bad)
    )
