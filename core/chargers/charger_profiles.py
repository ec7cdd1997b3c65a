"""Profiles of real chargers: how one kind deviates from OCPP, and what we do about it, as data.

A profile is for one charger, or for all whose vendor, model and firmware fit its patterns. The one
that says most wins: the charger's own, else the one with the most literal characters. What it does
not name has the value of ``STANDARD``, which tolerates all that can be tolerated without knowing
the charger.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.audit import service as audit
from core.audit.service import Actor
from core.chargers import compliance_store, store
from core.chargers.checks import check_columns, invalid
from core.chargers.compliance_models import ProfileRow, charger_profiles
from core.chargers.models import Charger
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.ids import new_id

MAX_ALIASES: Final = 200
MAX_SETTLE_S: Final = 600
FRAME_BYTES: Final = range(1_024, 1_048_577)
MESSAGE_ID_CHARS: Final = range(36, 256)
ID_TAG_CHARS: Final = range(8, 21)
MAX_PROFILES: Final = 1_000
MAX_ZONE_CHARS: Final = 64

ConnectorZero = Literal["station", "connector"]
Version = Literal["1.6", "2.0.1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is different about a charger; the defaults are those of every charger.

    Attributes:
        missing_subprotocol: The version to speak if the handshake asks for none; ``None``: refuse.
        naive_time_zone: IANA name of the zone of timestamps without one.
        enum_aliases: By ``Action/member/member``, what a value off the list stands for.
        ignore_unknown_members: Leave out members that the schema does not have, instead of
            refusing the message.
        pings: Whether the server pings, and closes a socket that does not answer.
        settle_s: Seconds after a connection or a boot before the first command.
        max_frame_bytes: The largest frame taken from the charger; ``None``: the setting.
        max_sent_bytes: The largest frame the charger can take; ``None``: any.
        max_message_id_chars: Of the ids the charger makes.
        id_tag_chars: Where the charger cuts idTags; ``None``: it does not.
        connector_zero: What connector 0 of OCPP 1.6 means: the station, or its only connector.
        energy_in_kwh: Registers that say Wh, or nothing, are kWh.
        null_payload: Whether ``null`` may stand for ``{}`` in 2.x too.
    """

    missing_subprotocol: Version | None = None
    naive_time_zone: str = "UTC"
    enum_aliases: Mapping[str, Mapping[str, str]] | None = None
    ignore_unknown_members: bool = False
    pings: bool = True
    settle_s: int = 0
    max_frame_bytes: int | None = None
    max_sent_bytes: int | None = None
    max_message_id_chars: int = 36
    id_tag_chars: int | None = None
    connector_zero: ConnectorZero = "station"
    energy_in_kwh: bool = False
    null_payload: bool = False


STANDARD: Final = Rules()

