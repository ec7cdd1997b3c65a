"""SQL of operations. Every state change of the table is in this file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Select, func, literal_column, select, update

from core.chargers.models import chargers, connectors
from core.chargers.states import ConnectorStatus
from core.chargers.store import station_known
from core.kernel import tracing
from core.kernel.db import Tx
from core.kernel.given import is_among
from core.kernel.page import Page, Slice, paginate
from core.kernel.queries import On, query, unindexed
from core.kernel.rows import ONE_MORE, guarded_move, insert_once
from core.operations import step_store
from core.operations.models import IS_UNFINISHED, Operation, operations
from core.operations.states import MACHINE, OperationStatus, OperationType, Stage


async def add(tx: Tx, **values: Any) -> Operation | None:
    """Insert with its first step, or return ``None`` where a unique rule is in the way.

    The rules: one operation per request_id, one unfinished start per connector, one start per
    reservation.
    """
    operation = await insert_once(
        tx,
        operations,
        Operation,
        status=OperationStatus.ACCEPTED,
        stage=Stage.QUEUED,
        sequence=1,
        created_at=tx.now,
        updated_at=tx.now,
        traceparent=tracing.current(),
        **values,
    )
    if operation is not None:
        step_store.note(tx, operation, {})
    return operation


async def move(
    tx: Tx,
    operation_id: str,
    to: OperationStatus,
    *,
    facts: dict[str, Any] | None = None,
    sources: frozenset[OperationStatus] | None = None,
    **values: Any,
) -> Operation | None:
    """Enter status *to* and write the step; ``None`` if the machine does not allow it now."""
    operation = await guarded_move(
        tx,
        operations,
        Operation,
        MACHINE,
        operation_id,
        to,
        sources=sources,
        sequence=ONE_MORE,
        updated_at=tx.now,
        **values,
    )
    if operation is not None:
        step_store.note(tx, operation, facts or {})
    return operation


async def advance(
    tx: Tx, operation_id: str, stage: Stage, *, after: frozenset[Stage], facts: dict[str, Any]
) -> Operation | None:
    """Enter a later stage of ``in_progress`` and write the step."""
    statement = _advance(tx, operation_id, stage, after=sorted(after), now=tx.now)
    operation = await tx.one_or_none(statement, Operation)
    if operation is not None:
        step_store.note(tx, operation, facts)
    return operation


@query
def _advance(
    on: On, operation_id: str, stage: Stage, *, after: list[Stage], now: datetime
) -> Executable:
    return (
        update(operations)
        .where(
            operations.c.id == operation_id,
            unindexed(operations.c.status) == OperationStatus.IN_PROGRESS,
            is_among(on, operations.c.stage, after),
        )
        .values(stage=stage, sequence=operations.c.sequence + 1, updated_at=now)
        .returning(operations)
    )


async def set_late_outcome(
    tx: Tx, operation_id: str, late_outcome: dict[str, Any], session_id: str
) -> Operation | None:
    """Record once what happened after the end; ``None`` if something already is recorded."""
    statement = (
        update(operations)
        .where(operations.c.id == operation_id, operations.c.late_outcome.is_(None))
        .values(
            late_outcome=late_outcome,
            session_id=session_id,
            sequence=operations.c.sequence + 1,
            updated_at=tx.now,
        )
        .returning(operations)
    )
    operation = await tx.one_or_none(statement, Operation)
    if operation is not None:
        step_store.note(tx, operation, {"late_outcome": late_outcome})
    return operation


async def forbid_late_start(tx: Tx, operation_id: str) -> Operation | None:
    """Make a start under way one that must not stay; ``None`` if it is no longer under way.

    It also takes the row's lock, so that a stop which waits for this start and the transaction
    that it waits for cannot miss each other.
    """
    statement = (
        update(operations)
        .where(
            operations.c.id == operation_id,
            operations.c.status == OperationStatus.IN_PROGRESS,
        )
        .values(on_late_start="stop")
        .returning(operations)
    )
    return await tx.one_or_none(statement, Operation)


async def give_session(tx: Tx, operation_id: str, session_id: str) -> None:
    """Tell a waiting stop which session it is about."""
    await tx.execute(
        update(operations).where(operations.c.id == operation_id).values(session_id=session_id)
    )


async def by_id(tx: Tx, operation_id: str) -> Operation | None:
    return await tx.one_or_none(_by_id(operation_id), Operation)


@query
def _by_id(operation_id: str) -> Executable:
    return select(operations).where(operations.c.id == operation_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed(Operation):
    """An operation, the status of its connector, and where that stands."""

    connector_status: ConnectorStatus
    station_id: str | None

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        object.__setattr__(self, "connector_status", ConnectorStatus(self.connector_status))


async def with_connector(tx: Tx, operation_id: str) -> tuple[Operation, ConnectorStatus]:
    """Return an operation and its connector's status; ``station_of`` knows its place then."""
    found = await tx.one(_with_connector(operation_id), _Placed)
    station_known(tx, found.charger_id, found.station_id)
    return found, found.connector_status


@query
def _with_connector(operation_id: str) -> Executable:
    return (
        select(*operations.c, connectors.c.status.label("connector_status"), chargers.c.station_id)
        .join(connectors, connectors.c.id == operations.c.connector_id)
        .join(chargers, chargers.c.id == operations.c.charger_id)
        .where(operations.c.id == operation_id)
    )


async def count_by_status(tx: Tx) -> Sequence[Any]:
    """Return (type, status, count) of what is under way."""
    found = (operations.c.type, operations.c.status)
    return await tx.all(
        select(*found, func.count().label("operations")).where(IS_UNFINISHED).group_by(*found)
    )


