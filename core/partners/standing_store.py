"""SQL of partners' standings. Every change of the table is in this file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from core.kernel.db import Tx
from core.kernel.rows import insert_once
from core.partners.standing_models import Standing, partner_standings
from core.partners.states import LADDER, Step


async def standing(tx: Tx, partner_id: str, *, livemode: bool) -> Standing | None:
    statement = select(partner_standings).where(
        partner_standings.c.partner_id == partner_id, partner_standings.c.livemode == livemode
    )
    return await tx.one_or_none(statement, Standing)


async def ensured(tx: Tx, partner_id: str, *, livemode: bool) -> Standing:
    """Return a partner's standing; a good one is written where there is none."""
    found = await standing(tx, partner_id, livemode=livemode)
    if found is not None:
        return found
    made = await insert_once(
        tx,
        partner_standings,
        Standing,
        id=f"{partner_id}.{'live' if livemode else 'test'}",
        partner_id=partner_id,
        livemode=livemode,
        step=Step.GOOD,
        stepped_at=tx.now,
        version=0,
        created_at=tx.now,
        updated_at=tx.now,
    )
    if made is not None:
        return made
    return await tx.one(
        select(partner_standings).where(
            partner_standings.c.partner_id == partner_id,
            partner_standings.c.livemode == livemode,
        ),
        Standing,
    )


async def of_partner(tx: Tx, partner_id: str) -> Sequence[Standing]:
    statement = (
        select(partner_standings)
        .where(partner_standings.c.partner_id == partner_id)
        .order_by(partner_standings.c.livemode.desc())
    )
    return await tx.all(statement, Standing)


async def raised(tx: Tx) -> Sequence[Standing]:
    """Return every standing that is not good and can become better by itself."""
    statement = (
        select(partner_standings)
        .where(partner_standings.c.step.not_in([Step.GOOD, Step.SUSPENDED]))
        .order_by(partner_standings.c.id)
    )
    return await tx.all(statement, Standing)


async def move(tx: Tx, seen: Standing, to: Step, **values: Any) -> Standing | None:
    """Enter step *to* if the ladder allows it and nobody has changed the standing since *seen*.

    One statement decides: of two racing callers exactly one gets the row.
    """
    statement = (
        update(partner_standings)
        .where(
            partner_standings.c.id == seen.id,
            partner_standings.c.version == seen.version,
            partner_standings.c.step.in_(sorted(LADDER.sources(to))),
        )
        .values(step=to, version=seen.version + 1, stepped_at=tx.now, updated_at=tx.now, **values)
        .returning(partner_standings)
    )
    return await tx.one_or_none(statement, Standing)


async def touch(tx: Tx, seen: Standing) -> bool:
    """Claim a standing that stays as it is; false: somebody has changed it since *seen*."""
    statement = (
        update(partner_standings)
        .where(partner_standings.c.id == seen.id, partner_standings.c.version == seen.version)
        .values(version=seen.version + 1, updated_at=tx.now)
        .returning(partner_standings.c.id)
    )
    return await tx.scalar(statement) is not None
