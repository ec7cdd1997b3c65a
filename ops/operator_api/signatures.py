"""Whether a partner must sign its requests, and what it signs with."""

from typing import Annotated, Any

from fastapi import Query

from core.kernel.settings import Settings
from core.partners import service as partners
from core.partners import signing_keys
from core.partners.models import Partner
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from partner_api.answers import page_of
from partner_api.deps import Config, Paging, Transaction
from partner_api.fields import In

routes = resource("/partners/{partner_id}", tag="partners")


class SignatureRule(In):
    live_control: bool


@routes.get("/signatures", dependencies=[READS], summary="Must a partner sign?")
async def show(partner_id: str, tx: Transaction, settings: Config) -> dict[str, Any]:
    """`live_control`: its live control calls must be signed; `everybody` if the settings say so."""
    return _rule(await partners.get(tx, partner_id), settings)


@routes.patch("/signatures", dependencies=[ADMIN], summary="Demand signatures of a partner")
async def change(
    partner_id: str, body: SignatureRule, tx: Transaction, settings: Config, actor: Acting
) -> dict[str, Any]:
    """From the next call on, on every node; changes of its keys must then be signed, too."""
    partner = await partners.get(tx, partner_id)
    if partner.signs_control != body.live_control:
        partner = await partners.sign_control(
            tx, actor, partner_id=partner_id, required=body.live_control
        )
    return _rule(partner, settings)


@routes.get("/signing_keys", dependencies=[READS], summary="What a partner signs with")
async def list_signing_keys(
    partner_id: str,
    page: Paging,
    tx: Transaction,
    api_key_id: Annotated[str | None, Query(max_length=64, description="Of one API key.")] = None,
) -> dict[str, Any]:
    """Ended ones included; never a secret."""
    await partners.get(tx, partner_id)
    found = await signing_keys.list_keys(
        tx, partner_id=partner_id, api_key_id=api_key_id, page=page
    )
    return page_of(found, signing_keys.view)


@routes.post(
    "/signing_keys/{signing_key_id}/revoke", dependencies=[ADMIN], summary="Revoke a signing key"
)
async def revoke(
    partner_id: str, signing_key_id: str, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """At once, on every node, for ever."""
    return signing_keys.view(
        await signing_keys.revoke(tx, actor, partner_id=partner_id, signing_key_id=signing_key_id)
    )


def _rule(partner: Partner, settings: Settings) -> dict[str, Any]:
    return {
        "object": "signature_rule",
        "partner_id": partner.id,
        "live_control": partner.signs_control,
        "everybody": settings.require_signatures,
    }
