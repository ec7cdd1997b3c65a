"""Alerts: what operators should know of, who looks after it, how it ended."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import Field

from core.alerts import handling, sending
from core.alerts.handling import alert_view
from core.alerts.kinds import AlertKind
from core.alerts.lines import outlets_for
from core.alerts.states import AlertStatus, Channel, Severity
from ops.operator_api.deps import READS, SUPPORT, Acting, WaitingSupport, resource
from partner_api.answers import page_of
from partner_api.deps import Config, Paging, Transaction
from partner_api.fields import In

routes = resource("/alerts", tag="alerts")


class Settlement(In):
    note: Annotated[str | None, Field(min_length=1, max_length=4000)] = Field(
        None, description="What it was and what was done."
    )


class Trial(In):
    channel: Channel = Field(strict=False)


@routes.get("", dependencies=[READS], summary="Alerts")
async def list_alerts(
    page: Paging,
    tx: Transaction,
    status: Annotated[AlertStatus | None, Query(description="`open`: nobody has it yet.")] = None,
    severity: Annotated[Severity | None, Query()] = None,
    kind: Annotated[AlertKind | None, Query()] = None,
    object_id: Annotated[
        str | None, Query(max_length=64, description="The partner, charger, endpoint, ...")
    ] = None,
) -> dict[str, Any]:
    """Those that nothing happened to for longest first."""
    found = await handling.list_alerts(
        tx, page, status=status, severity=severity, kind=kind, object_id=object_id
    )
    return page_of(found, alert_view)


@routes.post("/test", summary="Try a channel")
async def send_test(body: Trial, waiter: WaitingSupport, settings: Config) -> dict[str, Any]:
    """Sends a message to everybody that the channel reaches, now; answers with what came of it."""
    outlets = outlets_for(waiter.db, settings)
    results = await sending.try_channel(waiter.db, outlets, waiter.actor, body.channel)
    return {"object": "alert_test", "channel": body.channel, "results": results}


@routes.get("/{alert_id}", dependencies=[READS], summary="One alert")
async def show(alert_id: str, tx: Transaction) -> dict[str, Any]:
    """With what it means, what to do, who was told of it and how each attempt went."""
    return await handling.dossier(tx, alert_id)


@routes.post("/{alert_id}/acknowledge", dependencies=[SUPPORT], summary="Take it on")
async def acknowledge(alert_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Nobody is told of it again unless it gets worse."""
    return alert_view(await handling.acknowledge(tx, actor, alert_id))


@routes.post("/{alert_id}/resolve", dependencies=[SUPPORT], summary="Say that it is settled")
async def resolve(
    alert_id: str, tx: Transaction, actor: Acting, body: Settlement | None = None
) -> dict[str, Any]:
    """The same trouble later is another alert."""
    note = (body or Settlement(note=None)).note
    return alert_view(await handling.settle(tx, actor, alert_id, note=note))
