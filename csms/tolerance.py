"""What real chargers do other than OCPP says, understood: pure functions over a charger's rules.

Each takes what came and returns what is made of it, and the codes of what was tolerated
(``core.chargers.deviations_catalogue``). Content is adapted before the schema check, so that no
handler has to know of it; the message is kept as it came.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from core.chargers.charger_profiles import Rules
from csms import schemas
from csms.codes import Version
from csms.protocol import Call, FrameRules, Payload

MAX_ECHOED_CHARS: Final = 200
_UTC: Final = "UTC"
_HEX: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")
_UNRESERVED_ENCODED: Final = re.compile(
    r"%(?:2[dDeE]|3\d|4[1-9a-fA-F]|5[0-9aA]|5[fF]|6[1-9a-fA-F]|7[0-9aAeE])"
)
# It begins with plain characters, which makes the search fast; other centuries mean no instant.
_INSTANT: Final = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,32})?"
_NAIVE: Final = re.compile(rf'"{_INSTANT}"', re.ASCII)
_NAIVE_VALUE: Final = re.compile(_INSTANT, re.ASCII)
_NO_TRANSACTION: Final = (0, -1)
_WH_PER_KWH: Final = 1000
_ENERGY: Final = "Energy."
_REGISTER: Final = "Energy.Active.Import.Register"
_CONNECTOR_MESSAGES: Final = frozenset({"MeterValues", "StartTransaction", "StatusNotification"})
_FREE_TEXT: Final = frozenset({"data"})
"""Members whose text is a vendor's own."""


@dataclass(frozen=True, slots=True)
class Adapted:
    """A payload as it is understood, and what was tolerated."""

    payload: Payload
    codes: tuple[str, ...] = ()


# The handshake.


def identity_of(name: str) -> tuple[str, tuple[str, ...]]:
    """Return (identity, codes) of the last part of a URL's path, as it came."""
    identity = unquote(name, errors="replace")
    return identity, ("identity_percent_encoded",) if _UNRESERVED_ENCODED.search(name) else ()


def same_user(user: str, *, identity: str, name: str) -> tuple[bool, tuple[str, ...]]:
    """Tell whether a Basic user name is the identity, and what was tolerated.

    The case makes no difference; chargers that percent-encode their identity (*name*: as it stands
    in the URL) do so in the user name, too.
    """
    if user.lower() == identity.lower():
        return True, ()
    same = name != identity and user.lower() == name.lower()
    return same, ("basic_user_encoded",) if same else ()


def key_form(password: bytes | None) -> tuple[str, ...]:
    """Return the code for the form in which an accepted password was sent.

    The digits of a random key are how it is shown and entered. Digits that spell a text are a
    password that was encoded once more.
    """
    if password is None:
        return ()
    if _HEX.fullmatch(password):
        text = bytes.fromhex(password.decode("ascii"))
        return ("basic_key_hex",) if _is_text(text) else ()
    return () if _is_text(password) else ("basic_key_raw_bytes",)


def _is_text(octets: bytes) -> bool:
    try:
        return octets.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def handshake_codes(
    *, name: str, registered: str, user: str | None, password: bytes | None, offered: str
) -> tuple[str, ...]:
    """Return what was tolerated of a handshake that succeeded.

    Args:
        name: The identity as it stands in the URL.
        registered: The identity as it was registered.
        offered: The header of subprotocols.
    """
    identity, codes = identity_of(name)
    if identity != registered:
        codes += ("identity_case",)
    if user is not None:
        codes += same_user(user, identity=identity, name=name)[1] + key_form(password)
    return codes if offered.strip() else (*codes, "subprotocol_missing")


def subprotocol_of(rules: Rules, offered: str) -> str | None:
    """Return the subprotocol of a handshake that offers none, if its rules know it."""
    if offered.strip() or rules.missing_subprotocol is None:
        return None
    return f"ocpp{rules.missing_subprotocol}"


# Frames.


def frame_rules(standard: FrameRules, rules: Rules, *, max_frame_bytes: int) -> FrameRules:
    """Return what a frame of a charger with *rules* may be."""
    return replace(
        standard,
        max_frame_chars=rules.max_frame_bytes or max_frame_bytes,
        max_id_chars=rules.max_message_id_chars,
        null_payload=standard.null_payload or rules.null_payload,
    )


def frame_codes(call: Call, *, standard_id_chars: int) -> tuple[str, ...]:
    """Return what was tolerated of the frame of *call*."""
    if len(call.id) > standard_id_chars:
        return (*call.deviations, "message_id_long")
    return call.deviations


# Content.


