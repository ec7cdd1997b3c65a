"""Security events: what chargers report, and what was noticed about them here (OCPP A04)."""

from typing import Annotated, Any

from fastapi import Query

from core.chargers import registry, security_events
from ops.operator_api.deps import NewestFirst, newest_page, resource
from ops.operator_api.security_views import security_event_view
from partner_api.deps import Transaction

routes = resource("", tag="security", reads_only=True)

Critical = Annotated[bool | None, Query(description="Only those that the standard calls critical.")]
Type = Annotated[str | None, Query(alias="type", max_length=50, examples=["SocketFlapping"])]


@routes.get("/security_events", summary="Security events of all chargers, the newest first")
async def list_all(
    page: NewestFirst,
    tx: Transaction,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    critical: Critical = None,
    type_: Type = None,
) -> dict[str, Any]:
    """`source` is `charger` or `platform`; `known` false: a type that no standard names."""
    found = await security_events.newest(
        tx,
        charger_id=charger_id,
        critical=critical,
        type_=type_,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, security_event_view)


@routes.get("/chargers/{charger_id}/security_events", summary="Its security events")
async def list_of_charger(
    charger_id: str,
    page: NewestFirst,
    tx: Transaction,
    critical: Critical = None,
    type_: Type = None,
) -> dict[str, Any]:
    """The newest first; kept for a year."""
    await registry.get(tx, charger_id)
    return await list_all(page, tx, charger_id, critical, type_)
