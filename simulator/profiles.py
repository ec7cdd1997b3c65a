"""Charging profiles: what limits a connector when (OCPP 1.6 3.13, OCPP 2.0.1 K01).

Purposes are named in the words of OCPP 2.0.1. Powers are W over all phases, currents A per phase.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.clock import parse_timestamp
from simulator.ledger import Payload

if TYPE_CHECKING:
    from simulator.station import Connector, Station

STATION_MAX = "ChargingStationMaxProfile"
EXTERNAL = "ChargingStationExternalConstraints"
TX_DEFAULT = "TxDefaultProfile"
TX = "TxProfile"
WHOLE_STATION = 0
_CYCLES = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


@dataclass(frozen=True, kw_only=True)
class Period:
    """A limit from *start_s* on."""

    start_s: float
    limit: float
    phases: int | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One installed profile."""

    id: int
    connector: int
    stack: int
    purpose: str
    kind: str
    unit: str
    """``A`` or ``W``."""
    periods: tuple[Period, ...]
    start: datetime | None
    duration: timedelta | None
    recurrency: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    transaction_id: str | None
    installed_at: datetime
    payload: Payload
    """As it was received, for reports."""
    source: str = "CSO"

    def begin(self, at: datetime, tx_start: datetime | None) -> datetime | None:
        """Return when the schedule in force at *at* began; ``None``: none is."""
        if (self.valid_from and at < self.valid_from) or (self.valid_to and at >= self.valid_to):
            return None
        start = self.start or self.installed_at
        if self.kind == "Relative":
            start = tx_start or at
        elif self.kind == "Recurring" and at >= start:
            cycle = _CYCLES[self.recurrency or "Daily"]
            start += (at - start) // cycle * cycle
        over = self.duration is not None and at >= start + self.duration
        return None if at < start or over else start

    def period(self, at: datetime, tx_start: datetime | None) -> Period | None:
        """Return the period in force at *at*."""
        start = self.begin(at, tx_start)
        if start is None:
            return None
        seconds = (at - start).total_seconds()
        return next((p for p in reversed(self.periods) if p.start_s <= seconds), None)

    def changes(self, after: datetime, until: datetime, tx_start: datetime | None) -> set[datetime]:
        """Return the instants in (*after*, *until*] at which the profile may say another limit."""
        first = self.start or self.installed_at
        if self.kind == "Relative":
            first = tx_start or after
        starts = [first]
        if self.kind == "Recurring":
            cycle = _CYCLES[self.recurrency or "Daily"]
            turn = first + max(0, (after - first) // cycle) * cycle
            starts = []
            while turn <= until:
                starts.append(turn)
                turn += cycle
        found = {moment for moment in (self.valid_from, self.valid_to) if moment is not None}
        for start in starts:
            found.update(start + timedelta(seconds=p.start_s) for p in self.periods)
            if self.duration is not None:
                found.add(start + self.duration)
        return {moment for moment in found if after < moment <= until}


@dataclass(kw_only=True)
class Profiles:
    """Profiles of one charger, and limits that come from elsewhere."""

    installed: list[Profile] = field(default_factory=list)
    outside: dict[int, float] = field(default_factory=dict)
    """Limit in W that an energy manager set, by EVSE; 0 is the whole station."""


def read_profile(payload: Payload, *, connector: int, now: datetime) -> Profile:
    """Return a profile of either version; raises ``KeyError``, ``ValueError`` or ``TypeError``."""
    schedule = payload["charging_schedule"]
    if isinstance(schedule, list):
        schedule = schedule[0]
    purpose = str(payload["charging_profile_purpose"])
    duration = schedule.get("duration")
    return Profile(
        id=int(payload["id"] if "id" in payload else payload["charging_profile_id"]),
        connector=connector,
        stack=int(payload["stack_level"]),
        purpose=STATION_MAX if purpose == "ChargePointMaxProfile" else purpose,
        kind=str(payload["charging_profile_kind"]),
        unit=str(schedule["charging_rate_unit"]),
        periods=tuple(
            Period(
                start_s=float(period["start_period"]),
                limit=float(period["limit"]),
                phases=period.get("number_phases"),
            )
            for period in schedule["charging_schedule_period"]
        ),
        start=_moment(schedule.get("start_schedule")),
        duration=None if duration is None else timedelta(seconds=float(duration)),
        recurrency=payload.get("recurrency_kind"),
        valid_from=_moment(payload.get("valid_from")),
        valid_to=_moment(payload.get("valid_to")),
        transaction_id=_text(payload.get("transaction_id")),
        installed_at=now,
        payload=payload,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def concerning(station: "Station", number: int) -> list[Profile]:
    """Return the profiles that can limit a connector, transaction or not."""
    everywhere = {WHOLE_STATION, number}
    return [profile for profile in station.profiles.installed if profile.connector in everywhere]


def as_watts(station: "Station", limit: float, unit: str, phases: int | None) -> float:
    """Return a limit in W."""
    if unit == "W":
        return limit
    config = station.config
    return limit * config.voltage_v * min(phases or config.phases, config.phases)


def _best(
    station: "Station", profiles: Iterable[Profile], at: datetime, tx_start: datetime | None
) -> float | None:
    """Return the limit in W of the highest stack level that has something to say."""
    for profile in sorted(profiles, key=lambda p: (-p.stack, -p.connector)):
        period = profile.period(at, tx_start)
        if period is not None:
            return as_watts(station, period.limit, profile.unit, period.phases)
    return None


def station_limit_w(station: "Station", at: datetime) -> float | None:
    """Return the limit of the whole station, ``None`` if there is none."""
    limits = [station.profiles.outside.get(WHOLE_STATION)]
    for purpose in (STATION_MAX, EXTERNAL):
        held = [p for p in concerning(station, WHOLE_STATION) if p.purpose == purpose]
        limits.append(_best(station, held, at, None))
    named = [limit for limit in limits if limit is not None]
    return min(named) if named else None


def limit_w(station: "Station", connector: "Connector", at: datetime) -> float:
    """Return the power in W a connector may give at *at*; running connectors share the station's.

    A TxProfile replaces the TxDefaultProfile; one for the connector replaces that for all.
    """
    limits = [float(station.config.max_power_w)]
    if not station.profiles.installed and not station.profiles.outside:
        return limits[0]
    held = concerning(station, connector.id)
    transaction = connector.transaction
    tx_start = transaction.started_at if transaction else None
    own = None
    if transaction is not None:
        own = _best(station, (p for p in held if p.purpose == TX), at, tx_start)
    for number in (connector.id, WHOLE_STATION):
        if own is None:
            defaults = (p for p in held if p.purpose == TX_DEFAULT and p.connector == number)
            own = _best(station, defaults, at, tx_start)
    specific = [p for p in held if p.purpose == EXTERNAL and p.connector == connector.id]
    outside = station.profiles.outside.get(connector.id)
    whole = station_limit_w(station, at)
    if whole is not None:
        users = sum(1 for other in station.connectors.values() if other.transaction is not None)
        whole /= max(1, users)
    others = (own, _best(station, specific, at, tx_start), outside, whole)
    return min([*limits, *(max(0.0, limit) for limit in others if limit is not None)])


def changes(station: "Station", number: int, after: datetime, until: datetime) -> list[datetime]:
    """Return the instants in (*after*, *until*] at which the limit of a connector may change."""
    connector = station.connectors.get(number)
    transaction = connector.transaction if connector is not None else None
    tx_start = transaction.started_at if transaction else None
    found: set[datetime] = set()
    for profile in concerning(station, number):
        found |= profile.changes(after, until, tx_start)
    return sorted(found)


def stretches(
    station: "Station", connector: "Connector", since: datetime, until: datetime
) -> Iterator[tuple[float, float]]:
    """Yield (seconds, limit in W) for every stretch of time with one limit."""
    moments = [since]
    if station.profiles.installed:
        moments += changes(station, connector.id, since, until)
    for start, end in zip(moments, [*moments[1:], until], strict=True):
        seconds = (end - start).total_seconds()
        if seconds > 0:
            yield seconds, limit_w(station, connector, start)
