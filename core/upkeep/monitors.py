"""Monitors of variables (OCPP 2.0.1 N02 to N06): wished for, set, reported, cleared."""

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from core.audit.service import Actor
from core.chargers.checks import MAX_INTEGER, invalid
from core.chargers.models import Charger
from core.chargers.text import storable
from core.commands.commands import Answer, Command, Verdict
from core.commands.monitoring import ClearMonitors, Place, SetMonitor
from core.desired import service as desired_service
from core.desired import store as desired_store
from core.desired.kinds import KINDS, Kind, Outcome
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.upkeep import report_store as store
from core.upkeep import reports
from core.upkeep.facts import MonitorReported, Part
from core.upkeep.report_models import Monitor, Report
from core.upkeep.states import ReportKind

KIND: Final = "monitor"
TYPES: Final = ("UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned")
CRITERIA: Final = ("ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring")
BASES: Final = ("All", "FactoryDefault", "HardWiredOnly")
SEVERITIES: Final = range(10)
"""0 danger, 1 hardware failure, 2 system failure, 3 critical, ... 9 debug."""

MAX_MONITORS: Final = 5_000
"""Kept of one charger; further ones are counted and dropped."""
MAX_WISHES: Final = 500
MAX_NAME_CHARS: Final = 50
MAX_PLACES: Final = 100


class _Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a wish of this kind is made of, whoever wrote it."""

    place: Place
    type: str
    value: float
    severity: int
    transaction: bool = False


def place_name(place: Place) -> tuple[str, str]:
    """Return (component, variable) as reports name them: ``Name[instance]@evse.connector``."""
    component = _named(place.component, place.component_instance)
    if place.evse is not None:
        component += f"@{place.evse}" + ("" if place.connector is None else f".{place.connector}")
    return component, _named(place.variable or "", place.variable_instance)


def key_of(place: Place, type_: str) -> str:
    """Return the key of the wish for a monitor: one of each type watches a variable."""
    component, variable = place_name(place)
    return f"{component}/{variable}/{type_}"


def check_place(place: Place, *, with_variable: bool) -> None:
    """Refuse names that no request can carry.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    names = {
        "component": place.component,
        "component_instance": place.component_instance,
        "variable": place.variable,
        "variable_instance": place.variable_instance,
    }
    for name, value in names.items():
        if value is not None and value != storable(value, max_chars=MAX_NAME_CHARS):
            raise invalid(name, f"has at most {MAX_NAME_CHARS} characters, none of them NUL")
        if value == "":
            raise invalid(name, "is not empty; leave it out")
    if with_variable and place.variable is None:
        raise invalid("variable", "is required")
    if place.variable_instance is not None and place.variable is None:
        raise invalid("variable", "is required with variable_instance")
    if place.connector is not None and place.evse is None:
        raise invalid("evse", "is required with connector")


async def want(
    tx: Tx,
    actor: Actor,
    charger: Charger,
    *,
    place: Place,
    type_: str,
    value: float,
    severity: int,
    transaction: bool = False,
) -> Desired:
    """Wish that *charger* watches a variable.

    Raises:
        PlatformError: ``invalid_parameter``; ``conflict``: it has 500 of them.
    """
    check_place(place, with_variable=True)
    if type_ not in TYPES:
        raise invalid("type", f"is one of {', '.join(TYPES)}")
    if severity not in SEVERITIES:
        raise invalid("severity", "is from 0 (danger) to 9 (debug)")
    if not math.isfinite(value):
        raise invalid("value", "is a finite number")
    key = key_of(place, type_)
    wishes = await desired_service.of_charger(tx, charger.id, kind=KIND)
    if len(wishes) >= MAX_WISHES and all(one.key != key for one in wishes):
        raise PlatformError("conflict", f"The charger has {MAX_WISHES} monitors; remove some.")
    wanted = _Wanted(
        place=place, type=type_, value=value, severity=severity, transaction=transaction
    )
    return await desired_service.want(
        tx, actor, charger, kind=KIND, key=key, wanted=msgspec.to_builtins(wanted)
    )


async def unwant(tx: Tx, actor: Actor, charger: Charger, desired: Desired) -> Desired:
    """Wish that *charger* no longer has the monitor of a wish."""
    return await desired_service.want(
        tx, actor, charger, kind=KIND, key=desired.key, wanted=desired.wanted, present=False
    )


async def command(tx: Tx, desired: Desired) -> Command | None:
    """Return what sets or clears the monitor; ``None`` to clear one that has no known id."""
    wanted = msgspec.convert(desired.wanted, _Wanted)
    known = await _id_of(tx, desired, wanted)
    if not desired.present:
        return None if known is None else ClearMonitors(monitors=[known])
    return SetMonitor(
        place=wanted.place,
        type=wanted.type,
        value=wanted.value,
        severity=wanted.severity,
        transaction=wanted.transaction,
        monitor=known,
    )


