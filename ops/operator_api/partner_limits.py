"""How much a partner may do: what the settings say, and what an operator changed."""

from typing import Annotated, Any

from pydantic import Field

from core.partners import limits
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from partner_api.deps import Config, Transaction
from partner_api.fields import In, Whole

routes = resource("/partners/{partner_id}/limits", tag="partners")

Limit = Annotated[Whole | None, Field(ge=1, le=limits.HIGHEST)]


class LimitChanges(In):
    """What is not named stays as it is; null gives the default back."""

    requests_per_minute: Limit = None
    control_calls_per_minute: Limit = None
    stop_calls_per_minute: Limit = None
    active_operations: Limit = None
    open_reservations: Limit = None
    open_streams: Limit = None


@routes.get("", dependencies=[READS], summary="A partner's limits")
async def show(partner_id: str, tx: Transaction, settings: Config) -> dict[str, Any]:
    """`limits` hold: they are the `defaults` (of the settings) with the `overrides`."""
    return await limits.view(tx, settings, partner_id)


@routes.patch("", dependencies=[ADMIN], summary="Change a partner's limits")
async def change(
    partner_id: str, body: LimitChanges, tx: Transaction, settings: Config, actor: Acting
) -> dict[str, Any]:
    """They hold from the next call on, on every node; null gives a default back."""
    changes = body.model_dump(exclude_unset=True)
    await limits.change(tx, actor, partner_id=partner_id, changes=changes)
    return await limits.view(tx, settings, partner_id)
