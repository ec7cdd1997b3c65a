"""Desired state of every kind: what chargers should be, how far they are, try again, forget."""

from typing import Annotated, Any

from fastapi import Query, Response

from core.chargers import registry
from core.desired import service as desired
from core.desired.states import DesiredStatus
from ops.operator_api.deps import READS, SUPPORT, Acting, NewestFirst, newest_page, resource
from ops.operator_api.desired_views import desired_view
from partner_api.answers import listed
from partner_api.deps import Transaction

routes = resource("", tag="desired state")

Kind = Annotated[str | None, Query(max_length=32, examples=["variable", "availability"])]
ChargerId = Annotated[str | None, Query(max_length=64)]


@routes.get(
    "/chargers/{charger_id}/desired_states",
    dependencies=[READS],
    summary="What a charger should be, against what it says it is",
)
async def of_charger(charger_id: str, tx: Transaction, kind: Kind = None) -> dict[str, Any]:
    """Every kind: variables, availability, local list, profiles, certificates, firmware, ..."""
    await registry.get(tx, charger_id)
    found = await desired.of_charger(tx, charger_id, kind=kind)
    return listed([desired_view(row) for row in found], has_more=False, next_cursor=None)


@routes.get(
    "/desired_states",
    dependencies=[READS],
    summary="What chargers should be, of the whole fleet, the newest first",
)
async def list_all(
    page: NewestFirst,
    tx: Transaction,
    *,
    status: DesiredStatus | None = None,
    kind: Kind = None,
    charger_id: ChargerId = None,
) -> dict[str, Any]:
    """`status=rejected` and `status=drifted` show where somebody has to look."""
    found = await desired.newest(
        tx,
        status=status,
        kind=kind,
        charger_id=charger_id,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, desired_view)


@routes.get("/desired_states/{desired_id}", dependencies=[READS], summary="One desired state")
async def show(desired_id: str, tx: Transaction) -> dict[str, Any]:
    """`reason` is the charger's own word where it gave one, such as `NotSupported`."""
    return desired_view(await desired.get(tx, desired_id))


@routes.post(
    "/desired_states/{desired_id}/retry", dependencies=[SUPPORT], summary="Send it again now"
)
async def retry(desired_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Whatever came of it before; attempts are counted anew."""
    return desired_view(await desired.retry(tx, actor, desired_id))


@routes.delete(
    "/desired_states/{desired_id}",
    status_code=204,
    dependencies=[SUPPORT],
    summary="Stop wanting it",
)
async def forget(desired_id: str, tx: Transaction, actor: Acting) -> Response:
    """The charger stays as it is; nothing is told to it."""
    await desired.forget(tx, actor, desired_id)
    return Response(status_code=204)
