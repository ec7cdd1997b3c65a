"""Frames that are nearly right: valid payloads changed in their members, texts in their shape."""

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from csms.actions import ACTIONS, FROM_CHARGER, TO_CHARGER
from csms.codes import Version
from tests.fuzz.payloads import ODD_INTEGERS, ODD_NUMBERS, ODD_TEXTS, Payload, valid

Text = str | bytes
Node = dict[str, Any] | list[Any]

TRANSACTIONS: Final = frozenset(
    {"StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent"}
)
RAW_NUMBERS: Final = ("1e400", "-0", "-1e400", "9" * 200, "9" * 5000, "0." + "1" * 300, "1E+2")
_RAW: Final = "\ue000{}\ue000"
"""How a number that Python cannot hold stands in a payload until it is written."""
_RAW_FOUND: Final = re.compile(r'"\\ue000([^"]*?)\\ue000"')
_MEMBER: Final = re.compile(r'[{,]"(\w+)":')
_OTHER_TYPES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    1.5,
    "",
    "x",
    [],
    {},
    [[]],
    {"a": 1},
    ["x"],
)
_MAX_PLACES: Final = 300
_DEEP: Final = (10, 28, 33, 60, 3000)


@dataclass(frozen=True, slots=True)
class Mix:
    """How often what is made of a frame, as weights."""

    valid: int = 10
    payload: int = 55
    text: int = 25
    answer: int = 10


def frames(rng: random.Random, version: Version, mix: Mix | None = None) -> Iterator[Text]:
    """Yield frames for ever; the same ones for the same state of *rng*."""
    mix = mix or Mix()
    actions = _weighted(version)
    kinds = ("valid", "payload", "text", "answer")
    weights = (mix.valid, mix.payload, mix.text, mix.answer)
    for number in iter(int, 1):
        del number
        kind = rng.choices(kinds, weights)[0]
        message_id = f"{rng.randrange(1 << 40):x}"
        action = rng.choice(actions)
        if kind == "answer":
            yield _answer(rng, version, message_id)
            continue
        odd = rng.choice((0.0, 0.02, 0.2))
        payload = valid(rng, version, action, odd=odd)
        if kind == "payload":
            for _ in range(rng.choice((1, 1, 1, 2, 4))):
                payload = mutated(rng, payload)
        text = written([2, message_id, action, payload])
        yield reshaped(rng, version, text, action) if kind == "text" else text


def written(frame: Any) -> str:
    """Return the text of a frame, with the numbers that only a text can hold."""
    text = json.dumps(frame, separators=(",", ":"))
    return _RAW_FOUND.sub(r"\1", text) if "\\ue000" in text else text


def mutated(rng: random.Random, payload: Payload) -> Payload:
    """Return a copy of *payload* with one thing changed."""
    changed: Payload = copy.deepcopy(payload)
    places = list(islice(_places(changed), _MAX_PLACES))
    if not places or rng.random() < 0.08:
        changed[rng.choice(("unknown", "__proto__", "customData", "", "\x00", "\ud800"))] = _junk(
            rng
        )
        return changed
    parent, key = rng.choice(places)
    rng.choice(_CHANGES)(rng, parent, key)
    return changed


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict):
        for key, child in node.items():
            yield node, key
            yield from _places(child)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield node, index
            yield from _places(child)


def _drop(_: random.Random, parent: Any, key: Any) -> None:
    del parent[key]


def _rename(rng: random.Random, parent: Any, key: Any) -> None:
    if isinstance(parent, list):
        parent.append(parent[key])
        return
    names = (key.upper(), key[:-1], f"{key} ", f"{key}\x00", key.swapcase(), f"\u0430{key[1:]}")
    parent[rng.choice(names)] = parent.pop(key)


def _another_type(rng: random.Random, parent: Any, key: Any) -> None:
    parent[key] = copy.deepcopy(rng.choice(_OTHER_TYPES))


def _null(_: random.Random, parent: Any, key: Any) -> None:
    parent[key] = None


def _wrap(rng: random.Random, parent: Any, key: Any) -> None:
    value = parent[key]
    parent[key] = [value] if rng.random() < 0.5 else {"value": value}


def _deepen(rng: random.Random, parent: Any, key: Any) -> None:
    depth = rng.choice(_DEEP) if rng.random() < 0.3 else 10
    if depth > 100:  # written as text: no parser of ours nests that deep
        parent[key] = _RAW.format("[" * depth + "]" * depth)
        return
    for _ in range(depth):
        parent[key] = [parent[key]]


def _bounds(rng: random.Random, parent: Any, key: Any) -> None:
    value = parent[key]
    match value:
        case bool():
            parent[key] = rng.choice(("true", "True", 1))
        case int() | float():
            parent[key] = rng.choice(
                (*ODD_INTEGERS, *ODD_NUMBERS, str(value), *map(_RAW.format, RAW_NUMBERS))
            )
        case str():
            parent[key] = rng.choice(
                (*ODD_TEXTS, value + "x" * 30, value.lower(), "x" * 1000, value * 50, 7)
            )
        case list():
            parent[key] = rng.choice(([], value * 3, value * 200, [*value, None]))
        case _:
            parent[key] = {}


def _huge(rng: random.Random, parent: Any, key: Any) -> None:
    if rng.random() < 0.02:
        parent[key] = "h" * rng.choice((50_000, 250_000, 270_000))
    else:
        parent[key] = "h" * rng.choice((255, 256, 2_500, 6_000))


