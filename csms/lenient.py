"""JSON beyond the standard, read with bounds: what chargers send and strict parsers refuse."""

import json
import math
import re
from typing import Any, Literal

LenientDeviation = Literal["byte_order_mark", "not_a_number"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


class NotJson(ValueError):
    """The text is no JSON, not even a lenient kind."""


class NumberTooLong(ValueError):
    """A number has more characters than allowed."""


def parse_leniently(
    text: str, *, max_number_chars: int
) -> tuple[Any, tuple[LenientDeviation, ...]]:
    """Parse JSON that may begin with a byte order mark, hold NaN, Infinity or lone surrogates.

    Raises:
        NotJson: No JSON.
        NumberTooLong: A number of more than *max_number_chars* characters.
        RecursionError: Nested deeper than the interpreter allows.
    """
    deviations: dict[LenientDeviation, None] = {}

    def whole(digits: str) -> int:
        if len(digits) > max_number_chars:
            raise NumberTooLong
        return int(digits)

    def fraction(digits: str) -> float:
        if len(digits) > max_number_chars:
            raise NumberTooLong
        if not math.isfinite(number := float(digits)):
            deviations["not_a_number"] = None
        return number

    if text.startswith("\ufeff"):
        deviations["byte_order_mark"] = None
        text = text.removeprefix("\ufeff")
    try:
        value = json.loads(text, parse_int=whole, parse_float=fraction, parse_constant=fraction)
    except json.JSONDecodeError as exc:
        raise NotJson from exc
    return value, tuple(deviations)


def depth_exceeds(value: object, max_depth: int) -> bool:
    """Whether lists and objects are nested in *value* more than *max_depth* deep."""
    level = [value]
    for _ in range(max_depth):
        level = [
            child for node in level for child in _children(node) if isinstance(child, (list, dict))
        ]
        if not level:
            return False
    return True


def storable_text(value: Any) -> tuple[Any, bool]:
    """Return *value* with each NUL and lone surrogate as U+FFFD, and whether there were any.

    PostgreSQL can store neither, UTF-8 cannot hold the latter.
    """
    changed = False

    def clean(node: Any) -> Any:
        nonlocal changed
        if isinstance(node, str):
            cleaned, count = _UNSTORABLE.subn(_REPLACEMENT, node)
            changed = changed or count > 0
            return cleaned
        if isinstance(node, list):
            return [clean(item) for item in node]
        if isinstance(node, dict):
            return {clean(name): clean(item) for name, item in node.items()}
        return node

    return clean(value), changed


def _children(node: object) -> list[object]:
    match node:
        case list():
            return node
        case dict():
            return list(node.values())
        case _:
            return []
