"""Chargers: register, credentials, approve, connectors."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Query, Response
from pydantic import Field

from core.audit.service import Actor
from core.certificates import key_change
from core.chargers import registry
from core.chargers.models import Charger
from core.chargers.registry import ConnectorSpec
from core.chargers.states import Registration
from core.commands import approval
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from ops.operator_api.deps import ADMIN, READS, SUPPORT, Acting, resource
from ops.operator_api.views import charger_view, operator_connector_view
from partner_api.answers import listed, page_of
from partner_api.deps import Config, Paging, Secrets, Transaction
from partner_api.fields import In, ObjectId, Whole

routes = resource("/chargers", tag="chargers")

Number = Annotated[Whole, Field(ge=1)]
Amount = Annotated[Whole, Field(ge=0)]
Name = Annotated[str, Field(max_length=100)]
Password = Annotated[
    str, Field(min_length=16, max_length=40, description="16 to 40 characters; left out: made.")
]


class ConnectorIn(In):
    """What a connector is; OCPP 1.6 knows no EVSE: there `evse` is its connectorId."""

    evse: Number
    connector: Number = 1
    standard: str | None = Field(None, max_length=40, examples=["IEC_62196_T2"])
    format: str | None = Field(None, max_length=10, examples=["SOCKET", "CABLE"])
    power_type: str | None = Field(None, max_length=12, examples=["AC_3_PHASE", "DC"])
    max_power_w: Amount | None = None
    max_voltage_v: Amount | None = None
    max_current_a: Amount | None = None

    def spec(self) -> ConnectorSpec:
        """Return it in the words of the domain."""
        return ConnectorSpec(**self.model_dump())


class Registered(In):
    """A charger to register; its connectors are learned from what it reports."""

    identity: str = Field(min_length=1, max_length=48, description="The end of its URL.")
    password: Password | None = None
    station_id: ObjectId | None = None
    security_profile: Whole = Field(1, ge=0, le=3)
    connectors: list[ConnectorIn] = Field(default_factory=list, max_length=200)


class Changes(In):
    """What is named is changed."""

    station_id: ObjectId | None = None
    security_profile: Whole | None = Field(None, ge=0, le=3)
    vendor: Name | None = None
    model: Name | None = None


class NewPassword(In):
    password: Password | None = None


class Connectors(In):
    connectors: list[ConnectorIn] = Field(min_length=1, max_length=200)


@routes.post("", status_code=201, dependencies=[ADMIN], summary="Register a charger")
async def register(
    body: Registered,
    response: Response,
    tx: Transaction,
    vault: Secrets,
    settings: Config,
    actor: Acting,
) -> dict[str, Any]:
    """The password is shown in this answer and never again."""
    charger, password = await registry.register(
        tx,
        vault,
        actor,
        identity=body.identity,
        password=body.password,
        station_id=body.station_id,
        security_profile=body.security_profile,
        connectors=[connector.spec() for connector in body.connectors],
    )
    response.headers["Location"] = f"/operator/v1/chargers/{charger.id}"
    connectors = await registry.connectors_of(tx, charger.id)
    return {**charger_view(charger, connectors), "password": password}


@routes.get("", dependencies=[READS], summary="Chargers")
async def list_chargers(
    page: Paging,
    tx: Transaction,
    identity: Annotated[str | None, Query(max_length=48, description="Whatever its case.")] = None,
    station_id: Annotated[str | None, Query(max_length=64)] = None,
    registration: Registration | None = None,
    online: bool | None = None,
) -> dict[str, Any]:
    """One page; every filter narrows it."""
    found = await registry.list_chargers(
        tx,
        identity=identity,
        station_id=station_id,
        registration=registration,
        online=online,
        page=page,
    )
    return page_of(found, charger_view)


@routes.get("/{charger_id}", dependencies=[READS], summary="One charger with its connectors")
async def show(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """The status of a connector is the last one reported, also while the charger is offline."""
    charger = await registry.get(tx, charger_id)
    return charger_view(charger, await registry.connectors_of(tx, charger_id))


@routes.patch("/{charger_id}", dependencies=[ADMIN], summary="Change a charger")
async def change(charger_id: str, body: Changes, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Move it to another station (`null`: to none), or correct what is known of it."""
    changes = body.model_dump(exclude_unset=True)
    if changes.get("security_profile", 0) is None:
        raise PlatformError("invalid_parameter", "security_profile is 0, 1, 2 or 3.")
    charger = await registry.update(tx, actor, charger_id, changes)
    return charger_view(charger, await registry.connectors_of(tx, charger_id))


@routes.delete("/{charger_id}", status_code=204, dependencies=[ADMIN], summary="Remove a charger")
async def delete(charger_id: str, tx: Transaction, actor: Acting) -> Response:
    """Its sessions and orders stay; its identity is free again."""
    await registry.delete(tx, actor, charger_id)
    return Response(status_code=204)


@routes.post("/{charger_id}/password", dependencies=[ADMIN], summary="Set a new password")
async def set_password(
    charger_id: str, body: NewPassword, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """Takes effect at the next connection; shown in this answer and never again."""
    password = await key_change.set_password(tx, vault, actor, charger_id, password=body.password)
    return {**charger_view(await registry.get(tx, charger_id)), "password": password}


@routes.put("/{charger_id}/connectors", dependencies=[ADMIN], summary="Describe connectors")
async def put_connectors(
    charger_id: str, body: Connectors, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Those not named stay as they are."""
    specs = [connector.spec() for connector in body.connectors]
    found = await registry.put_connectors(tx, actor, charger_id, specs)
    data = [operator_connector_view(connector) for connector in found]
    return listed(data, has_more=False, next_cursor=None)


Move = Callable[[Tx, Actor, str], Awaitable[Charger]]

_MOVES: Final[tuple[tuple[str, Move, Any, str], ...]] = (
    ("approve", approval.approve, SUPPORT, "Let a pending or rejected charger work"),
    ("reject", registry.reject, SUPPORT, "Refuse a pending charger"),
    ("disable", registry.disable, ADMIN, "Keep a charger from connecting"),
    ("enable", registry.enable, ADMIN, "Let a disabled charger connect again"),
)


def _add(name: str, move: Move, role: Any, summary: str) -> None:
    async def moved(charger_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
        return charger_view(await move(tx, actor, charger_id))

    moved.__name__ = name
    path = f"/{{charger_id}}/{name}"
    routes.add_api_route(path, moved, methods=["POST"], dependencies=[role], summary=summary)


for _name, _move, _role, _summary in _MOVES:
    _add(_name, _move, _role, _summary)
