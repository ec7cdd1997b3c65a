"""From a schema-checked payload to the frozen value a handler works with."""

import math
from typing import Any, TypeVar

import msgspec

Message = TypeVar("Message")


def convert(payload: dict[str, Any], message: type[Message]) -> Message:
    """Return *payload* as *message*; every payload that passed its schema converts.

    Members the message does not name are left out. Draft 6, the schema language of 2.0.1, takes
    ``1.0`` for a whole number, so such a number becomes one.

    Raises:
        msgspec.ValidationError: The payload was not checked against its schema.
    """
    try:
        return msgspec.convert(payload, message)
    except msgspec.ValidationError:
        return msgspec.convert(_whole(payload), message)


def _whole(node: Any) -> Any:
    match node:
        case float() if math.isfinite(node) and node.is_integer():
            return int(node)
        case list():
            return [_whole(item) for item in node]
        case dict():
            return {name: _whole(item) for name, item in node.items()}
        case _:
            return node
