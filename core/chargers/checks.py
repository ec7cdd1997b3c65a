"""Values that people set, checked against the columns that are to hold them."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Integer, String, Table

from core.chargers.text import storable
from core.kernel.errors import PlatformError

MAX_INTEGER: Final = 2**31 - 1


def invalid(name: str, rule: str) -> PlatformError:
    """Return the error for the member *name*, which breaks *rule* (``is ...``, ``has ...``)."""
    return PlatformError(
        "invalid_parameter", f"{name} {rule}.", errors=[{"pointer": f"/{name}", "detail": rule}]
    )


def check_columns(table: Table, values: Mapping[str, Any]) -> None:
    """Refuse texts that are too long or cannot be stored, and numbers that are negative or huge.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    for name, value in values.items():
        kind = table.c[name].type
        if isinstance(value, str) and isinstance(kind, String) and kind.length is not None:
            if value != storable(value, max_chars=kind.length):
                raise invalid(name, f"has at most {kind.length} characters, none of them NUL")
        elif isinstance(value, int) and isinstance(kind, Integer):
            if not 0 <= value <= MAX_INTEGER:
                raise invalid(name, f"is a number from 0 to {MAX_INTEGER}")
        elif value is None and not table.c[name].nullable:
            raise invalid(name, "is required")