def adapt(version: Version, call: Call, text: str, rules: Rules) -> Adapted:
    """Return the payload of *call* as it is meant; it is not checked yet, and may be anything.

    Args:
        text: The frame as it came.
    """
    payload, action = call.payload, call.action
    found: list[str] = []
    if _has_naive(text):
        found.append("timestamp_without_zone")
        if rules.naive_time_zone != _UTC:
            payload = _zoned(payload, ZoneInfo(rules.naive_time_zone))
    if rules.enum_aliases:
        payload = _translated(action, payload, rules.enum_aliases, found)
    if version == "1.6":
        payload = _with_connector(action, payload, rules, found)
        found += _transaction_codes(action, payload)
    if rules.energy_in_kwh:
        payload = _in_wh(payload, found)
    if rules.ignore_unknown_members:
        known = schemas.known_members(version, action, payload)
        if known != payload:
            found.append("unknown_member")
            payload = known
    return Adapted(payload, tuple(dict.fromkeys(found)))


def _has_naive(text: str) -> bool:
    """Tell whether a member of a frame is a timestamp without zone; a quoted text may hold any."""
    return any(
        text[found.start() - 1] != "\\" for found in _NAIVE.finditer(text) if found.start() > 0
    )


def _zoned(node: Any, zone: ZoneInfo) -> Any:
    match node:
        case str() if _NAIVE_VALUE.fullmatch(node):
            return _with_offset(node, zone)
        case list():
            return [_zoned(item, zone) for item in node]
        case dict():
            return {
                name: item if name in _FREE_TEXT else _zoned(item, zone)
                for name, item in node.items()
            }
        case _:
            return node


def _with_offset(text: str, zone: ZoneInfo) -> str:
    try:
        moment = datetime.fromisoformat(text[:19]).replace(tzinfo=zone)
    except ValueError:
        return text
    offset = moment.strftime("%z")
    return f"{text}{offset[:3]}:{offset[3:5]}"


def _translated(
    action: str,
    payload: Payload,
    aliases: Mapping[str, Mapping[str, str]],
    found: list[str],
) -> Payload:
    for path, values in aliases.items():
        first, *members = path.split("/")
        if first == action:
            changed = _replaced(payload, members, values)
            if changed != payload:
                found.append("enum_off_list")
                payload = changed
    return payload


def _replaced(node: Any, members: list[str], values: Mapping[str, str]) -> Any:
    match node:
        case list():
            return [_replaced(item, members, values) for item in node]
        case dict() if members and members[0] in node:
            return {**node, members[0]: _replaced(node[members[0]], members[1:], values)}
        case str() if not members:
            return values.get(node, node)
        case _:
            return node


def _with_connector(action: str, payload: Payload, rules: Rules, found: list[str]) -> Payload:
    connector = payload.get("connectorId")
    if action not in _CONNECTOR_MESSAGES or isinstance(connector, bool) or connector != 0:
        return payload
    if rules.connector_zero == "connector":
        found.append("connector_zero_as_connector")
        return {**payload, "connectorId": 1}
    if action == "StartTransaction":
        found.append("start_on_connector_zero")
    return payload


def _transaction_codes(action: str, payload: Payload) -> tuple[str, ...]:
    transaction = payload.get("transactionId")
    if isinstance(transaction, bool) or transaction not in _NO_TRANSACTION:
        return ()
    match action:
        case "MeterValues":
            return ("meter_transaction_zero",)
        case "StopTransaction":
            return ("stop_transaction_zero",)
        case _:
            return ()


def _in_wh(payload: Payload, found: list[str]) -> Payload:
    """Return a message whose kWh are called kWh (samples) or made Wh (meterStart, meterStop)."""
    changed = dict(payload)
    for name in ("meterStart", "meterStop"):
        value = payload.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            changed[name] = value * _WH_PER_KWH
    for name in ("meterValue", "transactionData"):
        values = payload.get(name)
        if isinstance(values, list):
            changed[name] = [_samples_in_kwh(value) for value in values]
    if changed != payload:
        found.append("energy_kwh_as_wh")
    return changed


def _samples_in_kwh(value: Any) -> Any:
    samples = value.get("sampledValue") if isinstance(value, dict) else None
    if not isinstance(samples, list):
        return value
    return {**value, "sampledValue": [_in_kwh(sample) for sample in samples]}


def _in_kwh(sample: Any) -> Any:
    if not isinstance(sample, dict):
        return sample
    measurand = sample.get("measurand", _REGISTER)
    if not isinstance(measurand, str) or not measurand.startswith(_ENERGY):
        return sample
    if isinstance(sample.get("value"), str):  # 1.6
        return {**sample, "unit": "kWh"} if sample.get("unit") in (None, "Wh") else sample
    unit = sample.get("unitOfMeasure") or {}
    if not isinstance(unit, dict) or unit.get("unit") not in (None, "Wh"):
        return sample
    return {**sample, "unitOfMeasure": {**unit, "unit": "kWh"}}
