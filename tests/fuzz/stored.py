"""Is everything in a database such that each of the databases could hold it?"""

import json
import math
import re
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer, Numeric, SmallInteger, String, select

from core.kernel.db import Database, metadata

_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_BITS = {SmallInteger: 16, BigInteger: 64, Integer: 32}


async def unstorable(db: Database) -> list[str]:
    """Return what PostgreSQL would refuse though SQLite took it: a few words for each value."""
    found = []
    async with db.transaction() as tx:
        for table in metadata.sorted_tables:
            columns = [column for column in table.columns if _may_be_wrong(column)]
            if not columns:
                continue
            for row in await tx.all(select(*columns)):
                for column, value in zip(columns, row, strict=True):
                    if (why := _objection(column, value)) is not None:
                        found.append(f"{table.name}.{column.name}: {why}: {value!r:.200}")
    return found


def _may_be_wrong(column: Column[Any]) -> bool:
    return isinstance(column.type, (String, Integer, Numeric, JSON))


def _objection(column: Column[Any], value: Any) -> str | None:  # noqa: PLR0911 - one a type
    kind = column.type
    match value:
        case None | bool():
            return None
        case str() if isinstance(kind, String):
            if kind.length is not None and len(value) > kind.length:
                return f"longer than {kind.length}"
            return "NUL or surrogate" if _NOT_STORABLE.search(value) else None
        case int() if isinstance(kind, Integer):
            bits = next(size for known, size in _BITS.items() if isinstance(kind, known))
            return None if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else f"above {bits} bits"
        case _ if isinstance(kind, JSON):
            return _json_objection(value)
        case _ if isinstance(kind, Numeric) and kind.precision is not None:
            limit = 10 ** (kind.precision - (kind.scale or 0))
            return None if abs(value) < limit else f"above {limit}"
        case _:
            return None


def _json_objection(value: Any) -> str | None:
    match value:
        case float() if not math.isfinite(value):
            return "NaN in JSON"
        case str():
            return "NUL or surrogate in JSON" if _NOT_STORABLE.search(value) else None
        case list():
            return next((why for one in value if (why := _json_objection(one))), None)
        case dict():
            return _json_objection([*value, *value.values()])
        case _:
            json.dumps(value)
            return None
