"""Configuration keys (1.6) and variables (2.x): what is wanted beside what is reported."""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

from fastapi import Query, Response
from pydantic import Field

from core.audit.service import Actor
from core.chargers import inventory, registry
from core.chargers.models import Charger
from core.chargers.record_models import Variable
from core.desired import service as desired
from core.desired import variables
from core.desired.models import Desired
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from csms.redact import names_secret
from ops.operator_api.deps import READS, SUPPORT, Acting, resource
from ops.operator_api.desired_views import characteristics_view, desired_view, wished_view
from ops.operator_api.views import configuration_view, variable_view
from partner_api.answers import listed
from partner_api.deps import Secrets, Transaction
from partner_api.fields import Count, In, Whole

routes = resource("/chargers/{charger_id}", tag="desired state")

_NUMBER: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_MAX_KEY_CHARS: Final = 50

Number = Annotated[Whole, Field(ge=1, le=1000)]
Name = Annotated[str, Field(min_length=1, max_length=50)]
Part = Annotated[
    str | None, Query(max_length=100, description="A part of the name, in whatever case.")
]
Limit = Annotated[Count, Query(ge=1, le=1000)]
Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the previous page.")
]


class Configuration(In):
    """Configuration keys of OCPP 1.6 with the values that are wanted."""

    values: dict[Name, Annotated[str, Field(max_length=500)]] = Field(
        min_length=1, max_length=100, examples=[{"HeartbeatInterval": "300"}]
    )


class VariableIn(In):
    """A variable of OCPP 2.x with the value that is wanted."""

    component: Name = Field(examples=["OCPPCommCtrlr"])
    component_instance: Name | None = None
    evse: Number | None = None
    connector: Number | None = None
    variable: Name = Field(examples=["HeartbeatInterval"])
    instance: Name | None = None
    attribute: str = Field("Actual", pattern="^(Actual|Target|MinSet|MaxSet)$")
    value: str = Field(max_length=1000, examples=["300"])

    def members(self) -> dict[str, Any]:
        """Return what names the variable, in the words of the domain."""
        given = self.model_dump(exclude_none=True, exclude={"value", "variable"})
        if given["attribute"] == "Actual":
            del given["attribute"]
        return {**given, "name": self.variable}


class Variables(In):
    variables: list[VariableIn] = Field(min_length=1, max_length=100)


