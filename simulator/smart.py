"""Obeying charging profiles: install, clear, report, and change the power when they say so."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator import engine, profiles
from simulator.dialect import Charging, Trigger
from simulator.ledger import Payload, Transaction
from simulator.profiles import TX, TX_DEFAULT, WHOLE_STATION, Profile
from simulator.station import Authorization, Connector, Station

HORIZON = timedelta(days=1)
MAX_STACK = 10
MAX_PERIODS = 50
SIGNIFICANT_W = 1.0
"""A limit that changes by less is not reported."""
_SINGLE = frozenset({profiles.STATION_MAX})


def attach(station: Station) -> None:
    """Let profiles follow the transactions of the station."""

    def started(
        connector: Connector, transaction: Transaction, authorization: Authorization
    ) -> None:
        if authorization.profile is not None:
            _install_for(station, connector, transaction, authorization.profile)
        refresh(station)

    def ended(connector: Connector, transaction: Transaction) -> None:
        held = station.profiles
        held.installed = [
            p for p in held.installed if p.purpose != TX or p.connector != connector.id
        ]
        connector.offered_w = connector.planned_at = None
        refresh(station)

    station.on_start.append(started)
    station.on_end.append(ended)


def refresh(station: Station) -> None:
    """Obey the limits of this moment and plan to look again when they change."""
    for connector in station.connectors.values():
        if connector.transaction is not None and connector.state in engine.FLOWING:
            _obey(station, connector)
            _look_again(station, connector)
    station.touch()


def _obey(station: Station, connector: Connector) -> None:
    engine.settle(station, connector)
    limit_w = profiles.limit_w(station, connector, connector.settled_at)
    before, connector.offered_w = connector.offered_w, limit_w
    state = connector.state
    if limit_w <= 0 and state is Charging.CHARGING:
        engine.say_state(station, connector, Charging.SUSPENDED_EVSE, Trigger.STATE)
    elif limit_w > 0 and state is Charging.SUSPENDED_EVSE:
        engine.say_state(station, connector, Charging.CHARGING, Trigger.STATE)
    elif before is not None and abs(before - limit_w) >= SIGNIFICANT_W:
        engine.say_state(station, connector, state, Trigger.RATE)
    engine.report_status(station, connector)


def _look_again(station: Station, connector: Connector) -> None:
    now = station.clock.now()
    coming = profiles.changes(station, connector.id, now, now + HORIZON)
    if not coming or connector.planned_at == coming[0]:
        return
    moment = connector.planned_at = coming[0]

    def act() -> None:
        if connector.planned_at == moment:
            connector.planned_at = None
            refresh(station)

    station.after((moment - now).total_seconds(), act)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a profile is not taken; a StatusInfo reason code of OCPP 2.0.1 appendix 5."""

    reason: str


def set_profile(
    station: Station, number: int, payload: Payload, *, replace: bool
) -> Refusal | None:
    """Install a profile; *replace*: one of the same purpose and level gives way (1.6)."""
    try:
        profile = profiles.read_profile(payload, connector=number, now=station.clock.now())
    except (KeyError, TypeError, ValueError):
        return Refusal(reason="InvalidProfile")
    refusal = _refusal(station, profile, replace=replace)
    if refusal is None:
        _put(station, profile, replace=replace)
        station.then(lambda: refresh(station))
    return refusal


def _install_for(
    station: Station, connector: Connector, transaction: Transaction, payload: Payload
) -> None:
    """Install the profile that came with a remote start (F01.FR.08), without a word if invalid."""
    named = {**payload, "transaction_id": transaction.transaction_id}
    try:
        profile = profiles.read_profile(named, connector=connector.id, now=station.clock.now())
    except (KeyError, TypeError, ValueError):
        return
    if profile.purpose == TX:
        _put(station, profile, replace=True)


def _put(station: Station, profile: Profile, *, replace: bool) -> None:
    for connector in station.connectors.values():
        engine.settle(station, connector)  # what was charged so far, was under the old limits
    station.profiles.installed = [
        old
        for old in station.profiles.installed
        if old.id != profile.id and not (replace and _same_place(old, profile))
    ]
    station.profiles.installed.append(profile)


def _same_place(one: Profile, other: Profile) -> bool:
    return (one.purpose, one.stack, one.connector) == (other.purpose, other.stack, other.connector)


def _overlaps(one: Profile, other: Profile) -> bool:
    return (
        other.valid_to is None or one.valid_from is None or one.valid_from < other.valid_to
    ) and (one.valid_to is None or other.valid_from is None or other.valid_from < one.valid_to)


