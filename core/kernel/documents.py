"""JSON documents on their way into the database and back."""

import json
from typing import Any

import msgspec


def encode(value: Any) -> str:
    """Return *value* as JSON.

    Raises:
        TypeError: It is no JSON document.
    """
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell and UTF-8 cannot
        return json.dumps(value)


def decode(text: str) -> Any:
    """Return what a document of the database says."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):  # stored as it came: 1e400, a lone surrogate
        return json.loads(text)
