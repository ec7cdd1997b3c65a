"""Public ids: a prefix that says what it is, then 26 characters that sort by time."""

import os
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32, lower case: no i, l, o, u."""

_BODY_LENGTH: Final = 26


def new_id(prefix: str) -> str:
    """Return ``<prefix>_`` and a ULID: 48 bits of Unix milliseconds, 80 random bits."""
    return f"{prefix}_{new_body()}"


def new_body() -> str:
    """Return the 26 characters of a new ULID, without a prefix."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    characters = []
    for _ in range(_BODY_LENGTH):
        characters.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(characters))


def single_use_token() -> str:
    """Return 16 random characters for one remote start.

    OCPP 1.6 allows 20 characters, but some chargers cut an idTag at 16. Upper case, because 1.6
    compares idTags without regard to case.
    """
    value = int.from_bytes(os.urandom(10))
    characters = []
    for _ in range(16):
        characters.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(characters).upper()
