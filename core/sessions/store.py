"""SQL of sessions and the messages they are made of. Every state change is in this file."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, or_, select, update

from core.commands.models import commands
from core.commands.states import CommandStatus
from core.kernel.db import Tx, guarded_move, insert_once, upsert
from core.sessions.models import MeterValue, Session, meter_values, sessions, transaction_messages
from core.sessions.states import MACHINE, OPEN, SessionStatus

_OPEN = sorted(OPEN)


async def add(tx: Tx, **values: Any) -> Session | None:
    """Insert, or return ``None`` if the charger reported this transaction before."""
    session = await insert_once(
        tx,
        sessions,
        Session,
        sequence=1,
        created_at=tx.now,
        updated_at=tx.now,
        **values,
    )
    if session is None or values["transaction_ref"]:
        return session
    # OCPP 1.6: the number we gave is what the charger will call the transaction.
    statement = (
        update(sessions)
        .where(sessions.c.id == session.id)
        .values(transaction_ref=str(session.number))
        .returning(sessions)
    )
    return await tx.one(statement, Session)


async def change(tx: Tx, session_id: str, **values: Any) -> Session:
    """Set figures of a session, not its status; its sequence grows."""
    statement = (
        update(sessions)
        .where(sessions.c.id == session_id)
        .values(sequence=sessions.c.sequence + 1, updated_at=tx.now, **values)
        .returning(sessions)
    )
    return await tx.one(statement, Session)


async def move(tx: Tx, session_id: str, to: SessionStatus, **values: Any) -> Session | None:
    """Enter status *to* if the machine allows it from the current one."""
    return await guarded_move(
        tx,
        sessions,
        Session,
        MACHINE,
        session_id,
        to,
        sequence=sessions.c.sequence + 1,
        updated_at=tx.now,
        **values,
    )


async def want_stop(tx: Tx, session_id: str, reason: str) -> None:
    """Remember why the platform asks for the end; the first reason stands."""
    await tx.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.stop_wanted.is_(None))
        .values(stop_wanted=reason)
    )


async def vacate(tx: Tx, connector_id: str, *, suspect_since: datetime) -> None:
    """Take the connector from the session that has it; its end must have been lost."""
    await tx.execute(
        update(sessions)
        .where(sessions.c.connector_id == connector_id, sessions.c.is_current)
        .values(is_current=False, suspect_since=suspect_since)
    )


async def by_id(tx: Tx, session_id: str) -> Session | None:
    return await tx.one_or_none(select(sessions).where(sessions.c.id == session_id), Session)


async def by_ref(tx: Tx, charger_id: str, transaction_ref: str) -> Session | None:
    statement = select(sessions).where(
        sessions.c.charger_id == charger_id, sessions.c.transaction_ref == transaction_ref
    )
    return await tx.one_or_none(statement, Session)


async def by_start_key(tx: Tx, charger_id: str, start_key: str) -> Session | None:
    statement = select(sessions).where(
        sessions.c.charger_id == charger_id, sessions.c.start_key == start_key
    )
    return await tx.one_or_none(statement, Session)


async def current(tx: Tx, connector_id: str) -> Session | None:
    """Return the session that occupies a connector now."""
    statement = select(sessions).where(
        sessions.c.connector_id == connector_id, sessions.c.is_current
    )
    return await tx.one_or_none(statement, Session)


async def ended_since(tx: Tx, connector_id: str, at: datetime) -> bool:
    """Tell whether a session on a connector was ended, by our clock, at or after *at*."""
    statement = (
        select(sessions.c.id)
        .where(
            sessions.c.connector_id == connector_id,
            sessions.c.status == SessionStatus.ENDED,
            sessions.c.updated_at >= at,
        )
        .limit(1)
    )
    return await tx.scalar(statement) is not None


async def open_of_charger(tx: Tx, charger_id: str) -> Sequence[Session]:
    statement = (
        select(sessions)
        .where(sessions.c.charger_id == charger_id, sessions.c.status.in_(_OPEN))
        .order_by(sessions.c.number)
    )
    return await tx.all(statement, Session)


async def orphans(tx: Tx, charger_id: str, *, ended_after: datetime) -> Sequence[Session]:
    """Return the stops of a charger that no start was found for."""
    statement = select(sessions).where(
        sessions.c.charger_id == charger_id,
        sessions.c.status == SessionStatus.INVALID,
        sessions.c.reported_start_wh.is_(None),
        sessions.c.ended_at >= ended_after,
    )
    return await tx.all(statement, Session)


async def suspects(tx: Tx, *, before: datetime, limit: int) -> Sequence[Session]:
    """Return open sessions in doubt since before *before*."""
    statement = (
        select(sessions)
        .where(sessions.c.status.in_(_OPEN), sessions.c.suspect_since <= before)
        .limit(limit)
    )
    return await tx.all(statement, Session)


async def to_be_stopped(tx: Tx, *, wanted: frozenset[str], limit: int) -> Sequence[Session]:
    """Return open sessions with limits, or with a stop *wanted*, that nobody asked in a minute.

    A stop that was withdrawn because the charger left counts as not asked.
    """
    a_minute_ago = tx.now - timedelta(minutes=1)
    asked = (
        select(commands.c.id)
        .where(
            commands.c.session_id == sessions.c.id,
            commands.c.kind == "stop",
            commands.c.status != CommandStatus.EXPIRED,
            commands.c.created_at > a_minute_ago,
        )
        .exists()
    )
    statement = (
        select(sessions)
        .where(
            sessions.c.status.in_(_OPEN),
            or_(sessions.c.limits.is_not(None), sessions.c.stop_wanted.in_(sorted(wanted))),
            ~asked,
        )
        .limit(limit)
    )
    return await tx.all(statement, Session)


async def remember(  # a tx, and the five facts of a row
    tx: Tx,
    *,
    charger_id: str,
    key: str,
    digest: str,
    session_id: str,
    action: str,
    seq: int | None,
    raw: dict[str, Any],
) -> bool:
    """Record a transaction message; ``False`` if one with its key is recorded already."""
    statement = (
        upsert(tx, transaction_messages)
        .values(
            charger_id=charger_id,
            key=key,
            digest=digest,
            session_id=session_id,
            action=action,
            seq=seq,
            received_at=tx.now,
            raw=raw,
        )
        .on_conflict_do_nothing()
        .returning(transaction_messages.c.key)
    )
    return await tx.scalar(statement) is not None


async def remembered(tx: Tx, charger_id: str, key: str) -> tuple[str, str] | None:
    """Return (digest, session id) of the message recorded under *key*."""
    statement = select(transaction_messages.c.digest, transaction_messages.c.session_id).where(
        transaction_messages.c.charger_id == charger_id, transaction_messages.c.key == key
    )
    row = await tx.one_or_none(statement)
    return None if row is None else (row.digest, row.session_id)


async def sequence_gap(tx: Tx, session_id: str) -> bool:
    """Tell whether a seqNo is missing between the first and the last (2.x)."""
    seq = transaction_messages.c.seq
    statement = select(
        func.min(seq).label("low"),
        func.max(seq).label("high"),
        func.count(seq.distinct()).label("messages"),
    ).where(transaction_messages.c.session_id == session_id, seq.is_not(None))
    row = await tx.one(statement)
    return row.low is not None and row.high - row.low + 1 != row.messages


async def add_readings(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        await tx.execute(insert(meter_values), rows)


async def readings(
    tx: Tx, session_id: str, *, after_number: int = 0, limit: int | None = None
) -> Sequence[MeterValue]:
    statement = (
        select(meter_values)
        .where(meter_values.c.session_id == session_id, meter_values.c.number > after_number)
        .order_by(meter_values.c.number)
    )
    if limit is not None:
        statement = statement.limit(limit)
    return await tx.all(statement, MeterValue)


async def mark_readings(tx: Tx, session_id: str, *, rejected: frozenset[int]) -> None:
    """Set which readings of a session count."""
    mine = meter_values.c.session_id == session_id
    bad = meter_values.c.number.in_(sorted(rejected))
    await tx.execute(
        update(meter_values)
        .where(mine, or_(bad, meter_values.c.accepted.is_(False)))
        .values(accepted=~bad)
    )
