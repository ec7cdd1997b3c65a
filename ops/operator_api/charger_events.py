"""Events of chargers' components (OCPP 2.0.1 NotifyEvent), of one charger and of all."""

from typing import Annotated, Any

from fastapi import Query

from core.chargers import registry
from core.upkeep import events
from ops.operator_api.deps import NewestFirst, newest_page, resource
from ops.operator_api.upkeep_views import charger_event_view
from partner_api.deps import Transaction

routes = resource("", tag="monitoring", reads_only=True)

MaxSeverity = Annotated[
    int | None,
    Query(ge=0, le=9, description="3: danger to critical; events of unknown severity are left out"),
]
Component = Annotated[str | None, Query(max_length=200, examples=["Connector@1.1"])]


@routes.get("/chargers/{charger_id}/charger_events", summary="Its events, the newest first")
async def of_charger(
    charger_id: str,
    page: NewestFirst,
    tx: Transaction,
    max_severity: MaxSeverity = None,
    component: Component = None,
) -> dict[str, Any]:
    """`severity` is that of the monitor behind an event, where it was reported."""
    await registry.get(tx, charger_id)
    found = await events.list_events(
        tx,
        charger_id=charger_id,
        max_severity=max_severity,
        component=component,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, charger_event_view)


@routes.get("/charger_events", summary="Events of all chargers, the newest first")
async def of_all(
    page: NewestFirst,
    tx: Transaction,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    max_severity: MaxSeverity = None,
    component: Component = None,
) -> dict[str, Any]:
    """Every filter narrows it; not to be mixed up with `/events`, which partners get."""
    found = await events.list_events(
        tx,
        charger_id=charger_id,
        max_severity=max_severity,
        component=component,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, charger_event_view)