def _refusal(station: Station, profile: Profile, *, replace: bool) -> Refusal | None:
    held = [p for p in station.profiles.installed if p.id != profile.id]
    checks: list[tuple[bool, str]] = [
        (
            profile.connector != WHOLE_STATION and profile.connector not in station.connectors,
            "UnknownEvse",
        ),
        (profile.purpose == profiles.EXTERNAL, "InvalidProfile"),
        (profile.purpose in _SINGLE and profile.connector != WHOLE_STATION, "InvalidProfile"),
        (not 0 <= profile.stack <= MAX_STACK, "InvalidStackLevel"),
        (not 0 < len(profile.periods) <= MAX_PERIODS, "InvalidSchedule"),
        (bool(profile.periods) and profile.periods[0].start_s != 0, "InvalidSchedule"),
        (profile.unit not in {"A", "W"}, "UnsupportedRateUnit"),
        (profile.kind == "Recurring" and profile.recurrency is None, "InvalidProfile"),
        (any(period.limit < 0 for period in profile.periods), "InvalidSchedule"),
        (profile.purpose == TX and not _its_transaction(station, profile), "TxNotFound"),
        (len(held) >= station.config.switches.profiles_max, "TooManyElements"),
        (
            not replace and any(_same_place(p, profile) and _overlaps(p, profile) for p in held),
            "DuplicateProfile",
        ),
    ]
    return next((Refusal(reason=reason) for wrong, reason in checks if wrong), None)


def _its_transaction(station: Station, profile: Profile) -> bool:
    connector = station.connectors.get(profile.connector)
    transaction = connector.transaction if connector is not None else None
    if transaction is None:
        return False
    return profile.transaction_id in {None, transaction.transaction_id}


def clear(station: Station, wanted: Callable[[Profile], bool]) -> bool:
    """Remove profiles; tell whether there were any."""
    gone = [p for p in station.profiles.installed if wanted(p)]
    if gone:
        for connector in station.connectors.values():
            engine.settle(station, connector)
        station.profiles.installed = [p for p in station.profiles.installed if p not in gone]
        station.then(lambda: refresh(station))
    return bool(gone)


def limit_outside(station: Station, number: int, limit_w: float | None) -> None:
    """Let an energy manager limit the station (0) or an EVSE, or lift its limit (``None``)."""
    for connector in station.connectors.values():
        engine.settle(station, connector)
    if limit_w is None:
        station.profiles.outside.pop(number, None)
    else:
        station.profiles.outside[number] = limit_w
    refresh(station)


@dataclass(frozen=True, kw_only=True)
class Composite:
    """The limit over a stretch of time, from *start*."""

    start: datetime
    unit: str
    periods: list[Payload]
    """``start_period`` and ``limit``."""


def composite(station: Station, number: int, *, duration_s: int, unit: str) -> Composite | None:
    """Return what all profiles together allow; ``None`` for a connector that is not there."""
    if number != WHOLE_STATION and number not in station.connectors:
        return None
    start = station.clock.now()
    until = start + timedelta(seconds=duration_s)
    numbers = list(station.connectors) if number == WHOLE_STATION else [number]
    moments = {start}
    for each in numbers:
        moments.update(profiles.changes(station, each, start, until))
    periods: list[Payload] = []
    for moment in sorted(moments):
        offset_s = int((moment - start).total_seconds())
        limit = _in_unit(station, _limit_w(station, number, moment), unit)
        if offset_s >= duration_s and periods:
            break
        if periods and periods[-1]["limit"] == limit:
            continue
        if periods and periods[-1]["start_period"] == offset_s:
            periods[-1]["limit"] = limit
            continue
        periods.append({"start_period": offset_s, "limit": limit})
    return Composite(start=start, unit=unit, periods=periods)


def _limit_w(station: Station, number: int, at: datetime) -> float:
    if number != WHOLE_STATION:
        return profiles.limit_w(station, station.connectors[number], at)
    total = float(station.config.max_power_w) * len(station.connectors)
    whole = profiles.station_limit_w(station, at)
    return total if whole is None else min(total, max(0.0, whole))


def _in_unit(station: Station, limit_w: float, unit: str) -> float:
    config = station.config
    return round(limit_w if unit == "W" else limit_w / (config.voltage_v * config.phases), 1)


def count(station: Station, purpose: str = TX_DEFAULT) -> int:
    """Return how many profiles of a purpose are installed."""
    return sum(1 for profile in station.profiles.installed if profile.purpose == purpose)
