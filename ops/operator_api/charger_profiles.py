"""Profiles of real chargers: what a kind of charger, or one of them, does other than OCPP says."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from core.chargers import charger_profiles, registry
from core.kernel.errors import PlatformError
from ops.operator_api.deps import ADMIN, READS, Acting, resource
from ops.operator_api.record_views import charger_profile_view
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import In

routes = resource("", tag="charger profiles")

Pattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="As the charger says it at boot, whatever its case; `*` and `?` stand for any.",
        examples=["ACME*"],
    ),
]
Rules = Annotated[
    dict[str, Any],
    Field(
        description="What differs from the standard: `missing_subprotocol`, `naive_time_zone`, "
        "`enum_aliases`, `ignore_unknown_members`, `pings`, `settle_s`, `max_frame_bytes`, "
        "`max_sent_bytes`, `max_message_id_chars`, `id_tag_chars`, `connector_zero`, "
        "`energy_in_kwh`, `null_payload`. See docs/chargers/compliance.md.",
        examples=[{"naive_time_zone": "Europe/Berlin", "settle_s": 10}],
    ),
]
Note = Annotated[str, Field(max_length=500)]


class NewProfile(In):
    """Fits chargers whose vendor, model and firmware fit all patterns that are given."""

    name: str = Field(min_length=1, max_length=100)
    vendor: Pattern | None = None
    model: Pattern | None = None
    firmware: Pattern | None = None
    rules: Rules
    note: Note | None = None


class Changes(In):
    """What is named is changed; `null` clears it."""

    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    vendor: Pattern | None = None
    model: Pattern | None = None
    firmware: Pattern | None = None
    rules: Rules | None = None
    note: Note | None = None


class OwnRules(In):
    rules: Rules
    note: Note | None = None


@routes.get("/charger_profiles", dependencies=[READS], summary="Profiles of kinds of chargers")
async def list_profiles(tx: Transaction) -> dict[str, Any]:
    """Those shipped first; they fit nobody and are there to be copied from."""
    data = [charger_profile_view(profile) for profile in await charger_profiles.shared(tx)]
    return listed(data, has_more=False, next_cursor=None)


@routes.post("/charger_profiles", status_code=201, dependencies=[ADMIN], summary="Create a profile")
async def create(
    body: NewProfile, response: Response, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Of the profiles that fit a charger the one with the most literal characters wins."""
    profile = await charger_profiles.create(tx, actor, **body.model_dump())
    response.headers["Location"] = f"/operator/v1/charger_profiles/{profile.id}"
    return charger_profile_view(profile)


@routes.get("/charger_profiles/{profile_id}", dependencies=[READS], summary="One profile")
async def show(profile_id: str, tx: Transaction) -> dict[str, Any]:
    """Of a kind of chargers, or of one."""
    return charger_profile_view(await charger_profiles.get(tx, profile_id))


@routes.patch("/charger_profiles/{profile_id}", dependencies=[ADMIN], summary="Change a profile")
async def change(profile_id: str, body: Changes, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Connected chargers follow within seconds; handshake and pings with the next connection."""
    changes = body.model_dump(exclude_unset=True)
    for name in ("name", "rules"):
        if name in changes and changes[name] is None:
            raise PlatformError("invalid_parameter", f"{name} is required.")
    return charger_profile_view(await charger_profiles.change(tx, actor, profile_id, changes))


@routes.delete(
    "/charger_profiles/{profile_id}",
    status_code=204,
    dependencies=[ADMIN],
    summary="Delete a profile",
)
async def delete(profile_id: str, tx: Transaction, actor: Acting) -> Response:
    """Its chargers are treated by what fits them then."""
    await charger_profiles.delete(tx, actor, profile_id)
    return Response(status_code=204)


@routes.get("/chargers/{charger_id}/profile", dependencies=[READS], summary="A charger's rules")
async def of_charger(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """Every rule with its value; `profile` is where they come from (`null`: the standard)."""
    charger = await registry.get(tx, charger_id)
    profile, rules = await charger_profiles.of_charger(tx, charger)
    return {
        "object": "charger_rules",
        "charger_id": charger_id,
        "profile": None if profile is None else charger_profile_view(profile),
        "rules": asdict(rules),
    }


@routes.put("/chargers/{charger_id}/profile", dependencies=[ADMIN], summary="Rules of one charger")
async def put_own(
    charger_id: str, body: OwnRules, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """They replace those of its kind altogether."""
    await charger_profiles.put_own(tx, actor, charger_id, body.rules, note=body.note)
    return await of_charger(charger_id, tx)


@routes.delete(
    "/chargers/{charger_id}/profile",
    status_code=204,
    dependencies=[ADMIN],
    summary="Treat a charger like its kind again",
)
async def delete_own(charger_id: str, tx: Transaction, actor: Acting) -> Response:
    """`404` if it has no rules of its own."""
    await charger_profiles.delete_own(tx, actor, charger_id)
    return Response(status_code=204)
