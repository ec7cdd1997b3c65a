"""Availability: put a charger, an EVSE or a connector into or out of service, and keep it there."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from core.chargers import registry
from core.desired import availability
from core.desired import service as desired
from ops.operator_api.deps import READS, SUPPORT, Acting, resource
from ops.operator_api.desired_views import desired_view
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import In, Whole

routes = resource("/chargers/{charger_id}/availability", tag="desired state")

Number = Annotated[Whole, Field(ge=1, le=availability.MAX_NUMBER)]


class Availability(In):
    """Without `evse` the whole charger. OCPP 1.6: `evse` is its connectorId."""

    operative: bool
    evse: Number | None = None
    connector: Number | None = Field(None, description="2.x; needs `evse`.")

    @model_validator(mode="after")
    def _place(self) -> "Availability":
        if self.connector is not None and self.evse is None:
            raise ValueError("connector needs evse")
        return self


@routes.get("", dependencies=[READS], summary="What is wanted to be in or out of service")
async def show(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """Places that nobody decided about are not in it."""
    await registry.get(tx, charger_id)
    found = await desired.of_charger(tx, charger_id, kind=availability.NAME)
    return listed([desired_view(row) for row in found], has_more=False, next_cursor=None)


@routes.put("", dependencies=[SUPPORT], summary="Put it into or out of service")
async def put(
    charger_id: str, body: Availability, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Told as soon as the charger is there. `reason: Scheduled`: when its session has ended."""
    charger = await registry.get(tx, charger_id)
    made = await availability.wish(
        tx,
        actor,
        charger,
        operative=body.operative,
        evse=body.evse,
        connector=body.connector,
    )
    return desired_view(made)