async def by_request(
    tx: Tx, *, partner_id: str, livemode: bool, request_id: str
) -> Operation | None:
    return await tx.one_or_none(_by_request(partner_id, livemode, request_id), Operation)


@query
def _by_request(partner_id: str, livemode: bool, request_id: str) -> Executable:
    return select(operations).where(
        operations.c.partner_id == partner_id,
        operations.c.livemode == livemode,
        operations.c.request_id == request_id,
    )


async def start_of_token(
    tx: Tx, *, charger_id: str, token: str | None, remote_start_id: int | None
) -> Operation | None:
    """Return the start that *token* (or *remote_start_id*) was made for, on this charger only.

    A reservation's token may serve a second start after a first one that failed: the newest wins.
    """
    if token is not None:
        statement = _start_of_token(charger_id, token=token.upper())
    elif remote_start_id is not None:
        statement = _start_of_token(charger_id, remote_start_id=remote_start_id)
    else:
        return None
    return await tx.one_or_none(statement, Operation)


@query
def _start_of_token(
    charger_id: str, *, token: str | None = None, remote_start_id: int | None = None
) -> Executable:
    statement = select(operations).where(
        operations.c.charger_id == charger_id, operations.c.type == OperationType.START_CHARGE
    )
    if token is not None:
        statement = statement.where(operations.c.token == token)
    if remote_start_id is not None:
        statement = statement.where(operations.c.remote_start_id == remote_start_id)
    return statement.order_by(operations.c.created_at.desc(), operations.c.id.desc()).limit(1)


async def start_of_reservation(tx: Tx, reservation_id: str) -> str | None:
    statement = select(operations.c.id).where(
        operations.c.reservation_id == reservation_id,
        operations.c.type == OperationType.START_CHARGE,
        operations.c.status.not_in([OperationStatus.FAILED, OperationStatus.CANCELLED]),
    )
    result: str | None = await tx.scalar(statement.limit(1))
    return result


async def unfinished_stops(
    tx: Tx, *, session_id: str | None = None, start_operation_id: str | None = None
) -> Sequence[Operation]:
    statement = _unfinished_stops(session_id=session_id, start_operation_id=start_operation_id)
    return await tx.all(statement, Operation)


@query
def _unfinished_stops(
    *, session_id: str | None = None, start_operation_id: str | None = None
) -> Executable:
    statement = select(operations).where(
        operations.c.type == OperationType.STOP_CHARGE, IS_UNFINISHED
    )
    if session_id is not None:
        statement = statement.where(operations.c.session_id == session_id)
    if start_operation_id is not None:
        statement = statement.where(operations.c.start_operation_id == start_operation_id)
    return statement.order_by(operations.c.id)


def unfinished_of(partner_id: Any, types: Sequence[OperationType]) -> Select[Any]:
    """Return the query for how many operations of these types a partner has under way."""
    return select(func.count()).where(
        operations.c.partner_id == partner_id,
        IS_UNFINISHED,
        operations.c.type.in_([literal_column(f"'{type_}'") for type_ in types]),
    )


async def overdue(tx: Tx, *, limit: int) -> Sequence[Operation]:
    return await tx.all(_overdue(limit, now=tx.now), Operation)


@query
def _overdue(limit: int, *, now: datetime) -> Executable:
    return (
        select(operations)
        .where(IS_UNFINISHED, operations.c.deadline_at <= now)
        .order_by(operations.c.deadline_at)
        .limit(limit)
    )


async def stranded(tx: Tx, *, charger_id: str, limit: int) -> Sequence[Operation]:
    """Return operations that wait for a charger which no node holds any more."""
    return await tx.all(_stranded(charger_id, limit), Operation)


@query
def _stranded(charger_id: str, limit: int) -> Executable:
    return (
        select(operations)
        .join(chargers, chargers.c.id == operations.c.charger_id)
        .where(
            operations.c.status == OperationStatus.ACCEPTED,
            operations.c.start_operation_id.is_(None),
            operations.c.charger_id == charger_id,
            chargers.c.node_id.is_(None),
        )
        .limit(limit)
    )


async def search(
    tx: Tx,
    page: Page,
    *,
    partner_id: str | None,
    livemode: bool | None,
    status: OperationStatus | None,
    type_: OperationType | None,
    connector_id: str | None,
    charger_id: str | None,
    request_id: str | None = None,
) -> Slice[Operation]:
    statement = select(operations)
    wanted: dict[Any, object] = {
        operations.c.partner_id: partner_id,
        operations.c.livemode: livemode,
        operations.c.connector_id: connector_id,
        operations.c.request_id: request_id,
    }
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    if charger_id is not None:  # by its connectors, which have an index
        here = select(connectors.c.id).where(connectors.c.charger_id == charger_id)
        statement = statement.where(operations.c.connector_id.in_(here))
    only = {"status": status, "type": type_}
    return await paginate(tx, statement, operations, page, Operation, only=only)


async def failed_starts(
    tx: Tx, partner_id: str, *, livemode: bool, since: datetime
) -> Sequence[tuple[str, datetime, dict[str, Any]]]:
    """Return (id, when, failure) of a partner's failed starts, at most 5,000, the oldest first."""
    statement = (
        select(operations.c.id, operations.c.updated_at, operations.c.failure)
        .where(
            operations.c.partner_id == partner_id,
            operations.c.livemode == livemode,
            operations.c.updated_at >= since,
            operations.c.type == OperationType.START_CHARGE,
            operations.c.status == OperationStatus.FAILED,
        )
        .order_by(operations.c.updated_at)
        .limit(5000)
    )
    return [(row[0], row[1], row[2]) for row in await tx.all(statement)]
