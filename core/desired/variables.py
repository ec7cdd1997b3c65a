"""Kind ``variable``: the value of a configuration key (1.6) or of a variable (2.x)."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from core.audit.service import Actor
from core.chargers import inventory, registry
from core.chargers.facts import VariableReported
from core.chargers.models import Charger
from core.commands.commands import Answer, Command, Verdict, seal_context
from core.commands.configuration import SetVariable
from core.desired import service as desired
from core.desired import store
from core.desired.kinds import KINDS, Kind, Outcome, by_verdict
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.errors import PlatformError

NAME: Final = "variable"
REBOOT_REQUIRED: Final = "RebootRequired"
PASSWORDS: Final = frozenset({"authorizationkey", "basicauthpassword"})
"""Of these a copy that does not fit locks the charger out: they are changed another way."""
MAX_VALUE_CHARS: Final = 2500

_PATH: Final = re.compile(
    r"(?P<component>[^\[\]@/]{1,50})(?:\[(?P<component_instance>[^\]/]{1,50})\])?"
    r"(?:@(?P<evse>\d{1,4})(?:\.(?P<connector>\d{1,4}))?)?"
    r"/(?P<name>[^\[\]/]{1,50})(?:\[(?P<instance>[^\]/]{1,50})\])?"
    r"(?:/(?P<attribute>Actual|Target|MinSet|MaxSet))?"
)
_MEMBERS: Final = (
    "component",
    "component_instance",
    "evse",
    "connector",
    "name",
    "instance",
    "attribute",
)
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


def named(text: str, *, version: str | None) -> dict[str, Any]:
    """Return the members of ``SetVariable`` for a name as people write it.

    ``HeartbeatInterval`` in 1.6; ``Component[instance]@evse.connector/Variable[instance]/Target``
    in 2.x, where all but component and variable may be left out. Without a *version* a name with
    a component is one of 2.x.

    Raises:
        ValueError: It is no name.
    """
    found = None if version == "1.6" else _PATH.fullmatch(text)
    if found is None:
        if version in (None, "1.6") and 1 <= len(text) <= 50:  # noqa: PLR2004 - CiString50
            return {"name": text}
        raise ValueError(
            "name it as Component/Variable, such as OCPPCommCtrlr/HeartbeatInterval"
            if version not in (None, "1.6")
            else "a configuration key has 1 to 50 characters"
        )
    members: dict[str, Any] = {k: v for k, v in found.groupdict().items() if v is not None}
    for number in ("evse", "connector"):
        if number in members:
            members[number] = int(members[number])
    return members


def key_of(members: dict[str, Any]) -> str:
    """Return the key of the wish; names mean the same in whatever case."""
    if members.get("component") is None:
        return str(members["name"]).lower()
    component = _with_instance(members["component"], members.get("component_instance"))
    if members.get("evse") is not None:
        place = members.get("connector")
        component += f"@{members['evse']}" + ("" if place is None else f".{place}")
    variable = _with_instance(members["name"], members.get("instance"))
    return key_of_report(component, variable, members.get("attribute") or "Actual")


def key_of_report(component: str, variable: str, attribute: str) -> str:
    """Return the key under which a reported variable would be wished for."""
    if not component:
        return variable.lower()
    rest = "" if attribute == "Actual" else f"/{attribute}"
    return f"{component}/{variable}{rest}".lower()


def _with_instance(name: str, instance: str | None) -> str:
    return name if instance is None else f"{name}[{instance}]"


async def wish(
    tx: Tx,
    vault: Vault,
    actor: Actor,
    charger: Charger,
    *,
    members: dict[str, Any],
    value: str,
    secret: bool = False,
) -> Desired:
    """Wish that a variable has *value*; a *secret* one is stored encrypted and shown to nobody.

    Args:
        members: As ``named`` returns them.

    Raises:
        PlatformError: ``invalid_parameter``: the charger's password, which is changed another way.
    """
    refuse_password(members["name"])
    sealed = None
    if secret:
        text = json.dumps({"value": value})
        sealed = vault.ring.encrypt(text, context=seal_context(charger.id))
    return await desired.want(
        tx,
        actor,
        charger,
        kind=NAME,
        key=key_of(members),
        wanted={**members, "value": None if secret else value},
        sealed=sealed,
    )


def refuse_password(name: str) -> None:
    """Refuse the name of the charger's own password.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    if name.lower() in PASSWORDS:
        raise PlatformError(
            "invalid_parameter",
            f"{name} is the charger's password; setting it here could lock the charger out. "
            "Change it with POST /operator/v1/chargers/{charger_id}/password/rotation, which keeps "
            "the old one until the new one works.",
        )


