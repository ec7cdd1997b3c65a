"""Identities of chargers in OCPP: the last part of the URL they connect to."""

from typing import Final

MAX_CHARS: Final = 48
"""OCPP 2.0.1 part 4, 3.1.1; 1.6 sets no limit."""
_FORBIDDEN: Final = frozenset(":/")
"""They would end the user name of Basic authentication, or the part of the URL."""


def is_identity(text: str) -> bool:
    """Tell whether a charger may have *text* as its identity."""
    return (
        1 <= len(text) <= MAX_CHARS
        and text.isascii()
        and text.isprintable()
        and text == text.strip()
        and not _FORBIDDEN & set(text)
    )
