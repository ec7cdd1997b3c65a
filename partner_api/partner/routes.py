"""``/v1/partner`` and ``/v1/api_keys``."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Request, Response

from core.chargers import stations
from core.conduct.views import own_standing_view
from core.kernel.db import Tx
from core.partners import keys, limits, service
from core.partners.models import ApiKey as ApiKeyRow
from core.partners.scopes import Scope
from core.partners.service import Caller
from core.webhooks import partner_events
from core.webhooks.partner_events import partner_view
from partner_api.answers import Json, page_of
from partner_api.bodies import StrictRoute
from partner_api.deps import Config, Paging, Secrets, Transaction
from partner_api.documented import answers, list_of
from partner_api.partner.schemas import (
    ApiKey,
    ApiKeyWithSecret,
    ChangeKey,
    CreateKey,
    Partner,
    RotateKey,
)
from partner_api.security import signed
from partner_api.security.access import ANY_SCOPE, ActingCaller, needs

KeyManager = Annotated[Caller, needs(Scope.KEYS_MANAGE)]

router = APIRouter(tags=["partner"], route_class=StrictRoute)


@router.get("/v1/partner", **answers(200, Partner))
async def get_partner(
    caller: Annotated[Caller, needs(*ANY_SCOPE)], tx: Transaction, settings: Config
) -> Response:
    """Return your profile, your limits, how you stand, and the stations granted to you."""
    partner = await service.get(tx, caller.partner_id)
    granted = await stations.granted(tx, partner.id, livemode=caller.livemode)
    return Json(
        {
            **partner_view(partner),
            "livemode": caller.livemode,
            "scopes": sorted(caller.scopes),
            "signs_requests": caller.requires_signature,
            "signs_live_control": caller.signs_control or settings.require_signatures,
            "limits": asdict(limits.effective(settings, caller.limit_overrides)),
            "standing": own_standing_view(caller),
            "stations": [
                {"station_id": grant.station_id, "control": grant.control} for grant in granted
            ],
        }
    )


@router.get("/v1/api_keys", **answers(200, list_of(ApiKey), "invalid_cursor"))
async def list_api_keys(caller: KeyManager, tx: Transaction, page: Paging) -> Response:
    """List the keys of this mode, revoked ones included."""
    found = await keys.list_keys(
        tx, partner_id=caller.partner_id, livemode=caller.livemode, page=page
    )
    return Json(page_of(found, keys.key_view))


@router.post(
    "/v1/api_keys",
    **answers(
        201,
        ApiKeyWithSecret,
        "expiry_out_of_range",
        body=True,
        headers={"Location": "Of the list of keys."},
    ),
)
async def create_api_key(
    body: CreateKey, caller: KeyManager, actor: ActingCaller, tx: Transaction, vault: Secrets
) -> Response:
    """Create a key of this mode; its secret is shown in this answer only."""
    keys.require_within(body.scopes, caller.scopes)
    key, text = await partner_events.create_key(
        tx,
        vault,
        actor,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        **body.model_dump(),
    )
    return Json({**keys.key_view(key), "secret": text}, 201, {"Location": "/v1/api_keys"})


@router.patch(
    "/v1/api_keys/{key_id}",
    **answers(200, ApiKey, "not_found", "conflict", "expiry_out_of_range", body=True),
)
async def change_api_key(
    key_id: str,
    body: ChangeKey,
    request: Request,
    caller: KeyManager,
    actor: ActingCaller,
    tx: Transaction,
) -> Response:
    """Change what is named."""
    before = await _require_own_key(tx, caller, key_id)
    signed.demand_for_change(request, requires_signature=before.require_signature)
    changes = body.model_dump(exclude_unset=True)
    keys.require_within(changes.get("scopes", ()), caller.scopes)
    key = await keys.update_key(
        tx,
        actor,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        key_id=key_id,
        changes=changes,
    )
    return Json(keys.key_view(key))


@router.post(
    "/v1/api_keys/{key_id}/rotate",
    **answers(201, ApiKeyWithSecret, "not_found", "conflict", body=True),
)
async def rotate_api_key(
    key_id: str,
    caller: KeyManager,
    actor: ActingCaller,
    tx: Transaction,
    vault: Secrets,
    body: RotateKey | None = None,
) -> Response:
    """Create a key with the same rights; the old one works on for the overlap."""
    await _require_own_key(tx, caller, key_id)
    rotated = await partner_events.rotate_key(
        tx,
        vault,
        actor,
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        key_id=key_id,
        overlap_hours=(body or RotateKey()).overlap_hours,
    )
    return Json({**keys.key_view(rotated.key), "secret": rotated.text}, 201)


@router.post("/v1/api_keys/{key_id}/revoke", **answers(200, ApiKey, "not_found", "conflict"))
async def revoke_api_key(
    key_id: str, caller: KeyManager, actor: ActingCaller, tx: Transaction
) -> Response:
    """End a key at once and for ever."""
    key = await partner_events.revoke_key(
        tx, actor, partner_id=caller.partner_id, livemode=caller.livemode, key_id=key_id
    )
    return Json(keys.key_view(key))


async def _require_own_key(tx: Tx, caller: Caller, key_id: str) -> ApiKeyRow:
    """Refuse to change a key that may do more than the caller's; return it."""
    key = await keys.get_key(
        tx, partner_id=caller.partner_id, livemode=caller.livemode, key_id=key_id
    )
    keys.require_within(key.scopes, caller.scopes)
    return key