def _unicode(rng: random.Random, parent: Any, key: Any) -> None:
    odd = rng.choice(ODD_TEXTS)
    if isinstance(parent[key], str):
        at = rng.randrange(len(parent[key]) + 1)
        parent[key] = parent[key][:at] + odd + parent[key][at:]
    else:
        parent[key] = odd


_CHANGES: Final[tuple[Callable[[random.Random, Any, Any], None], ...]] = (
    _drop,
    _rename,
    _another_type,
    _null,
    _wrap,
    _deepen,
    _bounds,
    _bounds,
    _bounds,
    _huge,
    _unicode,
)


def _junk(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice((*_OTHER_TYPES, *ODD_TEXTS, *ODD_INTEGERS, float("nan"))))


def _weighted(version: Version) -> list[str]:
    """Return the actions of chargers; transactions often, boots (which ask back) seldom."""
    actions = sorted(FROM_CHARGER[version])
    often = [action for action in actions if action in TRANSACTIONS]
    return (
        [action for action in actions if action != "BootNotification"] * 3
        + often * 6
        + ["BootNotification"]
    )


def _answer(rng: random.Random, version: Version, message_id: str) -> str:
    if rng.random() < 0.5:
        action = rng.choice(sorted(TO_CHARGER[version]))
        payload: Any = valid(rng, version, action, odd=0.1, kind="response")
        if payload and rng.random() < 0.5:
            payload = mutated(rng, payload)
        return written([3, message_id, rng.choice((payload, payload, payload, None, [], "x"))])
    code = rng.choice(("GenericError", "NotSupported", "", 5, None, "x" * 400))
    rest: list[Any] = [code, rng.choice(("", "why", None, 3)), rng.choice(({}, [], None))]
    return written([4, message_id, *rest[: rng.randrange(4)]])


def reshaped(rng: random.Random, version: Version, text: str, action: str) -> Text:
    """Return the text of a CALL with its shape broken, or only odd."""
    if rng.random() < 0.1:
        other = json.dumps(_odd_action(rng, version, action))
        return text.replace(json.dumps(action), other, 1)
    return rng.choice(_SHAPES)(rng, text)


def _truncated(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


def _continued(rng: random.Random, text: str) -> str:
    return text + rng.choice(("x", "]", text, "\x00", ",", " ", "\n"))


def _another_kind(rng: random.Random, text: str) -> str:
    kind = rng.choice(("3", "4", "5", "6", "0", "-2", "99", '"2"', "2.0", "null", "[2]"))
    return f"[{kind}{text[2:]}"


def _another_id(rng: random.Random, text: str) -> str:
    _, _, rest = text[3:].partition(",")
    return f"[2,{rng.choice(_IDS)},{rest}"


def _one_character(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text))
    new = rng.choice(("", "\x00", "\n", '"', "\\", "{", "]", "\xff", "\u2028"))
    return text[:at] + new + text[at + 1 :]


def _longer(rng: random.Random, text: str) -> str:
    return f"{text[:-1]},{rng.choice(('{}', 'null', '1'))}]"


def _another_payload(rng: random.Random, text: str) -> str:
    head, _, _ = text.partition("{")
    return head + rng.choice(("null]", "[]]", '"{}"]', "0]", "]", "false]", "NaN]"))


def _binary(rng: random.Random, text: str) -> bytes:
    return rng.choice((text.encode(), b"\xff\xfe", b"", text.encode("utf-16")))


def _spaced(rng: random.Random, text: str) -> str:
    return rng.choice((f"\ufeff{text}", f" \t\r\n{text}\n", text.replace(",", " , ")))


def _no_call(rng: random.Random, _: str) -> str:
    return rng.choice(("", "[]", "{}", "null", "[2]", '[2,"x"]', "42", "[" * 3000, "[[]]"))


def _doubled(rng: random.Random, text: str) -> str:
    """Give a member twice; the last one counts."""
    found = list(_MEMBER.finditer(text))
    if not found:
        return text
    member = rng.choice(found)
    junk = json.dumps(rng.choice((None, 1, "x", [], {})))
    at = member.start() + 1
    return f'{text[:at]}"{member[1]}":{junk},{text[at:]}'


def _odd_action(rng: random.Random, version: Version, action: str) -> Any:
    other: Version = "1.6" if version == "2.0.1" else "2.0.1"
    return rng.choice(
        (
            action.lower(),
            f"{action}\x00",
            "",
            "A" * 65,
            None,
            5,
            [action],
            rng.choice(sorted(ACTIONS[other])),
            rng.choice(sorted(TO_CHARGER[version])),
        )
    )


_IDS: Final = (
    "17",
    "null",
    "true",
    '[""]',
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"a\\"b"',
    '"' + "i" * 36 + '"',
    '"' + "i" * 37 + '"',
    '"' + "i" * 255 + '"',
    '"' + "i" * 256 + '"',
    '"\u00e4\u20ac"',
    '"a\\u0062c"',
    "9" * 200,
    "1e5",
)
_SHAPES: Final[tuple[Callable[[random.Random, str], Text], ...]] = (
    _truncated,
    _continued,
    _another_kind,
    _another_id,
    _one_character,
    _one_character,
    _longer,
    _another_payload,
    _binary,
    _spaced,
    _no_call,
    _doubled,
    _doubled,
)
