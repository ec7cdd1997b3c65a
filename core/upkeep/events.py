"""Events of chargers' components (OCPP 2.0.1 N07, N08): kept once, severe ones shouted about."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from core.chargers.text import storable, storable_or_none
from core.kernel import metrics
from core.kernel.db import Tx
from core.upkeep import event_store, report_store
from core.upkeep.event_models import ChargerEvent
from core.upkeep.facts import EventReported

log = structlog.get_logger()

SEVERE: Final = 3
"""Danger (0), hardware failure (1), system failure (2), critical (3): somebody has to look."""
MAX_VALUE_CHARS: Final = 2500


async def reported(tx: Tx, charger_id: str, facts: Sequence[EventReported]) -> int:
    """Store events, each once however often it is sent; return how many are new.

    A charger names the monitor behind an event; the severity is that monitor's, where it is known.
    """
    ids = sorted({fact.monitor for fact in facts if fact.monitor is not None})
    severities = await report_store.severities(tx, charger_id, ids) if ids else {}
    rows: dict[str, dict[str, Any]] = {}
    for fact in facts:
        severity = None if fact.monitor is None else severities.get(fact.monitor)
        row = _row(tx, charger_id, fact, severity)
        rows.setdefault(row["key"], row)
    new = await event_store.add_new(tx, list(rows.values()))
    for key, row in rows.items():
        if key in new:
            _shout(row)
    return len(new)


def _shout(row: dict[str, Any]) -> None:
    """Count a new event; log one that somebody has to look at."""
    severity = row["severity"]
    metrics.CHARGER_EVENTS.labels("unknown" if severity is None else str(severity)).inc()
    if severity is not None and severity <= SEVERE and not row["cleared"]:
        log.warning(
            "charger_event_severe",
            charger_event=row["event"],
            severity=severity,
            component=row["component"],
            variable=row["variable"],
        )


async def list_events(
    tx: Tx,
    *,
    charger_id: str | None = None,
    max_severity: int | None = None,
    component: str | None = None,
    before_number: int | None = None,
    limit: int = 50,
) -> Sequence[ChargerEvent]:
    """Return the newest first; *max_severity* 3 means 0 to 3, which are the severe ones."""
    return await event_store.newest(
        tx,
        charger_id=charger_id,
        max_severity=max_severity,
        component=component,
        before_number=before_number,
        limit=limit,
    )


async def delete_older(tx: Tx, before: datetime) -> int:
    """Delete what was received before an instant, a bounded number; return how many."""
    return await event_store.delete_older(tx, before)


def _row(tx: Tx, charger_id: str, fact: EventReported, severity: int | None) -> dict[str, Any]:
    component = storable(fact.component, max_chars=200)
    variable = storable(fact.variable, max_chars=200)
    value = storable(fact.value, max_chars=MAX_VALUE_CHARS)
    identity = (fact.event, fact.at_text, component, variable, value, fact.cleared)
    return {
        "charger_id": charger_id,
        "key": hashlib.sha256(repr(identity).encode("utf-8", "replace")).hexdigest(),
        "event": fact.event,
        "at": fact.at,
        "received_at": tx.now,
        "trigger": fact.trigger,
        "cause": fact.cause,
        "value": value,
        "tech_code": storable_or_none(fact.tech_code, max_chars=50),
        "tech_info": storable_or_none(fact.tech_info, max_chars=500),
        "cleared": fact.cleared,
        "transaction_ref": storable_or_none(fact.transaction_ref, max_chars=36),
        "component": component,
        "variable": variable,
        "monitor": fact.monitor,
        "notification_type": fact.notification_type,
        "severity": severity,
    }
