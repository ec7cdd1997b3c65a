"""Change of a charger's password over the air (OCPP A01)."""

from typing import Any

from fastapi import Response

from core.certificates import key_change
from core.chargers import registry
from core.kernel.errors import not_found
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from ops.operator_api.security_views import rotation_view
from partner_api.deps import Secrets, Transaction

routes = resource("/chargers/{charger_id}/password/rotation", tag="security")


@routes.post("", status_code=202, dependencies=[ADMIN], summary="Give a charger a new password")
async def rotate(
    charger_id: str, tx: Transaction, vault: Secrets, response: Response, actor: Acting
) -> dict[str, Any]:
    """A new random key, sent now or when the charger is back; nobody sees it.

    Until it is known whether the charger took it, the old password and the new one are accepted:
    no crash and no lost answer locks a charger out. `changed` means that only the new one is good.
    A charger that refuses keeps the old one (`refused`, with its reason).
    """
    wish = await key_change.rotate(tx, vault, actor, charger_id)
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/password/rotation"
    return rotation_view(await registry.get(tx, charger_id), wish)


@routes.get("", dependencies=[READS], summary="How far the change of a password is")
async def show(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """The last change that was asked for."""
    charger = await registry.get(tx, charger_id)
    wish = await key_change.state(tx, charger_id)
    if wish is None:
        raise not_found("password rotation")
    return rotation_view(charger, wish)


@routes.delete("", status_code=204, dependencies=[ADMIN], summary="Give up a change of a password")
async def cancel(charger_id: str, tx: Transaction, actor: Acting) -> Response:
    """Only before it was sent; afterwards the charger decides by its answer or its next login."""
    await key_change.cancel(tx, actor, charger_id)
    return Response(status_code=204)
