"""SQL of local lists: what belongs into one, what it has, and the difference."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    update,
)

from core.chargers.models import Charger, chargers
from core.chargers.record_models import IdToken, id_tokens, variables
from core.chargers.token_formats import KEY_CODE, MAX_CHARS_16
from core.chargers.token_models import (
    ListEntry,
    LocalList,
    id_token_places,
    local_list_choices,
    local_list_entries,
    local_lists,
)
from core.kernel.db import Tx, upsert

_OCPP16 = "1.6"
_CONTROLLER = "LocalAuthListCtrlr"


async def get(tx: Tx, charger_id: str) -> LocalList | None:
    statement = select(local_lists).where(local_lists.c.charger_id == charger_id)
    return await tx.one_or_none(statement, LocalList)


async def put(tx: Tx, charger_id: str, **values: Any) -> LocalList:
    """Change what is known of a list; the first time with nothing known."""
    first = {"version": 0, "issued": 0, "seen_change": 0} | values
    statement = upsert(tx, local_lists).values(charger_id=charger_id, updated_at=tx.now, **first)
    statement = statement.on_conflict_do_update(
        index_elements=[local_lists.c.charger_id], set_={**values, "updated_at": tx.now}
    )
    return await tx.one(statement.returning(local_lists), LocalList)


def _belonging(charger: Charger, source: str | None, now: datetime) -> ColumnElement[bool]:
    """Return the condition on ``id_tokens`` for what belongs into a charger's list.

    Key codes never do: a list can be read at the charger. To 1.6 a master pass would be a token
    like others, which begins transactions.
    """
    token = id_tokens.c
    here = exists(
        select(id_token_places.c.token).where(
            id_token_places.c.token == token.token,
            id_token_places.c.place_id.in_([charger.id, charger.station_id or charger.id]),
        )
    )
    chosen = exists(
        select(local_list_choices.c.token).where(
            local_list_choices.c.token == token.token,
            local_list_choices.c.charger_id == charger.id,
        )
    )
    of_source = {
        "all": or_(token.restricted.is_(False), here),
        "station": here,
        "chosen": chosen,
    }.get(source or "", false())
    rules = [
        of_source,
        token.kind != KEY_CODE,
        or_(token.valid_from.is_(None), token.valid_from <= now),
        or_(token.expires_at.is_(None), token.expires_at > now),
    ]
    if charger.ocpp_version == _OCPP16:  # which can say neither
        rules += [func.length(token.token) <= MAX_CHARS_16, token.evses.is_(None)]
        rules.append(token.master_pass.is_(False))
    return and_(*rules)


async def count_belonging(tx: Tx, charger: Charger, source: str | None) -> int:
    statement = select(func.count()).select_from(id_tokens)
    return int(await tx.scalar(statement.where(_belonging(charger, source, tx.now))) or 0)


async def belonging(tx: Tx, charger: Charger, source: str | None, *, limit: int) -> list[IdToken]:
    statement = select(id_tokens).where(_belonging(charger, source, tx.now))
    return list(await tx.all(statement.order_by(id_tokens.c.token).limit(limit), IdToken))


async def missing(tx: Tx, charger: Charger, source: str | None, *, limit: int) -> list[IdToken]:
    """Return tokens that belong there and are not, or not as they are now."""
    entry = local_list_entries.c
    same_token = and_(entry.token == id_tokens.c.token, entry.charger_id == charger.id)
    statement = (
        select(id_tokens)
        .outerjoin(local_list_entries, same_token)
        .where(
            _belonging(charger, source, tx.now),
            or_(entry.token.is_(None), entry.digest != id_tokens.c.list_digest),
        )
        .order_by(id_tokens.c.token)
        .limit(limit)
    )
    return list(await tx.all(statement, IdToken))


async def surplus(tx: Tx, charger: Charger, source: str | None, *, limit: int) -> list[ListEntry]:
    """Return what the list has and should not."""
    entry = local_list_entries
    belongs = exists(
        select(id_tokens.c.token).where(
            id_tokens.c.token == entry.c.token, _belonging(charger, source, tx.now)
        )
    )
    statement = select(entry).where(entry.c.charger_id == charger.id, ~belongs)
    return list(await tx.all(statement.order_by(entry.c.token).limit(limit), ListEntry))


async def clear_entries(tx: Tx, charger_id: str) -> None:
    entry = local_list_entries
    await tx.execute(delete(entry).where(entry.c.charger_id == charger_id))


async def put_entries(tx: Tx, rows: Sequence[dict[str, str]]) -> None:
    statement = upsert(tx, local_list_entries)
    statement = statement.on_conflict_do_update(
        index_elements=[local_list_entries.c.charger_id, local_list_entries.c.token],
        set_={"kind": statement.excluded.kind, "digest": statement.excluded.digest},
    )
    await tx.execute(statement, rows)


async def remove_entries(tx: Tx, charger_id: str, tokens: Sequence[str]) -> None:
    entry = local_list_entries
    await tx.execute(
        delete(entry).where(entry.c.charger_id == charger_id, entry.c.token.in_(tokens))
    )


async def count_entries(tx: Tx, charger_id: str) -> int:
    entry = local_list_entries
    statement = select(func.count()).select_from(entry).where(entry.c.charger_id == charger_id)
    return int(await tx.scalar(statement) or 0)


async def entries(tx: Tx, charger_id: str, *, after: str | None, limit: int) -> Sequence[ListEntry]:
    entry = local_list_entries
    statement = select(entry).where(entry.c.charger_id == charger_id)
    if after is not None:
        statement = statement.where(entry.c.token > after)
    return await tx.all(statement.order_by(entry.c.token).limit(limit), ListEntry)


async def count_choices(tx: Tx, charger_id: str) -> int:
    choice = local_list_choices
    statement = select(func.count()).select_from(choice).where(choice.c.charger_id == charger_id)
    return int(await tx.scalar(statement) or 0)


async def clear_choices(tx: Tx, charger_id: str) -> None:
    choice = local_list_choices
    await tx.execute(delete(choice).where(choice.c.charger_id == charger_id))


async def add_choices(tx: Tx, charger_id: str, tokens: Sequence[str]) -> None:
    if tokens:
        statement = upsert(tx, local_list_choices).on_conflict_do_nothing()
        rows = [{"charger_id": charger_id, "token": token} for token in tokens]
        await tx.execute(statement, rows)


async def remove_choices(tx: Tx, charger_id: str, tokens: Sequence[str]) -> int:
    """Return how many there were."""
    choice = local_list_choices
    return await tx.execute(
        delete(choice).where(choice.c.charger_id == charger_id, choice.c.token.in_(tokens))
    )


async def known_tokens(tx: Tx, tokens: Sequence[str]) -> set[str]:
    statement = select(id_tokens.c.token).where(id_tokens.c.token.in_(tokens))
    return set(await tx.scalars(statement))


async def limits(tx: Tx, charger_id: str) -> Sequence[Any]:
    """Return (component, variable, value, max_limit) of what a charger says about its list."""
    statement = select(
        variables.c.component, variables.c.variable, variables.c.value, variables.c.max_limit
    ).where(
        variables.c.charger_id == charger_id,
        variables.c.attribute == "Actual",
        or_(
            variables.c.component == _CONTROLLER,
            variables.c.variable.in_(["SendLocalListMaxLength", "LocalAuthListMaxLength"]),
        ),
    )
    return await tx.all(statement)


async def to_look_at(
    tx: Tx, *, charger_ids_of: Any, last_change: int, every: timedelta, limit: int
) -> Sequence[str]:
    """Return online chargers whose list may not be what it should be.

    A token has changed since, the charger has booted since, or nobody has asked for long.
    *charger_ids_of* selects the chargers that count.
    """
    row = local_lists.c
    statement = (
        select(row.charger_id)
        .join(chargers, chargers.c.id == row.charger_id)
        .where(
            row.charger_id.in_(charger_ids_of),
            chargers.c.node_id.is_not(None),
            chargers.c.removed_at.is_(None),
            or_(
                row.seen_change < last_change,
                row.verified_at.is_(None),
                row.verified_at < tx.now - every,
                chargers.c.booted_at > row.verified_at,
            ),
        )
        .order_by(row.charger_id)
        .limit(limit)
    )
    return await tx.scalars(statement)


async def touch(tx: Tx, charger_id: str, *, seen_change: int) -> None:
    statement = update(local_lists).where(local_lists.c.charger_id == charger_id)
    await tx.execute(statement.values(seen_change=seen_change))
