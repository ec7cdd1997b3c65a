"""Use cases of configuration keys (1.6) and variables (2.x), as chargers reported them."""

from collections.abc import Sequence
from typing import Final

import structlog

from core.chargers import record_store
from core.chargers.facts import VariableReported
from core.chargers.record_models import Variable
from core.chargers.text import storable, storable_or_none
from core.kernel.db import Tx

MAX_VARIABLES: Final = 10_000
"""Of one charger; further ones are dropped."""
MAX_VALUE_CHARS: Final = 2500

_log = structlog.get_logger()


async def store_variables(tx: Tx, charger_id: str, reported: Sequence[VariableReported]) -> None:
    """Store what a charger reported; a variable reported before gets its new value."""
    rows = {}
    for fact in reported:
        key = (
            storable(fact.component, max_chars=200),
            storable(fact.variable, max_chars=200),
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
        }
    known = {(v.component, v.variable, v.attribute) for v in await variables(tx, charger_id)}
    room = MAX_VARIABLES - len(known)
    new = [key for key in rows if key not in known]
    for key in new[max(room, 0) :]:
        del rows[key]
    if len(new) > room:
        _log.warning("variables_dropped", dropped=len(new) - max(room, 0))
    if rows:
        await record_store.put_variables(tx, list(rows.values()))


async def variables(tx: Tx, charger_id: str) -> Sequence[Variable]:
    """Return all that a charger reported, by component and name."""
    return await record_store.variables_of(tx, charger_id)
