"""The local list of a charger: which id tokens it knows by itself."""

from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from pydantic import Field

from core.audit import service as audit
from core.chargers import local_lists, registry
from core.chargers.models import Charger
from core.commands.local_list import AskLocalListVersion
from core.desired import local_list
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.deps import READS, SUPPORT, Acting, WaitingSupport, resource
from ops.operator_api.record_views import local_list_view
from ops.operator_api.views import command_view
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import Count, In

routes = resource("/chargers/{charger_id}/local_list", tag="local lists")

ChargerId = Annotated[str, Path(max_length=64)]
Tokens = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=36)]],
    Field(max_length=local_lists.MAX_AT_ONCE),
]


class Wanted(In):
    """What belongs into the list; it follows the id tokens from then on."""

    source: str = Field(
        description="`all` that may charge there, those restricted to its `station`, "
        "or the `chosen`.",
        examples=["all"],
    )
    tokens: Tokens | None = Field(
        None, description="With `chosen`: instead of those chosen before, 1,000 at a time."
    )


class Named(In):
    tokens: Tokens


@routes.get("", dependencies=[READS], summary="A charger's local list")
async def show(charger_id: ChargerId, tx: Transaction) -> dict[str, Any]:
    """What belongs into it, what the charger has taken, and how far the one is from the other."""
    return await local_list_view(tx, await registry.get(tx, charger_id))


@routes.put("", dependencies=[SUPPORT], summary="Say what belongs into a charger's local list")
async def put(
    charger_id: ChargerId, body: Wanted, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """It is sent when the charger is there, in messages that it bears, and kept up to date."""
    charger = await registry.get(tx, charger_id)
    await local_list.wish(tx, actor, charger, source=body.source, tokens=body.tokens)
    return await local_list_view(tx, charger)


@routes.delete("", dependencies=[SUPPORT], summary="Empty a charger's local list")
async def empty(charger_id: ChargerId, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """It is emptied when the charger is there, and no longer kept up to date."""
    charger = await registry.get(tx, charger_id)
    await local_list.wish_empty(tx, actor, charger)
    return await local_list_view(tx, charger)


@routes.get("/tokens", dependencies=[READS], summary="What a charger's local list has")
async def tokens(
    charger_id: ChargerId,
    tx: Transaction,
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=36, description="`next_cursor` of the previous page.")
    ] = None,
) -> dict[str, Any]:
    """As the charger took them, in the order of their characters."""
    await registry.get(tx, charger_id)
    found = await local_lists.entries(tx, charger_id, after=cursor, limit=limit + 1)
    has_more = len(found) > limit
    data = [{"token": entry.token, "kind": entry.kind} for entry in found[:limit]]
    next_cursor = found[limit - 1].token if has_more else None
    return listed(data, has_more=has_more, next_cursor=next_cursor)


@routes.post("/tokens", dependencies=[SUPPORT], summary="Choose more tokens for a local list")
async def choose(
    charger_id: ChargerId, body: Named, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Needs a list of source `chosen`; 1,000 at a time, 10,000 in all."""
    charger = await _chosen(tx, charger_id)
    await local_lists.choose(tx, charger_id, body.tokens, replace=False)
    return await _changed(tx, actor, charger, "local_list.tokens_chosen", body.tokens)


@routes.post("/tokens/remove", dependencies=[SUPPORT], summary="Choose fewer tokens")
async def unchoose(
    charger_id: ChargerId, body: Named, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Those that were not chosen make no difference."""
    charger = await _chosen(tx, charger_id)
    await local_lists.unchoose(tx, charger_id, body.tokens)
    return await _changed(tx, actor, charger, "local_list.tokens_removed", body.tokens)


@routes.post("/version", status_code=202, summary="Ask a charger for the version of its list")
async def version(
    charger_id: ChargerId,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Another version than the one it should have is drift: the list is then sent again."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        command = await ask(tx, request, waiter, charger, AskLocalListVersion())
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/commands/{command.id}"
    return command_view(await settled(waiter, command, wait_s=wait))


async def _chosen(tx: Tx, charger_id: str) -> Charger:
    charger = await registry.get(tx, charger_id)
    known = await local_lists.find(tx, charger_id)
    if known is None or known.source != "chosen":
        raise PlatformError(
            "conflict", 'Its list is not of chosen tokens; PUT it with "source": "chosen" first.'
        )
    return charger


async def _changed(
    tx: Tx, actor: Acting, charger: Charger, action: str, named: list[str]
) -> dict[str, Any]:
    await audit.record(tx, actor, action, charger.id, after={"tokens": len(named)})
    await local_list.wish(tx, actor, charger, source="chosen")
    return await local_list_view(tx, charger)
