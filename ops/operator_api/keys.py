"""API keys of partners, tokens of operators: secrets are shown once."""

from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from core.operators import service as operators
from core.operators.models import Role
from core.operators.service import token_view
from core.partners import service as partners
from core.partners.keys import key_view
from core.partners.scopes import Scope
from core.webhooks import partner_events
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from partner_api.answers import listed, page_of
from partner_api.deps import Paging, Secrets, Transaction
from partner_api.fields import In, Instant, Whole

routes = resource("", tag="keys")

Name = Annotated[str, Field(min_length=1, max_length=100)]


class NewKey(In):
    name: Name
    livemode: bool = True
    scopes: list[str] = Field([*Scope], max_length=50, description="Left out: all.")
    ip_allowlist: list[str] = Field(default_factory=list, max_length=100)
    expires_at: Instant | None = None


class KeyChanges(In):
    name: Name | None = None
    scopes: list[str] | None = Field(None, max_length=50)
    ip_allowlist: list[str] | None = Field(None, max_length=100)
    expires_at: Instant | None = None
    require_signature: bool | None = Field(None, description="All calls with it must be signed.")


class Rotation(In):
    overlap_hours: Whole = Field(24, ge=0, le=168, description="The old key works so long.")


class NewToken(In):
    name: Name
    role: Role = Field(strict=False)
    expires_at: Instant | None = None


@routes.post(
    "/partners/{partner_id}/api_keys", status_code=201, dependencies=[ADMIN], summary="Make a key"
)
async def create_key(
    partner_id: str, body: NewKey, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """`secret` is in this answer and never again."""
    key, text = await partner_events.create_key(
        tx, vault, actor, partner_id=partner_id, **body.model_dump()
    )
    return {**key_view(key), "partner_id": partner_id, "secret": text}


@routes.get("/partners/{partner_id}/api_keys", dependencies=[READS], summary="A partner's keys")
async def list_keys(partner_id: str, page: Paging, tx: Transaction) -> dict[str, Any]:
    """Revoked ones included."""
    await partners.get(tx, partner_id)
    return page_of(await partners.list_keys(tx, partner_id=partner_id, page=page), key_view)


@routes.patch(
    "/partners/{partner_id}/api_keys/{key_id}", dependencies=[ADMIN], summary="Change a key"
)
async def change_key(
    partner_id: str, key_id: str, body: KeyChanges, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """What is named is changed; `expires_at: null` takes the expiry away."""
    given = body.model_dump(exclude_unset=True)
    changes = {name: v for name, v in given.items() if v is not None or name == "expires_at"}
    key = await partners.update_key(
        tx, actor, partner_id=partner_id, key_id=key_id, changes=changes
    )
    return key_view(key)


@routes.post(
    "/partners/{partner_id}/api_keys/{key_id}/rotate", dependencies=[ADMIN], summary="Rotate a key"
)
async def rotate_key(
    partner_id: str,
    key_id: str,
    body: Rotation,
    tx: Transaction,
    vault: Secrets,
    actor: Acting,
) -> dict[str, Any]:
    """A new key with the same rights; `secret` is in this answer and never again."""
    rotated = await partner_events.rotate_key(
        tx, vault, actor, partner_id=partner_id, key_id=key_id, overlap_hours=body.overlap_hours
    )
    return {**key_view(rotated.key), "secret": rotated.text, "replaces": key_view(rotated.old)}


@routes.post(
    "/partners/{partner_id}/api_keys/{key_id}/revoke", dependencies=[ADMIN], summary="Revoke a key"
)
async def revoke_key(
    partner_id: str, key_id: str, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """At once, on every node, for ever."""
    return key_view(
        await partner_events.revoke_key(tx, actor, partner_id=partner_id, key_id=key_id)
    )


@routes.post("/operator_tokens", status_code=201, dependencies=[ADMIN], summary="Make a token")
async def create_token(
    body: NewToken, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """`secret` is in this answer and never again."""
    token, text = await operators.create_token(tx, vault, actor, **body.model_dump())
    return {**token_view(token), "secret": text}


@routes.get("/operator_tokens", dependencies=[READS], summary="Tokens of operators")
async def list_tokens(tx: Transaction) -> dict[str, Any]:
    """The newest 200, revoked ones included."""
    data = [token_view(token) for token in await operators.list_tokens(tx)]
    return listed(data, has_more=False, next_cursor=None)


@routes.post("/operator_tokens/{token_id}/revoke", dependencies=[ADMIN], summary="Revoke a token")
async def revoke_token(
    token_id: str, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """At once and for ever."""
    return token_view(await operators.revoke_token(tx, actor, token_id=token_id))