async def report(tx: Tx, charger_id: str, reported: Sequence[VariableReported]) -> None:
    """Store what a charger reported and compare it with what is wanted of it.

    Costs one query more than storing where nothing is wanted. A value that waits for a reboot has
    not drifted.
    """
    await inventory.store_variables(tx, charger_id, reported)
    wishes = await store.of_charger(tx, charger_id, kind=NAME)
    open_ = {row.key: row for row in wishes if row.sealed is None}
    if not open_:
        return
    values = {
        key_of_report(fact.component, fact.variable, fact.attribute): fact.value
        for fact in reported
        if fact.value is not None
    }
    charger = None
    for key in open_.keys() & values.keys():
        row = open_[key]
        if row.reason == REBOOT_REQUIRED and row.settled_at is not None:
            charger = charger or await registry.get(tx, charger_id)
            if charger.booted_at is None or charger.booted_at <= row.settled_at:
                continue
        value = {"value": str(values[key])[:MAX_VALUE_CHARS]}
        await desired.reported(tx, charger_id, kind=NAME, key=key, value=value)


def same_value(wanted: str, reported: str) -> bool:
    """Tell whether two texts are the same value: chargers change case, spaces and zeros."""
    one, other = wanted.strip(), reported.strip()
    if one.lower() == other.lower():
        return True
    if one.lower() in _TRUTHS and other.lower() in _TRUTHS:
        return _TRUTHS[one.lower()] is _TRUTHS[other.lower()]
    if "," in one or "," in other:
        return [part.strip().lower() for part in one.split(",")] == [
            part.strip().lower() for part in other.split(",")
        ]
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False


def _matches(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    value = wanted.get("value")
    return value is None or same_value(value, str(reported.get("value") or ""))


async def _command(_: Tx, row: Desired) -> Command | None:
    if not row.present:
        raise ValueError("a variable cannot be taken away, only given another value")
    return SetVariable(**row.wanted, sealed=row.sealed)


async def _answered(tx: Tx, row: Desired, answer: Answer) -> Outcome:
    outcome = await by_verdict(tx, row, answer)
    if answer.verdict is Verdict.ACCEPTED and outcome.reason is None and row.sealed is None:
        return Outcome(status=DesiredStatus.ACCEPTED, reported={"value": row.wanted["value"]})
    return outcome


def _parse(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return key and wish of ``{"name": "...", "value": "..."}``."""
    if set(body) != {"name", "value"}:
        raise ValueError('a variable is {"name": "...", "value": "..."}')
    name, value = body["name"], body["value"]
    if not isinstance(name, str) or not isinstance(value, str) or len(value) > MAX_VALUE_CHARS:
        raise ValueError(f"name and value are texts; the value has {MAX_VALUE_CHARS} at most")
    members = named(name, version=None)
    refuse_password(members["name"])
    return key_of(members), {**members, "value": value}


VARIABLE: Final = KINDS.add(
    Kind(
        name=NAME,
        command=_command,
        answered=_answered,
        matches=_matches,
        rank=20,
        while_pending=True,
        parse=_parse,
    )
)
