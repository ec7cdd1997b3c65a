"""Id tokens: RFID cards and app tokens that may, or may not, charge."""

from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from pydantic import Field

from core.chargers import id_tokens, key_codes, registry
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.partners import service as partners
from ops.operator_api.deps import READS, SUPPORT, Acting, resource
from ops.operator_api.views import id_token_view
from partner_api.answers import page_of
from partner_api.deps import Paging, Secrets, Transaction
from partner_api.fields import In, Instant, ObjectId, Whole
from partner_api.services import Services

routes = resource("/id_tokens", tag="id tokens")

Token = Annotated[
    str,
    Path(
        max_length=48,
        description="At most 36 characters; their case makes no difference. A key code on the "
        "list can be given by its name, `KEYCODE:...`, too.",
    ),
]
Language = Annotated[str, Field(min_length=1, max_length=8, examples=["en"])]


class Message(In):
    """What a charger with a display shows the driver (2.0.1)."""

    format: Literal["ASCII", "HTML", "URI", "UTF8"] = "UTF8"
    language: Language | None = None
    content: str = Field(min_length=1, max_length=512)


class Additional(In):
    """An id that goes with the token, such as the one printed on the card."""

    id_token: str = Field(min_length=1, max_length=36)
    type: str = Field(min_length=1, max_length=50)


class TokenIn(In):
    """The whole token: what is left out has its default."""

    kind: str = Field(
        "ISO14443",
        min_length=1,
        max_length=20,
        description="Central, eMAID, ISO14443, ISO15693, KeyCode, Local or MacAddress. An odd "
        "token of its kind is kept all the same; `oddity` tells. A KeyCode is stored hashed and "
        "shown by its name only.",
    )
    blocked: bool = False
    expires_at: Instant | None = Field(
        None, description="Chargers are told it, too, and forget the token then."
    )
    group_token: str | None = Field(
        None, min_length=1, max_length=36, description="Tokens of one group stop each other's."
    )
    group_kind: str = Field("Central", min_length=1, max_length=20)
    partner_id: ObjectId | None = Field(None, description="Whose sessions it starts.")
    note: str | None = Field(None, max_length=200)
    valid_from: Instant | None = Field(None, description="Before it: not at this time.")
    places: list[ObjectId] = Field(
        default_factory=list,
        max_length=200,
        description="Chargers (cp_...) and stations (st_...) where it may charge; none: all.",
    )
    evses: list[Annotated[Whole, Field(ge=1, le=255)]] = Field(
        default_factory=list, max_length=50, description="EVSE numbers there; none: all."
    )
    max_sessions: Whole | None = Field(
        None, ge=1, description="At a time; left out: VOLTGATE_ID_TOKEN_MAX_SESSIONS."
    )
    master_pass: bool = Field(
        default=False,
        description="Ends sessions of others, begins none. Its group is the chargers' "
        "MasterPassGroupId.",
    )
    charging_priority: Whole | None = Field(None, ge=-9, le=9)
    language1: Language | None = None
    language2: Language | None = None
    personal_message: Message | None = None
    additional_info: list[Additional] = Field(default_factory=list, max_length=10)


@routes.put("/{token}", dependencies=[SUPPORT], summary="Create or replace an id token")
async def put(
    token: Token,
    body: TokenIn,
    request: Request,
    tx: Transaction,
    vault: Secrets,
    actor: Acting,
) -> dict[str, Any]:
    """Takes effect at once, for the next Authorize and the next start; local lists follow."""
    if body.partner_id is not None:
        await partners.get(tx, body.partner_id)
    for index, place in enumerate(body.places):
        await _check_place(tx, place, index)
    values = body.model_dump()
    if body.max_sessions is None:
        values["max_sessions"] = Services.of(request.scope).settings.id_token_max_sessions
    if body.personal_message is not None:
        values["personal_message"] = body.personal_message.model_dump(exclude_none=True)
    values["additional_info"] = [
        {"additionalIdToken": info.id_token, "type": info.type} for info in body.additional_info
    ]
    made = await key_codes.put(tx, vault, actor, token, **values)
    return id_token_view(made, await id_tokens.places_of(tx, made.token))


async def _check_place(tx: Tx, place: str, index: int) -> None:
    look = registry.get if place.startswith("cp_") else registry.get_station
    try:
        await look(tx, place)
    except PlatformError as exc:
        raise PlatformError(
            "invalid_parameter",
            f"{place} is no charger and no station.",
            errors=[{"pointer": f"/places/{index}", "detail": "is no charger and no station"}],
        ) from exc


@routes.get("", dependencies=[READS], summary="Id tokens")
async def list_tokens(page: Paging, tx: Transaction) -> dict[str, Any]:
    """In the order of their characters."""
    return page_of(await id_tokens.list_tokens(tx, page), id_token_view)


@routes.get("/{token}", dependencies=[READS], summary="One id token")
async def show(token: Token, tx: Transaction, vault: Secrets) -> dict[str, Any]:
    """An unknown one may not charge."""
    found = await id_tokens.get(tx, await key_codes.known_as(tx, vault, token))
    return id_token_view(found, await id_tokens.places_of(tx, found.token))


@routes.delete("/{token}", status_code=204, dependencies=[SUPPORT], summary="Forget an id token")
async def delete(token: Token, tx: Transaction, vault: Secrets, actor: Acting) -> Response:
    """From then on it is unknown."""
    await id_tokens.delete(tx, actor, await key_codes.known_as(tx, vault, token))
    return Response(status_code=204)
