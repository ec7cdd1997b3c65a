"""SQL of variables, id tokens, frames, refused handshakes and quarantine."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Executable, Table, delete, func, or_, select

from core.chargers.record_models import (
    Frame,
    IdToken,
    Quarantined,
    RefusedHandshake,
    Variable,
    frames,
    id_tokens,
    quarantine,
    refused_handshakes,
    variables,
)
from core.kernel.db import Tx, upsert
from core.kernel.given import is_among
from core.kernel.queries import On, query
from core.kernel.rows import insert_row, insert_values

_TOKENS: Final = "id tokens"

DELETED_AT_ONCE = 5_000
FRAMES_LOOKED_AT = 50_000
"""For those of one action, which no index leads to."""

_KEPT = (
    "readonly",
    "data_type",
    "unit",
    "min_limit",
    "max_limit",
    "values_list",
    "supports_monitoring",
)


async def put_variables(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or update; what a message does not tell (``None`` in *_KEPT*) stays as it was."""
    statement = upsert(tx, variables)
    key = ("charger_id", "component", "variable", "attribute")
    changed = {name: statement.excluded[name] for name in ("value", "reported_at")}
    kept = {name: func.coalesce(statement.excluded[name], variables.c[name]) for name in _KEPT}
    statement = statement.on_conflict_do_update(
        index_elements=[variables.c[name] for name in key], set_=changed | kept
    )
    await tx.execute(statement, rows)


async def count_variables(tx: Tx, charger_id: str) -> int:
    statement = select(func.count()).select_from(variables)
    return int(await tx.scalar(statement.where(variables.c.charger_id == charger_id)))


async def variable_keys(
    tx: Tx, charger_id: str, components: Collection[str]
) -> set[tuple[str, str, str]]:
    """Return (component, variable, attribute) of what is known of some components."""
    statement = select(variables.c.component, variables.c.variable, variables.c.attribute).where(
        variables.c.charger_id == charger_id, variables.c.component.in_(sorted(components))
    )
    rows: Sequence[Any] = await tx.all(statement)
    return {(row.component, row.variable, row.attribute) for row in rows}


async def variables_of(tx: Tx, charger_id: str) -> Sequence[Variable]:
    statement = select(variables).where(variables.c.charger_id == charger_id)
    columns = (variables.c.component, variables.c.variable, variables.c.attribute)
    return await tx.all(statement.order_by(*columns), Variable)


async def variables_page(
    tx: Tx,
    charger_id: str,
    *,
    with_component: bool,
    containing: str | None,
    after_number: int | None,
    limit: int,
) -> Sequence[Variable]:
    """Return configuration keys or variables in the order in which they were first reported."""
    statement = (
        select(variables)
        .where(
            variables.c.charger_id == charger_id,
            variables.c.component != "" if with_component else variables.c.component == "",
        )
        .order_by(variables.c.number)
        .limit(limit)
    )
    if containing is not None:
        is_part = [
            column.icontains(containing, autoescape=True)
            for column in (variables.c.component, variables.c.variable)
        ]
        statement = statement.where(or_(*is_part))
    if after_number is not None:
        statement = statement.where(variables.c.number > after_number)
    return await tx.all(statement, Variable)


async def put_token(tx: Tx, token: str, **values: Any) -> IdToken:
    _known(tx).pop(token, None)
    statement = upsert(tx, id_tokens).values(
        token=token, created_at=tx.now, updated_at=tx.now, **values
    )
    statement = statement.on_conflict_do_update(
        index_elements=[id_tokens.c.token], set_={**values, "updated_at": tx.now}
    )
    return await tx.one(statement.returning(id_tokens), IdToken)


async def token(tx: Tx, text: str) -> IdToken | None:
    """Return a token of the list; what this transaction was asked for before is not read again."""
    if text not in _known(tx):
        await read_tokens(tx, [text])
    return _known(tx)[text]


async def read_tokens(tx: Tx, texts: Sequence[str]) -> None:
    """Read tokens that this transaction will ask for, in one go."""
    found = {row.token: row for row in await tx.all(_tokens(tx, list(texts)), IdToken)}
    _known(tx).update({text: found.get(text) for text in texts})


@query
def _tokens(on: On, texts: list[str]) -> Executable:
    return select(id_tokens).where(is_among(on, id_tokens.c.token, texts))


def _known(tx: Tx) -> dict[str, IdToken | None]:
    known: dict[str, IdToken | None] = tx.info.setdefault(_TOKENS, {})
    return known


async def names_among(tx: Tx, names: Collection[str]) -> frozenset[str]:
    """Return those of *names* that are on the list of id tokens."""
    statement = select(id_tokens.c.token).where(id_tokens.c.token.in_(sorted(names)))
    return frozenset(await tx.scalars(statement))


