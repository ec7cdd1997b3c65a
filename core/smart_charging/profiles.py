"""Charging profiles in no protocol's words (OCPP 1.6 3.13, OCPP 2.0.1 K).

A limit in A is per phase, a limit in W is that of all phases together. Limits are Decimal with at
most one decimal place, instants are aware UTC, offsets and durations are seconds.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

WHOLE_CHARGER: Final = 0
"""The EVSE number that stands for the charger as a whole."""

OWN_SOURCE: Final = "CSO"
"""Who set a profile that came from us, the operator of the chargers."""

MAX_PERIODS: Final = 1024
"""What a message of 2.0.1 can hold; a profile with more is not kept."""


class Purpose(StrEnum):
    """What a profile limits."""

    EXTERNAL = "external"
    """Set at the site (energy management, grid operator), never by us."""
    CHARGER_MAX = "charger_max"
    """The whole charger."""
    TRANSACTION_DEFAULT = "transaction_default"
    """Each transaction without a profile of its own."""
    TRANSACTION = "transaction"
    """One transaction; gone with it."""


class ProfileKind(StrEnum):
    """What the offsets of a schedule count from."""

    ABSOLUTE = "absolute"
    RECURRING = "recurring"
    RELATIVE = "relative"
    """The beginning of the transaction."""


class Recurrence(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"


class RateUnit(StrEnum):
    WATT = "W"
    AMPERE = "A"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From *start_s* seconds on, at most *limit*; *phase_to_use* only where *phases* is 1."""

    start_s: int
    limit: Decimal
    phases: int | None = None
    phase_to_use: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Limits over time; without *duration_s* the last period goes on."""

    unit: RateUnit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration_s: int | None = None
    min_rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One charging profile; *id* is unique at its charger, *evse* 0 is the whole charger.

    Of the same purpose the highest *stack_level* that says something at an instant counts.
    """

    id: int
    evse: int
    purpose: Purpose
    stack_level: int
    kind: ProfileKind
    recurrence: Recurrence | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_ref: str | None = None
    schedule: Schedule


def shortest(value: Decimal) -> Decimal:
    """Return *value* without needless zeros, and without an exponent."""
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()


def to_document(profile: Profile) -> dict[str, Any]:
    """Return *profile* as JSON, as it is stored; limits are texts there."""
    document: dict[str, Any] = msgspec.to_builtins(profile)
    return document


def from_document(document: dict[str, Any]) -> Profile:
    """Return what ``to_document`` stored.

    Raises:
        ValueError: It is none.
    """
    return msgspec.convert(document, Profile)


def same(wanted: dict[str, Any], reported: dict[str, Any]) -> bool:
    """Tell whether two documents mean the same; a member that is not wanted may be anything."""
    mine, theirs = from_document(wanted), from_document(reported)
    return _comparable(mine, mine) == _comparable(theirs, mine)


def _comparable(profile: Profile, wanted: Profile) -> tuple[Any, ...]:
    """Return what counts of *profile* where *wanted* says what has to be so."""
    schedule, asked = profile.schedule, wanted.schedule
    periods = [
        (
            period.start_s,
            period.limit,
            period.phases if index < len(asked.periods) and asked.periods[index].phases else None,
        )
        for index, period in enumerate(schedule.periods)
    ]
    everywhere = wanted.purpose is Purpose.TRANSACTION_DEFAULT and wanted.evse == WHOLE_CHARGER
    return (
        None if everywhere else profile.evse,  # it may be reported at each EVSE instead
        profile.purpose,
        profile.stack_level,
        profile.kind,
        profile.recurrence,
        _second(profile.valid_from) if wanted.valid_from else None,
        _second(profile.valid_to),
        schedule.unit,
        _second(schedule.start) if asked.start else None,
        schedule.duration_s,
        schedule.min_rate if asked.min_rate is not None else None,
        periods,
    )


def _second(instant: datetime | None) -> datetime | None:
    """Return *instant* to the second: not every charger keeps the rest."""
    return None if instant is None else instant.replace(microsecond=0)
