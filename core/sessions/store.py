"""SQL of sessions and the messages they are made of. Every state change is in this file."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Executable,
    FromClause,
    Integer,
    Select,
    String,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    true,
    update,
)

from core.commands.models import commands
from core.commands.states import CommandStatus
from core.kernel.db import Json, Tx, UtcDateTime, upsert
from core.kernel.given import given_rows, is_among
from core.kernel.queries import On, Prepared, bound, filled, parameter, query
from core.kernel.rows import ONE_MORE, change_row, guarded_move, insert_once
from core.sessions.facts import Source
from core.sessions.models import (
    IS_CURRENT,
    IS_OPEN,
    Session,
    sessions,
    transaction_messages,
)
from core.sessions.states import MACHINE, SessionStatus


async def add(tx: Tx, **values: Any) -> Session | None:
    """Insert, or return ``None`` if the charger reported this transaction before.

    Without a ``transaction_ref`` (OCPP 1.6) it is the number that the session is given: that is
    what the charger will call the transaction.
    """
    values |= {"sequence": 1, "created_at": tx.now, "updated_at": tx.now}
    if values["transaction_ref"]:
        return await insert_once(tx, sessions, Session, **values)
    del values["transaction_ref"]
    return await tx.one_or_none(filled(_add_numbered(tuple(values)), values), Session)


@cache
def _add_numbered(names: tuple[str, ...]) -> Prepared:
    def build(on: On) -> Executable:
        numbered = _next_number(on)
        given = [bound(parameter(name), sessions.c[name].type).label(name) for name in names]
        ref = cast(numbered.c.number, String).label("transaction_ref")
        row = select(numbered.c.number, ref, *given).where(true())
        statement: Any = upsert(on, sessions).from_select(
            ["number", "transaction_ref", *names], row
        )
        result: Executable = statement.on_conflict_do_nothing().returning(sessions)
        return result

    return Prepared(build)


def _next_number(on: On) -> FromClause:
    if on.dialect == "postgresql":
        following = func.nextval(literal_column("'sessions_number_seq'")).label("number")
        return select(following).subquery()
    used = table("sqlite_sequence", column("seq", Integer), column("name", String))
    last = func.coalesce(func.max(used.c.seq), 0).label("number")
    return select((last + 1).label("number")).where(used.c.name == sessions.name).subquery()


async def change(tx: Tx, session_id: str, **values: Any) -> Session:
    """Set figures of a session, not its status; its sequence grows."""
    changed = await change_row(
        tx, sessions, Session, session_id, sequence=ONE_MORE, updated_at=tx.now, **values
    )
    if changed is None:
        raise LookupError(f"no session {session_id}")
    return changed


async def move(tx: Tx, session_id: str, to: SessionStatus, **values: Any) -> Session | None:
    """Enter status *to* if the machine allows it from the current one."""
    return await guarded_move(
        tx,
        sessions,
        Session,
        MACHINE,
        session_id,
        to,
        sequence=ONE_MORE,
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
        .where(sessions.c.connector_id == connector_id, IS_CURRENT)
        .values(is_current=False, suspect_since=suspect_since)
    )


async def by_id(tx: Tx, session_id: str) -> Session | None:
    return await tx.one_or_none(_by_id(session_id), Session)


@query
def _by_id(session_id: str) -> Executable:
    return select(sessions).where(sessions.c.id == session_id)


async def by_ref(tx: Tx, charger_id: str, transaction_ref: str) -> Session | None:
    return await tx.one_or_none(_by_ref(charger_id, transaction_ref), Session)


@query
def _by_ref(charger_id: str, transaction_ref: str) -> Executable:
    return select(sessions).where(
        sessions.c.charger_id == charger_id, sessions.c.transaction_ref == transaction_ref
    )


async def current(tx: Tx, connector_id: str) -> Session | None:
    """Return the session that occupies a connector now."""
    return await tx.one_or_none(_current(connector_id), Session)


@query
def _current(connector_id: str) -> Executable:
    return of_connector(connector_id)


def of_connector(connector_id: Any) -> Select[Any]:
    """Return the query for the session that occupies a connector now."""
    return select(sessions).where(sessions.c.connector_id == connector_id, IS_CURRENT)


async def ended_since(tx: Tx, connector_id: str, at: datetime) -> bool:
    """Tell whether a session on a connector was ended, by our clock, at or after *at*."""
    return await tx.scalar(_ended_since(connector_id, at)) is not None


@query
def _ended_since(connector_id: str, at: datetime) -> Executable:
    return (
        select(sessions.c.id)
        .where(
            sessions.c.connector_id == connector_id,
            sessions.c.status == SessionStatus.ENDED,
            sessions.c.over_updated_at >= at,
        )
        .limit(1)
    )


async def open_of_charger(tx: Tx, charger_id: str) -> Sequence[Session]:
    return await tx.all(_open_of_charger(charger_id), Session)


@query
def _open_of_charger(charger_id: str) -> Executable:
    return (
        select(sessions)
        .where(sessions.c.charger_id == charger_id, IS_OPEN)
        .order_by(sessions.c.number)
    )


async def first_look(
    tx: Tx, charger_id: str, key: str, *, ended_after: datetime
) -> tuple[tuple[str, str] | None, bool]:
    """Return what ``remembered`` returns, and whether ``orphans`` would return any."""
    row = await tx.one(_first_look(charger_id, key, ended_after))
    known = None if row.digest is None else (row.digest, row.session_id)
    return known, bool(row.has_orphans)


@query
def _first_look(charger_id: str, key: str, ended_after: datetime) -> Executable:
    known = _of_key(charger_id, key).subquery()
    orphaned = _of_orphans(charger_id, ended_after).exists().label("has_orphans")
    nothing = select(literal_column("1").label("one")).subquery()
    return select(known.c.digest, known.c.session_id, orphaned).select_from(
        nothing.outerjoin(known, true())
    )


async def orphans(tx: Tx, charger_id: str, *, ended_after: datetime) -> Sequence[Session]:
    """Return the stops of a charger that no start was found for."""
    return await tx.all(_orphans(charger_id, ended_after), Session)


@query
def _orphans(charger_id: str, ended_after: datetime) -> Executable:
    return _of_orphans(charger_id, ended_after)


def _of_orphans(charger_id: Any, ended_after: Any) -> Select[Any]:
    return select(sessions).where(
        sessions.c.charger_id == charger_id,
        sessions.c.status == SessionStatus.INVALID,
        sessions.c.reported_start_wh.is_(None),
        sessions.c.ended_at >= ended_after,
    )


async def suspects(tx: Tx, *, before: datetime, limit: int) -> Sequence[Session]:
    """Return open sessions in doubt since before *before*."""
    statement = select(sessions).where(IS_OPEN, sessions.c.suspect_since <= before).limit(limit)
    return await tx.all(statement, Session)


async def to_be_stopped(tx: Tx, *, wanted: frozenset[str], limit: int) -> Sequence[Session]:
    """Return open sessions with limits, or with a stop *wanted*, that nobody asked in a minute.

    A stop that was withdrawn because the charger left counts as not asked.
    """
    statement = _to_be_stopped(
        tx, sorted(wanted), limit, a_minute_ago=tx.now - timedelta(minutes=1)
    )
    return await tx.all(statement, Session)


@query
def _to_be_stopped(on: On, wanted: list[str], limit: int, *, a_minute_ago: datetime) -> Executable:
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
    is_wanted = is_among(on, sessions.c.stop_wanted, wanted)
    return (
        select(sessions)
        .where(IS_OPEN, or_(sessions.c.limits.is_not(None), is_wanted), ~asked)
        .limit(limit)
    )


async def remember(
    tx: Tx,
    source: Source,
    session_id: str,
    *,
    seq: int | None,
    rest: dict[str, Any],
    places: Sequence[int | None],
) -> bool:
    """Record a transaction message; ``False`` if its key was recorded before.

    Args:
        rest: Its payload without the samples that its readings have.
        places: Which of those belong to each of its elements.
    """
    row = (
        source.charger_id,
        source.key,
        source.digest,
        session_id,
        source.action,
        seq,
        rest,
        places or None,
    )
    return bool(await tx.all(_remember(tx, now=tx.now, rows=[row])))


@query
def _remember(on: On, *, now: datetime, rows: Any) -> Executable:
    message = given_rows(
        on,
        rows,
        charger_id=String(),
        key=String(),
        digest=String(),
        session_id=String(),
        action=String(),
        seq=Integer(),
        raw=Json,
        samples=Json,
    )
    columns = [*message.c, bound(now, UtcDateTime()).label("received_at")]
    statement: Any = upsert(on, transaction_messages).from_select(
        [column.name for column in columns], select(*columns).where(true())
    )
    kept = transaction_messages.c
    return statement.on_conflict_do_nothing().returning(  # type: ignore[no-any-return]
        kept.charger_id, kept.key
    )


async def remembered(tx: Tx, charger_id: str, key: str) -> tuple[str, str] | None:
    """Return (digest, session id) of the message recorded under *key*."""
    row = await tx.one_or_none(_remembered(charger_id, key))
    return None if row is None else (row.digest, row.session_id)


@query
def _remembered(charger_id: str, key: str) -> Executable:
    return _of_key(charger_id, key)


def _of_key(charger_id: Any, key: Any) -> Select[Any]:
    return select(transaction_messages.c.digest, transaction_messages.c.session_id).where(
        transaction_messages.c.charger_id == charger_id, transaction_messages.c.key == key
    )


async def sequence_gap(tx: Tx, session_id: str) -> bool:
    """Tell whether a seqNo is missing between the first and the last (2.x)."""
    row = await tx.one(_sequences(session_id))
    return row.low is not None and row.high - row.low + 1 != row.messages


@query
def _sequences(session_id: str) -> Executable:
    seq = transaction_messages.c.seq
    return select(
        func.min(seq).label("low"),
        func.max(seq).label("high"),
        func.count(seq.distinct()).label("messages"),
    ).where(transaction_messages.c.session_id == session_id, seq.is_not(None))