async def tokens(
    tx: Tx,
    *,
    after: str | None,
    updated_from: datetime | None,
    updated_to: datetime | None,
    limit: int,
) -> Sequence[IdToken]:
    statement = select(id_tokens).order_by(id_tokens.c.token).limit(limit)
    if after is not None:
        statement = statement.where(id_tokens.c.token > after)
    if updated_from is not None:
        statement = statement.where(id_tokens.c.updated_at >= updated_from)
    if updated_to is not None:
        statement = statement.where(id_tokens.c.updated_at < updated_to)
    return await tx.all(statement, IdToken)


async def delete_token(tx: Tx, text: str) -> IdToken | None:
    _known(tx).pop(text, None)
    statement = delete(id_tokens).where(id_tokens.c.token == text).returning(id_tokens)
    return await tx.one_or_none(statement, IdToken)


FrameRow = tuple[datetime, str, str, str, str | None, str | None, str | None, str]
"""A frame: ``FRAME_COLUMNS``."""
FRAME_COLUMNS: Final = (
    "at",
    "charger_id",
    "direction",
    "kind",
    "message_id",
    "action",
    "operation_id",
    "text",
)


async def add_frames(tx: Tx, rows: Sequence[FrameRow]) -> None:
    await insert_values(tx, frames, FRAME_COLUMNS, rows)


async def frames_of(
    tx: Tx,
    *,
    charger_id: str | None,
    action: str | None,
    operation_id: str | None,
    at_from: datetime | None,
    at_to: datetime | None,
    before_number: int | None,
    limit: int,
) -> Sequence[Frame]:
    statement = select(frames)
    wanted = {"charger_id": charger_id, "operation_id": operation_id}
    for name, value in wanted.items():
        if value is not None:
            statement = statement.where(frames.c[name] == value)
    if at_from is not None:
        statement = statement.where(frames.c.at >= at_from)
    if at_to is not None:
        statement = statement.where(frames.c.at < at_to)
    if before_number is not None:
        statement = statement.where(frames.c.number < before_number)
    statement = statement.order_by(frames.c.number.desc())
    if action is None:
        return await tx.all(statement.limit(limit), Frame)
    window = statement.limit(FRAMES_LOOKED_AT).subquery()
    of_action = select(window).where(window.c.action == action)
    return await tx.all(of_action.order_by(window.c.number.desc()).limit(limit), Frame)


async def delete_frames(tx: Tx, *, before: datetime) -> int:
    return await _delete_before(tx, frames, before)


async def add_quarantined(tx: Tx, **values: Any) -> None:
    await insert_row(tx, quarantine, at=tx.now, **values)


async def quarantined(
    tx: Tx, *, charger_id: str | None, before_number: int | None, limit: int
) -> Sequence[Quarantined]:
    statement = select(quarantine).order_by(quarantine.c.number.desc()).limit(limit)
    if charger_id is not None:
        statement = statement.where(quarantine.c.charger_id == charger_id)
    if before_number is not None:
        statement = statement.where(quarantine.c.number < before_number)
    return await tx.all(statement, Quarantined)


async def delete_quarantined(tx: Tx, *, before: datetime) -> int:
    return await _delete_before(tx, quarantine, before)


async def _delete_before(tx: Tx, table: Table, before: datetime) -> int:
    old = select(table.c.number).where(table.c.at < before).order_by(table.c.at)
    old = old.limit(DELETED_AT_ONCE)
    return await tx.execute(delete(table).where(table.c.number.in_(old)))


async def count_refusal(tx: Tx, *, identity: str, address: str, reason: str, detail: str) -> None:
    statement = upsert(tx, refused_handshakes).values(
        identity=identity,
        address=address,
        reason=reason,
        detail=detail,
        count=1,
        first_at=tx.now,
        last_at=tx.now,
    )
    table = refused_handshakes.c
    statement = statement.on_conflict_do_update(
        index_elements=[table.identity, table.address, table.reason],
        set_={"count": table.count + 1, "last_at": tx.now, "detail": detail},
    )
    await tx.execute(statement)


async def refusals(tx: Tx, *, identity: str | None, limit: int) -> Sequence[RefusedHandshake]:
    table = refused_handshakes
    statement = select(table).order_by(table.c.last_at.desc(), table.c.identity).limit(limit)
    if identity is not None:
        statement = statement.where(func.lower(table.c.identity) == identity.lower())
    return await tx.all(statement, RefusedHandshake)


async def delete_refusals(tx: Tx, *, older_than: datetime, keep: int) -> int:
    table = refused_handshakes
    by_age = select(table.c.last_at).order_by(table.c.last_at.desc())
    too_many: datetime | None = await tx.scalar(by_age.offset(keep).limit(1))
    old = table.c.last_at < older_than
    if too_many is not None:
        old |= table.c.last_at <= too_many
    return await tx.execute(delete(table).where(old))