_NAMES: Final = frozenset(field.name for field in fields(Rules))
_FLAGS: Final = ("ignore_unknown_members", "pings", "energy_in_kwh", "null_payload")
_CHANGEABLE: Final = frozenset({"name", "vendor", "model", "firmware", "rules", "note"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A named set of rules and whom it fits.

    *id* is ``builtin:NAME`` for what is shipped. A profile without any pattern and without a
    charger fits nobody: it is there to be copied from.
    """

    id: str
    name: str
    rules: Mapping[str, Any]
    charger_id: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    note: str | None = None


def rules_of(values: Mapping[str, Any]) -> Rules:
    """Return checked rules.

    Raises:
        PlatformError: ``invalid_parameter`` that names the rule and what it may be.
    """
    if unknown := sorted(set(values) - _NAMES):
        raise _bad(unknown[0], f"is no rule; there are {', '.join(sorted(_NAMES))}")
    for name in _FLAGS:
        if not isinstance(values.get(name, False), bool):
            raise _bad(name, "is true or false")
    if values.get("missing_subprotocol") not in (None, "1.6", "2.0.1"):
        raise _bad("missing_subprotocol", "is 1.6, 2.0.1 or null")
    if values.get("connector_zero", "station") not in ("station", "connector"):
        raise _bad("connector_zero", "is station or connector")
    _check_number(values, "settle_s", range(MAX_SETTLE_S + 1))
    _check_number(values, "max_frame_bytes", FRAME_BYTES, nullable=True)
    _check_number(values, "max_sent_bytes", FRAME_BYTES, nullable=True)
    _check_number(values, "max_message_id_chars", MESSAGE_ID_CHARS)
    _check_number(values, "id_tag_chars", ID_TAG_CHARS, nullable=True)
    _check_zone(values.get("naive_time_zone", "UTC"))
    _check_aliases(values.get("enum_aliases"))
    return replace(STANDARD, **values)


def _check_number(
    values: Mapping[str, Any], name: str, allowed: range, *, nullable: bool = False
) -> None:
    value = values.get(name, None if nullable else allowed[0])
    if value is None and nullable:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
        raise _bad(name, f"is a whole number from {allowed[0]} to {allowed[-1]}")


def _check_zone(name: Any) -> None:
    if not isinstance(name, str) or not _is_zone(name):
        raise _bad("naive_time_zone", "is an IANA time zone such as Europe/Berlin")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name[:MAX_ZONE_CHARS])
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def _check_aliases(aliases: Any) -> None:
    if aliases is None:
        return
    shape = "is an object such as {'StatusNotification/status': {'Occupied': 'Charging'}}"
    if not isinstance(aliases, Mapping):
        raise _bad("enum_aliases", shape)
    pairs = 0
    for path, values in aliases.items():
        if not isinstance(values, Mapping) or path.count("/") < 1:
            raise _bad("enum_aliases", shape)
        pairs += len(values)
        texts = [path, *values, *values.values()]
        if not all(isinstance(text, str) and 0 < len(text) <= 100 for text in texts):  # noqa: PLR2004
            raise _bad("enum_aliases", shape)
    if pairs > MAX_ALIASES:
        raise _bad("enum_aliases", f"has {MAX_ALIASES} values at most")


def _bad(name: str, rule: str) -> PlatformError:
    return PlatformError(
        "invalid_parameter",
        f"rules.{name} {rule}.",
        errors=[{"pointer": f"/rules/{name}", "detail": rule}],
    )


@cache
def builtin() -> tuple[Profile, ...]:
    """Return the profiles that are shipped, from ``builtin_profiles.json``."""
    text = files("core.chargers").joinpath("builtin_profiles.json").read_text(encoding="utf-8")
    return tuple(
        Profile(id=f"builtin:{row['name']}", **{**row, "rules": dict(row["rules"])})
        for row in json.loads(text)
    )


def of_row(row: ProfileRow) -> Profile:
    """Return a stored profile."""
    names = [field.name for field in fields(Profile)]
    return Profile(**{name: getattr(row, name) for name in names})


def choose(charger: Charger, profiles: Sequence[Profile]) -> Profile | None:
    """Return the profile that says most of *charger*; of two alike the later one."""
    fitting = [(_weight(one), number, one) for number, one in enumerate(profiles)]
    fitting = [(weight, number, one) for weight, number, one in fitting if _fits(one, charger)]
    return max(fitting, key=lambda found: found[:2])[2] if fitting else None


def rules_for(charger: Charger, profiles: Sequence[Profile]) -> Rules:
    """Return the rules of the profile that fits *charger* best; a broken one counts as none."""
    chosen = choose(charger, profiles)
    if chosen is None:
        return STANDARD
    try:
        return rules_of(chosen.rules)
    except PlatformError:  # written by a newer version, whose rules are not known here
        return STANDARD


def _fits(profile: Profile, charger: Charger) -> bool:
    if profile.charger_id is not None:
        return profile.charger_id == charger.id
    patterns = (profile.vendor, profile.model, profile.firmware)
    if patterns == (None, None, None):
        return False
    told = (charger.vendor, charger.model, charger.firmware_version)
    return all(
        pattern is None or fnmatchcase((text or "").lower(), pattern.lower())
        for pattern, text in zip(patterns, told, strict=True)
    )


def _weight(profile: Profile) -> tuple[bool, int]:
    literal = "".join(
        text for text in (profile.vendor, profile.model, profile.firmware) if text is not None
    )
    return profile.charger_id is not None, len(literal.replace("*", "").replace("?", ""))


# Use cases of operators.


async def create(
    tx: Tx,
    actor: Actor,
    *,
    name: str,
    rules: Mapping[str, Any],
    vendor: str | None = None,
    model: str | None = None,
    firmware: str | None = None,
    note: str | None = None,
) -> Profile:
    """Create a profile for all chargers that fit its patterns.

    Raises:
        PlatformError: ``invalid_parameter``; ``conflict``: there are too many.
    """
    if vendor is None and model is None and firmware is None:
        raise invalid("vendor", "or model or firmware is required; * fits every charger")
    if len(await compliance_store.shared_profiles(tx)) >= MAX_PROFILES:
        raise PlatformError("conflict", f"There are {MAX_PROFILES} profiles; delete some first.")
    values = {"name": name, "vendor": vendor, "model": model, "firmware": firmware, "note": note}
    return await _add(tx, actor, rules, {**values, "charger_id": None})


async def put_own(
    tx: Tx, actor: Actor, charger_id: str, rules: Mapping[str, Any], *, note: str | None = None
) -> Profile:
    """Set the rules of one charger, whatever its kind.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    charger = await store.charger(tx, charger_id)
    if charger is None:
        raise not_found("charger")
    before = await compliance_store.own_profile(tx, charger_id)
    if before is not None:
        return await change(tx, actor, before.id, {"rules": rules, "note": note})
    values = {"name": charger.identity, "charger_id": charger_id, "note": note}
    return await _add(tx, actor, rules, values)


async def delete_own(tx: Tx, actor: Actor, charger_id: str) -> None:
    """Let a charger have the rules of its kind again.

    Raises:
        PlatformError: ``not_found``: it has none of its own.
    """
    row = await compliance_store.own_profile(tx, charger_id)
    if row is None:
        raise not_found("profile")
    await delete(tx, actor, row.id)


async def change(tx: Tx, actor: Actor, profile_id: str, changes: Mapping[str, Any]) -> Profile:
    """Change any of name, vendor, model, firmware, rules, note.

    Connected chargers follow within seconds; how the handshake and pings are treated, with their
    next connection.

    Raises:
        PlatformError: ``not_found``, ``invalid_parameter``.
    """
    before = await _row(tx, profile_id)
    if unknown := set(changes) - _CHANGEABLE:
        raise ValueError(f"a profile has no changeable {sorted(unknown)}")
    values = dict(changes)
    if "rules" in values:
        rules_of(values["rules"])
        values["rules"] = dict(values["rules"])
    texts = {name: value for name, value in values.items() if name != "rules"}
    check_columns(charger_profiles, texts)
    after = await compliance_store.change_profile(tx, profile_id, **values)
    if after is None:
        raise not_found("profile")
    if after.charger_id is None and after.vendor is after.model is after.firmware is None:
        raise invalid("vendor", "or model or firmware is required; * fits every charger")
    profile = of_row(after)
    await audit.record(
        tx,
        actor,
        "charger_profile.changed",
        profile_id,
        before=asdict(of_row(before)),
        after=asdict(profile),
    )
    return profile


async def delete(tx: Tx, actor: Actor, profile_id: str) -> None:
    """Delete a profile.

    Raises:
        PlatformError: ``not_found``.
    """
    before = await _row(tx, profile_id)
    await compliance_store.delete_profile(tx, profile_id)
    await audit.record(
        tx, actor, "charger_profile.deleted", profile_id, before=asdict(of_row(before))
    )


async def get(tx: Tx, profile_id: str) -> Profile:
    """Return a profile, stored or shipped.

    Raises:
        PlatformError: ``not_found``.
    """
    for profile in builtin():
        if profile.id == profile_id:
            return profile
    return of_row(await _row(tx, profile_id))


async def shared(tx: Tx) -> Sequence[Profile]:
    """Return the profiles of kinds of chargers: those shipped, then those of operators."""
    return [*builtin(), *map(of_row, await compliance_store.shared_profiles(tx))]


async def of_charger(tx: Tx, charger: Charger) -> tuple[Profile | None, Rules]:
    """Return the profile that a charger has now and the rules that come of it."""
    own = await compliance_store.own_profile(tx, charger.id)
    candidates = [*await shared(tx), *([] if own is None else [of_row(own)])]
    return choose(charger, candidates), rules_for(charger, candidates)


async def version(tx: Tx) -> int:
    """Return a number that grows whenever a profile changes."""
    return await compliance_store.profiles_version(tx)


async def everything(tx: Tx) -> Sequence[Profile]:
    """Return every profile, those of single chargers too."""
    return [*builtin(), *map(of_row, await compliance_store.profiles(tx))]


async def _add(
    tx: Tx, actor: Actor, rules: Mapping[str, Any], values: Mapping[str, Any]
) -> Profile:
    rules_of(rules)
    check_columns(charger_profiles, values)
    row = await compliance_store.add_profile(tx, id=new_id("cpf"), rules=dict(rules), **values)
    if row is None:
        raise PlatformError("conflict", "The charger has a profile of its own already.")
    profile = of_row(row)
    await audit.record(tx, actor, "charger_profile.created", profile.id, after=asdict(profile))
    return profile


async def _row(tx: Tx, profile_id: str) -> ProfileRow:
    row = await compliance_store.profile(tx, profile_id)
    if row is None:
        raise not_found("profile")
    return row
