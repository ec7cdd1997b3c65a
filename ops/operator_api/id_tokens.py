"""Id tokens: RFID cards and app tokens that may, or may not, charge."""

from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import Field

from core.chargers import id_tokens
from core.partners import service as partners
from ops.operator_api.deps import READS, SUPPORT, Acting, resource
from ops.operator_api.views import id_token_view
from partner_api.answers import page_of
from partner_api.deps import Paging, Transaction
from partner_api.fields import In, Instant, ObjectId

routes = resource("/id_tokens", tag="id tokens")

Token = Annotated[str, Path(max_length=36, description="Its case makes no difference.")]


class TokenIn(In):
    """The whole token: what is left out has its default."""

    kind: str = Field("ISO14443", min_length=1, max_length=20)
    blocked: bool = False
    expires_at: Instant | None = None
    group_token: str | None = Field(
        None, min_length=1, max_length=36, description="Tokens of one group stop each other's."
    )
    partner_id: ObjectId | None = Field(None, description="Whose sessions it starts.")
    note: str | None = Field(None, max_length=200)


@routes.put("/{token}", dependencies=[SUPPORT], summary="Create or replace an id token")
async def put(token: Token, body: TokenIn, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Takes effect at once, for the next Authorize and the next start."""
    if body.partner_id is not None:
        await partners.get(tx, body.partner_id)
    return id_token_view(await id_tokens.put(tx, actor, token, **body.model_dump()))


@routes.get("", dependencies=[READS], summary="Id tokens")
async def list_tokens(page: Paging, tx: Transaction) -> dict[str, Any]:
    """In the order of their characters."""
    return page_of(await id_tokens.list_tokens(tx, page), id_token_view)


@routes.get("/{token}", dependencies=[READS], summary="One id token")
async def show(token: Token, tx: Transaction) -> dict[str, Any]:
    """An unknown one may not charge."""
    return id_token_view(await id_tokens.get(tx, token))


@routes.delete("/{token}", status_code=204, dependencies=[SUPPORT], summary="Forget an id token")
async def delete(token: Token, tx: Transaction, actor: Acting) -> Response:
    """From then on it is unknown."""
    await id_tokens.delete(tx, actor, token)
    return Response(status_code=204)
