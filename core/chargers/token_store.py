"""SQL of where id tokens may charge, and of when one changed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, or_, select

from core.chargers.models import chargers
from core.chargers.token_models import id_token_changes, id_token_places
from core.kernel.db import Tx


async def places_of(tx: Tx, token: str) -> Sequence[str]:
    """Return the ids of the chargers and stations where a token may charge."""
    statement = select(id_token_places.c.place_id).where(id_token_places.c.token == token)
    return await tx.scalars(statement.order_by(id_token_places.c.place_id))


async def set_places(tx: Tx, token: str, places: Sequence[str]) -> None:
    await tx.execute(delete(id_token_places).where(id_token_places.c.token == token))
    if places:
        rows = [{"token": token, "place_id": place} for place in places]
        await tx.execute(insert(id_token_places), rows)


async def is_at(tx: Tx, token: str, charger_id: str) -> bool:
    """Tell whether a charger, or its station, is among the places of a token."""
    station = select(chargers.c.station_id).where(chargers.c.id == charger_id).scalar_subquery()
    place = id_token_places.c.place_id
    statement = select(id_token_places.c.token).where(
        id_token_places.c.token == token, or_(place == charger_id, place == station)
    )
    return await tx.scalar(statement.limit(1)) is not None


async def note_change(tx: Tx, token: str) -> None:
    """Remember that a token is not what it was, for the local lists that have it."""
    await tx.execute(insert(id_token_changes).values(at=tx.now, token=token))


async def last_change(tx: Tx) -> int:
    """Return the number of the newest change of any token, 0 for none."""
    return await tx.scalar(select(func.max(id_token_changes.c.number))) or 0


async def delete_changes(tx: Tx, *, before: datetime) -> int:
    """Forget old changes, but never the newest."""
    newest = select(func.max(id_token_changes.c.number)).scalar_subquery()
    statement = delete(id_token_changes).where(
        id_token_changes.c.at < before, id_token_changes.c.number < newest
    )
    return await tx.execute(statement)
