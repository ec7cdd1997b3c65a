"""``/v1/signing_keys``."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from core.kernel.db import Tx
from core.partners import keys, signing_keys
from core.partners.scopes import Scope
from core.partners.service import Caller
from partner_api.answers import Json, page_of
from partner_api.bodies import StrictRoute
from partner_api.deps import Paging, Secrets, Transaction
from partner_api.documented import answers, list_of
from partner_api.fields import ObjectId
from partner_api.security import signed
from partner_api.security.access import ActingCaller, needs
from partner_api.signing_keys.schemas import (
    CreateSigningKey,
    RotateSigningKey,
    SigningKey,
    SigningKeyWithSecret,
)

KeyManager = Annotated[Caller, needs(Scope.KEYS_MANAGE)]

router = APIRouter(tags=["partner"], route_class=StrictRoute)


@router.get("/v1/signing_keys", **answers(200, list_of(SigningKey), "invalid_cursor", "not_found"))
async def list_signing_keys(
    caller: KeyManager,
    tx: Transaction,
    page: Paging,
    api_key_id: Annotated[ObjectId | None, Query(description="Those of one API key.")] = None,
) -> Response:
    """List the signing keys of this mode, ended ones included."""
    found = await signing_keys.list_keys(
        tx,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        api_key_id=api_key_id,
        page=page,
    )
    return Json(page_of(found, signing_keys.view))


@router.post(
    "/v1/signing_keys",
    **answers(
        201,
        SigningKeyWithSecret,
        "not_found",
        "conflict",
        body=True,
        headers={"Location": "Of the list of signing keys."},
    ),
)
async def create_signing_key(
    body: CreateSigningKey,
    request: Request,
    caller: KeyManager,
    actor: ActingCaller,
    tx: Transaction,
    vault: Secrets,
) -> Response:
    """Attach a signing key to an API key; the secret of an HMAC is shown in this answer only."""
    await _require_right(request, tx, caller, body.api_key_id)
    made = await signing_keys.create(
        tx,
        vault,
        actor,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        **body.model_dump(),
    )
    return _shown(made, {"Location": "/v1/signing_keys"})


@router.post(
    "/v1/signing_keys/{signing_key_id}/rotate",
    **answers(201, SigningKeyWithSecret, "not_found", "conflict", body=True),
)
async def rotate_signing_key(
    signing_key_id: str,
    request: Request,
    caller: KeyManager,
    actor: ActingCaller,
    tx: Transaction,
    vault: Secrets,
    body: RotateSigningKey | None = None,
) -> Response:
    """Make another of the same algorithm; the old one works on for the overlap."""
    old = await signing_keys.get(
        tx,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        signing_key_id=signing_key_id,
    )
    await _require_right(request, tx, caller, old.api_key_id)
    made = await signing_keys.rotate(
        tx,
        vault,
        actor,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        signing_key_id=signing_key_id,
        **(body or RotateSigningKey()).model_dump(),
    )
    return _shown(made, {})


@router.post(
    "/v1/signing_keys/{signing_key_id}/revoke",
    **answers(200, SigningKey, "not_found", "conflict"),
)
async def revoke_signing_key(
    signing_key_id: str, caller: KeyManager, actor: ActingCaller, tx: Transaction
) -> Response:
    """End a signing key at once and for ever."""
    key = await signing_keys.revoke(
        tx,
        actor,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        signing_key_id=signing_key_id,
    )
    return Json(signing_keys.view(key))


async def _require_right(request: Request, tx: Tx, caller: Caller, api_key_id: str) -> None:
    """Refuse to give signing keys to an API key that may do more, or asks for a signature."""
    key = await keys.get_key(
        tx, partner_id=caller.partner_id, livemode=caller.livemode, key_id=api_key_id
    )
    keys.require_within(key.scopes, caller.scopes)
    signed.demand_for_change(request, requires_signature=key.require_signature)


def _shown(made: signing_keys.Made, headers: dict[str, str]) -> Response:
    return Json({**signing_keys.view(made.key), "secret": made.secret}, 201, headers)