@routes.get("/configuration", dependencies=[READS], summary="Configuration keys (1.6)")
async def configuration(
    charger_id: str,
    tx: Transaction,
    *,
    name: Part = None,
    limit: Limit = 500,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """As of the last GetConfiguration, which follows every boot; with what is wanted of them.

    `as_wanted: false` is drift. A key that is wanted and was never reported comes last.
    """
    found, cursor = await _page(
        tx, charger_id, with_component=False, name=name, limit=limit, cursor=cursor
    )
    wishes = await _wishes(tx, charger_id)
    data = [
        configuration_view(row) | wished_view(wishes.pop(row.variable.lower(), None))
        for row in found
    ]
    if cursor is None and name is None:
        data += _unreported(wishes.values(), with_component=False)
    return listed(data, has_more=cursor is not None, next_cursor=cursor)


@routes.get("/variables", dependencies=[READS], summary="Variables (2.x)")
async def show_variables(
    charger_id: str,
    tx: Transaction,
    *,
    name: Part = None,
    limit: Limit = 500,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """As of the last report of each, with type, unit, limits and what is wanted of them."""
    found, cursor = await _page(
        tx, charger_id, with_component=True, name=name, limit=limit, cursor=cursor
    )
    wishes = await _wishes(tx, charger_id)
    data = []
    for row in found:
        key = variables.key_of_report(row.component, row.variable, row.attribute)
        wished = wished_view(wishes.pop(key, None))
        data.append(variable_view(row) | characteristics_view(row) | wished)
    if cursor is None and name is None:
        data += _unreported(wishes.values(), with_component=True)
    return listed(data, has_more=cursor is not None, next_cursor=cursor)


@routes.put("/configuration", dependencies=[SUPPORT], summary="Want values of keys (1.6)")
async def put_configuration(
    charger_id: str, body: Configuration, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """Told when the charger is there, again after drift; a refusal shows with its reason.

    Keys that look like secrets are stored encrypted and never shown. `AuthorizationKey` is
    refused: change the charger's password instead.
    """
    charger = await _of_version(tx, charger_id, ("1.6",), "PUT .../variables")
    made = [
        await want(tx, vault, actor, charger, {"name": name}, value)
        for name, value in body.values.items()
    ]
    return listed([desired_view(row) for row in made], has_more=False, next_cursor=None)


@routes.put("/variables", dependencies=[SUPPORT], summary="Want values of variables (2.x)")
async def put_variables(
    charger_id: str, body: Variables, tx: Transaction, vault: Secrets, actor: Acting
) -> dict[str, Any]:
    """As for configuration keys. `reason: RebootRequired`: it holds after the next reboot."""
    charger = await _of_version(tx, charger_id, ("2.0.1", "2.1"), "PUT .../configuration")
    made = [
        await want(tx, vault, actor, charger, one.members(), one.value) for one in body.variables
    ]
    return listed([desired_view(row) for row in made], has_more=False, next_cursor=None)


@routes.delete(
    "/configuration/{key}",
    status_code=204,
    dependencies=[SUPPORT],
    summary="Stop wanting a value of a key (1.6)",
)
async def forget(charger_id: str, key: str, tx: Transaction, actor: Acting) -> Response:
    """The charger keeps the value it has. A variable of 2.x: DELETE its desired state."""
    await registry.get(tx, charger_id)
    found = await desired.find(tx, charger_id, variables.NAME, key.lower())
    if found is None:
        raise not_found("desired_state")
    await desired.forget(tx, actor, found.id)
    return Response(status_code=204)


async def want(
    tx: Tx, vault: Vault, actor: Actor, charger: Charger, members: dict[str, Any], value: str
) -> Desired:
    """Wish for the value of a variable; what looks like a secret is kept as one."""
    return await variables.wish(
        tx,
        vault,
        actor,
        charger,
        members=members,
        value=value,
        secret=names_secret(members["name"]),
    )


async def _of_version(tx: Tx, charger_id: str, versions: Sequence[str], other: str) -> Charger:
    """Return a charger that speaks one of *versions*, or never connected.

    Raises:
        PlatformError: ``not_found``, ``conflict``.
    """
    charger = await registry.get(tx, charger_id)
    if charger.ocpp_version not in (None, *versions):
        raise PlatformError(
            "conflict", f"The charger speaks OCPP {charger.ocpp_version}; use {other}."
        )
    return charger


async def _page(
    tx: Tx, charger_id: str, *, with_component: bool, name: str | None, limit: int, cursor: Cursor
) -> tuple[Sequence[Variable], str | None]:
    await registry.get(tx, charger_id)
    if cursor is not None and not _NUMBER.fullmatch(cursor):
        raise PlatformError("invalid_cursor", "Use next_cursor of the previous page, unchanged.")
    found = await inventory.variables_page(
        tx,
        charger_id,
        with_component=with_component,
        containing=name,
        after_number=None if cursor is None else int(cursor),
        limit=limit + 1,
    )
    shown = found[:limit]
    return shown, str(shown[-1].number) if len(found) > limit else None


async def _wishes(tx: Tx, charger_id: str) -> dict[str, Desired]:
    found = await desired.of_charger(tx, charger_id, kind=variables.NAME)
    return {row.key: row for row in found}


def _unreported(rows: Iterable[Desired], *, with_component: bool) -> list[dict[str, Any]]:
    return [
        {"key": row.key, "value": None, "reported_at": None, **wished_view(row)}
        for row in rows
        if row.reported_at is None and ("component" in row.wanted) is with_component
    ]