async def _id_of(tx: Tx, desired: Desired, wanted: _Wanted) -> int | None:
    """Return the id that the charger gave the monitor, as it said or reported."""
    names = place_name(wanted.place)
    for one in await store.monitors_of(tx, desired.charger_id):
        if (one.component, one.variable, one.type) == (*names, wanted.type):
            return one.monitor
    known = (desired.reported or {}).get("id")
    return known if isinstance(known, int) else None


async def answered(tx: Tx, desired: Desired, answer: Answer) -> Outcome:
    """Judge the one result of the answer; remember the id that the charger gave."""
    word = answer.reason or answer.verdict.value
    if answer.verdict is not Verdict.ACCEPTED:
        return Outcome(status=DesiredStatus.REJECTED, reason=word)
    if not desired.present:
        known = await _id_of(tx, desired, msgspec.convert(desired.wanted, _Wanted))
        if known is not None:
            await store.remove_monitors(tx, desired.charger_id, ids=[known])
        return Outcome(status=DesiredStatus.ACCEPTED)
    results = (answer.response or {}).get("setMonitoringResult") or [{}]
    given = results[0].get("id")
    if not isinstance(given, int) or not 0 <= given <= MAX_INTEGER:
        return Outcome(status=DesiredStatus.ACCEPTED, reason="no id given")
    wanted = msgspec.convert(desired.wanted, _Wanted)
    component, variable = place_name(wanted.place)
    fact = MonitorReported(
        monitor=given,
        component=component,
        variable=variable,
        type=wanted.type,
        value=wanted.value,
        severity=wanted.severity,
        transaction=wanted.transaction,
    )
    await _store(tx, desired.charger_id, [fact])
    return Outcome(status=DesiredStatus.ACCEPTED, reported=desired.wanted | {"id": given})


async def reported(tx: Tx, part: Part, facts: Sequence[MonitorReported]) -> None:
    """Store a part of a report; its end compares what the charger has with what it should."""
    await desired_store.lock(tx, part.charger_id)
    report = await reports.find(tx, part, ReportKind.MONITORS)
    dropped = await _store(tx, part.charger_id, facts)
    if report is None:
        return
    whole = await reports.take(tx, report, part, entries=len(facts) - dropped, dropped=dropped)
    if whole is not None:
        await complete(tx, whole)


async def complete(tx: Tx, report: Report) -> None:
    """Compare what the charger has with what it should; a full report also tells what it lacks."""
    await desired_store.lock(tx, report.charger_id)
    is_full = not report.asked.get("criteria") and not report.asked.get("places")
    if is_full and not report.dropped:
        await store.remove_monitors(tx, report.charger_id, before=report.created_at)
    has = {
        f"{one.component}/{one.variable}/{one.type}": one
        for one in await store.monitors_of(tx, report.charger_id)
    }
    for desired in await desired_service.of_charger(tx, report.charger_id, kind=KIND):
        one = has.get(desired.key)
        if one is None and not is_full:
            continue
        value = None if one is None else _as_wanted(one)
        await desired_service.reported(
            tx, report.charger_id, kind=KIND, key=desired.key, value=value
        )


async def monitors_of(tx: Tx, charger_id: str) -> Sequence[Monitor]:
    """Return the monitors that a charger reported, by id."""
    return await store.monitors_of(tx, charger_id)


async def _store(tx: Tx, charger_id: str, facts: Sequence[MonitorReported]) -> int:
    """Store monitors; return how many were too many."""
    known = {one.monitor for one in await store.monitors_of(tx, charger_id)}
    rows: dict[int, dict[str, Any]] = {}
    dropped = 0
    for fact in facts:
        if fact.monitor not in known | rows.keys() and len(known) + len(rows) >= MAX_MONITORS:
            dropped += 1
            continue
        rows[fact.monitor] = {
            "charger_id": charger_id,
            "monitor": fact.monitor,
            "component": storable(fact.component, max_chars=200),
            "variable": storable(fact.variable, max_chars=200),
            "type": fact.type,
            "value": fact.value,
            "severity": fact.severity,
            "transaction": fact.transaction,
            "reported_at": tx.now,
        }
    if rows:
        await store.put_monitors(tx, list(rows.values()))
    return dropped


def _as_wanted(one: Monitor) -> dict[str, Any]:
    return {
        "id": one.monitor,
        "type": one.type,
        "value": one.value,
        "severity": one.severity,
        "transaction": one.transaction,
    }


def _matches(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    """Compare what a monitor does; that it watches the wanted variable, its key says."""
    names = ("type", "value", "severity", "transaction")
    return all(reported.get(name) == wanted.get(name) for name in names)


def _named(name: str, instance: str | None) -> str:
    return name if instance is None else f"{name}[{instance}]"


MONITOR: Final = KINDS.add(
    Kind(name=KIND, command=command, answered=answered, matches=_matches, rank=70)
)
