"""SQL of charger profiles, deviations and what was checked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Executable, delete, or_, select, update

from core.chargers.compliance_models import (
    CheckedRow,
    DeviationRow,
    ProfileRow,
    charger_deviations,
    charger_profiles,
    checked_messages,
    compliance_periods,
)
from core.chargers.models import Charger, chargers, counters
from core.chargers.record_models import IdToken, id_tokens
from core.kernel.db import Tx, upsert
from core.kernel.queries import query
from core.kernel.rows import insert_once

_PROFILES: Final = "charger_profiles"


async def profiles_version(tx: Tx) -> int:
    """Return a number that grows whenever a profile changes."""
    version: int | None = await tx.scalar(_version())
    return version or 0


@query
def _version() -> Executable:
    return select(counters.c.value).where(counters.c.name == _PROFILES)


async def _profiles_changed(tx: Tx) -> None:
    statement = upsert(tx, counters).values(name=_PROFILES, value=1)
    statement = statement.on_conflict_do_update(
        index_elements=[counters.c.name], set_={"value": counters.c.value + 1}
    )
    await tx.execute(statement)


async def profiles(tx: Tx) -> Sequence[ProfileRow]:
    statement = select(charger_profiles).order_by(charger_profiles.c.id)
    return await tx.all(statement, ProfileRow)


async def shared_profiles(tx: Tx) -> Sequence[ProfileRow]:
    """Return the profiles that are not for one charger alone."""
    statement = select(charger_profiles).where(charger_profiles.c.charger_id.is_(None))
    return await tx.all(statement.order_by(charger_profiles.c.id), ProfileRow)


async def profile(tx: Tx, profile_id: str) -> ProfileRow | None:
    statement = select(charger_profiles).where(charger_profiles.c.id == profile_id)
    return await tx.one_or_none(statement, ProfileRow)


async def own_profile(tx: Tx, charger_id: str) -> ProfileRow | None:
    statement = select(charger_profiles).where(charger_profiles.c.charger_id == charger_id)
    return await tx.one_or_none(statement, ProfileRow)


async def add_profile(tx: Tx, **values: Any) -> ProfileRow | None:
    """Insert a profile; ``None`` if the charger has one already."""
    await _profiles_changed(tx)
    return await insert_once(
        tx, charger_profiles, ProfileRow, created_at=tx.now, updated_at=tx.now, **values
    )


async def change_profile(tx: Tx, profile_id: str, **values: Any) -> ProfileRow | None:
    await _profiles_changed(tx)
    statement = (
        update(charger_profiles)
        .where(charger_profiles.c.id == profile_id)
        .values(updated_at=tx.now, **values)
        .returning(charger_profiles)
    )
    return await tx.one_or_none(statement, ProfileRow)


async def delete_profile(tx: Tx, profile_id: str) -> None:
    await _profiles_changed(tx)
    await tx.execute(delete(charger_profiles).where(charger_profiles.c.id == profile_id))


async def count_deviations(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = upsert(tx, charger_deviations)
    table = charger_deviations.c
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[table.charger_id, table.code],
        set_={
            "count": table["count"] + new["count"],
            "last_at": new.last_at,
            "action": new.action,
            "message_id": new.message_id,
            "excerpt": new.excerpt,
        },
    )
    await tx.execute(statement, rows)


async def count_actions(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = upsert(tx, checked_messages)
    table = checked_messages.c
    statement = statement.on_conflict_do_update(
        index_elements=[table.charger_id, table.action],
        set_={
            "count": table["count"] + statement.excluded["count"],
            "last_at": statement.excluded.last_at,
        },
    )
    await tx.execute(statement, [{**row, "first_at": row["last_at"]} for row in rows])


async def deviations_of(tx: Tx, charger_id: str) -> Sequence[DeviationRow]:
    table = charger_deviations
    statement = select(table).where(table.c.charger_id == charger_id)
    return await tx.all(statement.order_by(table.c["count"].desc(), table.c.code), DeviationRow)


async def checked_of(tx: Tx, charger_id: str) -> Sequence[CheckedRow]:
    table = checked_messages
    statement = select(table).where(table.c.charger_id == charger_id).order_by(table.c.action)
    return await tx.all(statement, CheckedRow)


async def period_of(tx: Tx, charger_id: str) -> datetime | None:
    statement = select(compliance_periods.c.since).where(
        compliance_periods.c.charger_id == charger_id
    )
    since: datetime | None = await tx.scalar(statement)
    return since


async def restart(tx: Tx, charger_id: str) -> None:
    """Forget what was counted of a charger; its next report begins now."""
    for table in (charger_deviations, checked_messages):
        await tx.execute(delete(table).where(table.c.charger_id == charger_id))
    statement = upsert(tx, compliance_periods).values(charger_id=charger_id, since=tx.now)
    statement = statement.on_conflict_do_update(
        index_elements=[compliance_periods.c.charger_id], set_={"since": tx.now}
    )
    await tx.execute(statement)


async def tokens_beginning_with(tx: Tx, beginning: str, *, limit: int) -> Sequence[IdToken]:
    token = id_tokens.c.token
    statement = select(id_tokens).where(token.startswith(beginning, autoescape=True))
    return await tx.all(statement.order_by(token).limit(limit), IdToken)


async def chargers_like(tx: Tx, *, beginning: str, end: str, limit: int) -> Sequence[Charger]:
    """Return chargers whose identity, in lower case, begins or ends so."""
    key = chargers.c.identity_key
    statement = select(chargers).where(
        or_(key.startswith(beginning, autoescape=True), key.endswith(end, autoescape=True))
    )
    return await tx.all(statement.order_by(key).limit(limit), Charger)
