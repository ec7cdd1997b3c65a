"""Public ids: a prefix that says what it is, then 26 characters that sort by time."""

import os
import re
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32, lower case: no i, l, o, u."""

_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]
_BODY_SHIFTS: Final = range(120, -1, -10)
_TOKEN_SHIFTS: Final = range(70, -1, -10)
_TOKEN: Final = re.compile(f"[{_ALPHABET}]{{16}}", re.IGNORECASE)


def new_id(prefix: str) -> str:
    """Return ``<prefix>_`` and a ULID: 48 bits of Unix milliseconds, 80 random bits."""
    return f"{prefix}_{new_body()}"


def new_body() -> str:
    """Return the 26 characters of a new ULID, without a prefix."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10))
    return "".join([_PAIRS[value >> shift & 1023] for shift in _BODY_SHIFTS])


def single_use_token() -> str:
    """Return 16 random characters for one remote start.

    OCPP 1.6 allows 20 characters, but some chargers cut an idTag at 16. Upper case, because 1.6
    compares idTags without regard to case.
    """
    value = int.from_bytes(os.urandom(10))
    return "".join([_PAIRS[value >> shift & 1023] for shift in _TOKEN_SHIFTS]).upper()


def may_be_single_use(token: str) -> bool:
    """Tell whether a token looks like one of ``single_use_token``, in whatever case."""
    return _TOKEN.fullmatch(token) is not None
