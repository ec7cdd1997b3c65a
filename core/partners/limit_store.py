"""SQL of partners' limits and of the nodes that keep them. Every change of these is here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Select, delete, select

from core.kernel.db import Tx, upsert
from core.kernel.queries import query
from core.partners.limit_models import ApiNode, api_nodes, partner_limits


async def overrides(tx: Tx, partner_id: str) -> dict[str, int]:
    """Return what differs from the defaults, by name."""
    found: dict[str, int] | None = await tx.scalar(_overrides(partner_id))
    return found or {}


@query
def _overrides(partner_id: str) -> Executable:
    return overrides_of(partner_id)


def overrides_of(partner_id: Any) -> Select[Any]:
    """Return the query for what differs from the defaults."""
    return select(partner_limits.c.overrides).where(partner_limits.c.partner_id == partner_id)


async def put_overrides(tx: Tx, partner_id: str, values: Mapping[str, int]) -> None:
    new = {"overrides": dict(values), "updated_at": tx.now}
    statement = upsert(tx, partner_limits).values(partner_id=partner_id, **new)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=[partner_limits.c.partner_id], set_=new)
    )


async def touch_node(
    tx: Tx, node_id: str, *, reaches_redis: bool, report: Sequence[tuple[int, str, int]] | None
) -> None:
    """Note that a node lives, whether it reaches Redis, and what it let through before."""
    new = {"seen_at": tx.now, "reaches_redis": reaches_redis, "report": report}
    statement = upsert(tx, api_nodes).values(id=node_id, **new)
    await tx.execute(statement.on_conflict_do_update(index_elements=[api_nodes.c.id], set_=new))


async def nodes_since(tx: Tx, since: datetime) -> Sequence[ApiNode]:
    return await tx.all(_nodes_since(since), ApiNode)


@query
def _nodes_since(since: datetime) -> Executable:
    return select(api_nodes).where(api_nodes.c.seen_at > since)


async def remove_node(tx: Tx, node_id: str) -> None:
    await tx.execute(delete(api_nodes).where(api_nodes.c.id == node_id))


async def remove_nodes(tx: Tx, *, before: datetime) -> None:
    await tx.execute(delete(api_nodes).where(api_nodes.c.seen_at < before))
