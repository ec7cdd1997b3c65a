"""Use cases of configuration keys (1.6) and variables (2.x), as chargers reported them."""

import math
from collections.abc import Sequence
from typing import Any, Final

import structlog

from core.chargers import record_store
from core.chargers.facts import Characteristics, VariableReported
from core.chargers.record_models import Variable
from core.chargers.text import storable, storable_or_none
from core.kernel.db import Tx

MAX_VARIABLES: Final = 60_000
"""Of one charger; further ones are dropped."""
MAX_VALUE_CHARS: Final = 2500
MAX_NAME_CHARS: Final = 200

_log = structlog.get_logger()


async def store_variables(tx: Tx, charger_id: str, reported: Sequence[VariableReported]) -> None:
    """Store what a charger reported; a variable reported before gets its new value.

    What it costs depends on the length of *reported*, not on all that the charger ever told.
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for fact in reported:
        key = (
            storable(fact.component, max_chars=MAX_NAME_CHARS),
            storable(fact.variable, max_chars=MAX_NAME_CHARS),
            storable(fact.attribute, max_chars=10),
        )
        rows[key] = {
            "charger_id": charger_id,
            "component": key[0],
            "variable": key[1],
            "attribute": key[2],
            "value": storable_or_none(fact.value, max_chars=MAX_VALUE_CHARS),
            "readonly": fact.readonly,
            "reported_at": tx.now,
            **_columns(fact.characteristics),
        }
    if not rows:
        return
    room = MAX_VARIABLES - await record_store.count_variables(tx, charger_id)
    if len(rows) > room:
        known = await record_store.variable_keys(tx, charger_id, {key[0] for key in rows})
        surplus = [key for key in rows if key not in known][max(room, 0) :]
        for key in surplus:
            del rows[key]
        if surplus:
            _log.warning("variables_dropped", dropped=len(surplus))
    if rows:
        await record_store.put_variables(tx, list(rows.values()))


def _columns(found: Characteristics | None) -> dict[str, Any]:
    if found is None:
        return dict.fromkeys(_CHARACTERISTICS)
    return {
        "data_type": storable(found.data_type, max_chars=20),
        "unit": storable_or_none(found.unit, max_chars=16),
        "min_limit": _finite(found.min_limit),
        "max_limit": _finite(found.max_limit),
        "values_list": storable_or_none(found.values_list, max_chars=1000),
        "supports_monitoring": found.supports_monitoring,
    }


_CHARACTERISTICS: Final = (
    "data_type",
    "unit",
    "min_limit",
    "max_limit",
    "values_list",
    "supports_monitoring",
)


def _finite(limit: float | None) -> float | None:
    """Return a limit that a database can hold: a charger may well send 2^5000 or NaN."""
    try:
        value = None if limit is None else float(limit)
    except OverflowError:
        return None
    return value if value is not None and math.isfinite(value) else None


async def variables(tx: Tx, charger_id: str) -> Sequence[Variable]:
    """Return all that a charger reported, by component and name."""
    return await record_store.variables_of(tx, charger_id)


async def variables_page(
    tx: Tx,
    charger_id: str,
    *,
    with_component: bool,
    containing: str | None = None,
    after_number: int | None = None,
    limit: int,
) -> Sequence[Variable]:
    """Return variables (2.x; else configuration keys) in the order of their first report.

    Args:
        containing: A part of the name or the component, in whatever case.
        after_number: Of the last row of the page before.
    """
    return await record_store.variables_page(
        tx,
        charger_id,
        with_component=with_component,
        containing=containing,
        after_number=after_number,
        limit=limit,
    )
