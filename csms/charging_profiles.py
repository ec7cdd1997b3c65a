"""Charging profiles and schedules between the words of OCPP and ours; both versions.

The members are those of 1.6 7.8 to 7.14 and of 2.0.1 ChargingProfileType, where not the same given
by the version. What comes in has passed its schema and may still be anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from core.commands.smart_charging import ClearChargingProfile
from core.kernel.times import rfc3339
from core.smart_charging.profiles import (
    MAX_PERIODS,
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
    Recurrence,
    Schedule,
    shortest,
)
from csms import sanity
from csms.protocol import Payload
from csms.readings import instant

KINDS: Final = {
    "Absolute": ProfileKind.ABSOLUTE,
    "Recurring": ProfileKind.RECURRING,
    "Relative": ProfileKind.RELATIVE,
}
RECURRENCES: Final = {"Daily": Recurrence.DAILY, "Weekly": Recurrence.WEEKLY}

_MAX_REF_CHARS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a version calls things.

    Attributes:
        id: The member with a profile's id.
        purposes: Its word for each purpose it knows.
        several_schedules: A profile has a list of schedules, each with an id of its own.
        numbers_transactions: A transaction id is a number.
    """

    id: str
    purposes: Mapping[Purpose, str]
    several_schedules: bool
    numbers_transactions: bool


WORDS16: Final = Words(
    id="chargingProfileId",
    purposes={
        Purpose.CHARGER_MAX: "ChargePointMaxProfile",
        Purpose.TRANSACTION_DEFAULT: "TxDefaultProfile",
        Purpose.TRANSACTION: "TxProfile",
    },
    several_schedules=False,
    numbers_transactions=True,
)
WORDS201: Final = Words(
    id="id",
    purposes={
        Purpose.EXTERNAL: "ChargingStationExternalConstraints",
        Purpose.CHARGER_MAX: "ChargingStationMaxProfile",
        Purpose.TRANSACTION_DEFAULT: "TxDefaultProfile",
        Purpose.TRANSACTION: "TxProfile",
    },
    several_schedules=True,
    numbers_transactions=False,
)


def written(profile: Profile, words: Words) -> Payload:
    """Return *profile* as the version says it.

    Raises:
        ValueError: The version has no such purpose or no such transaction id.
    """
    if profile.purpose not in words.purposes:
        raise ValueError(f"this OCPP version has no profile for {profile.purpose}")
    schedule = _written_schedule(profile.schedule)
    payload: Payload = {
        words.id: profile.id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": words.purposes[profile.purpose],
        "chargingProfileKind": profile.kind.value.capitalize(),
        "chargingSchedule": (
            [{"id": profile.id} | schedule] if words.several_schedules else schedule
        ),
    }
    if profile.recurrence is not None:
        payload["recurrencyKind"] = profile.recurrence.value.capitalize()
    if profile.valid_from is not None:
        payload["validFrom"] = rfc3339(profile.valid_from)
    if profile.valid_to is not None:
        payload["validTo"] = rfc3339(profile.valid_to)
    if profile.transaction_ref is not None:
        ref = profile.transaction_ref
        payload["transactionId"] = int(ref) if words.numbers_transactions else ref
    return payload


def _written_schedule(schedule: Schedule) -> Payload:
    payload: Payload = {
        "chargingRateUnit": schedule.unit.value,
        "chargingSchedulePeriod": [_written_period(period) for period in schedule.periods],
    }
    if schedule.start is not None:
        payload["startSchedule"] = rfc3339(schedule.start)
    if schedule.duration_s is not None:
        payload["duration"] = schedule.duration_s
    if schedule.min_rate is not None:
        payload["minChargingRate"] = number(schedule.min_rate)
    return payload


def _written_period(period: Period) -> Payload:
    payload: Payload = {"startPeriod": period.start_s, "limit": number(period.limit)}
    if period.phases is not None:
        payload["numberPhases"] = period.phases
    if period.phase_to_use is not None:
        payload["phaseToUse"] = period.phase_to_use
    return payload


def number(value: Decimal) -> int | float:
    """Return *value* as the JSON number that chargers read best: whole where it is whole."""
    return int(value) if value == value.to_integral_value() else float(value)


def understood(payload: Payload, words: Words, *, evse: object) -> Profile | None:
    """Return the profile that *payload* says; ``None`` where it cannot be one.

    Of several schedules (2.0.1: choices for a vehicle) the first is taken.
    """
    by_word = {word: purpose for purpose, word in words.purposes.items()}
    schedules = payload.get("chargingSchedule")
    first = schedules[0] if isinstance(schedules, list) and schedules else schedules
    schedule = understood_schedule(first) if isinstance(first, dict) else None
    id_ = sanity.whole(payload.get(words.id)).value
    level = sanity.whole(payload.get("stackLevel")).value
    place = sanity.whole(evse, lowest=0).value
    purpose = by_word.get(str(payload.get("chargingProfilePurpose")))
    kind = KINDS.get(str(payload.get("chargingProfileKind")))
    if schedule is None or id_ is None or level is None or place is None:
        return None
    if purpose is None or kind is None:
        return None
    ref = payload.get("transactionId")
    if purpose is Purpose.TRANSACTION and ref is None:
        return None  # nobody could say when it is over
    return Profile(
        id=id_,
        evse=place,
        purpose=purpose,
        stack_level=level,
        kind=kind,
        recurrence=RECURRENCES.get(str(payload.get("recurrencyKind"))),
        valid_from=_instant(payload.get("validFrom")),
        valid_to=_instant(payload.get("validTo")),
        transaction_ref=None
        if ref is None
        else sanity.text(str(ref), max_chars=_MAX_REF_CHARS).value,
        schedule=schedule,
    )


def understood_schedule(payload: Payload) -> Schedule | None:
    """Return the schedule that *payload* says; ``None`` where it cannot be one."""
    raw_periods: list[Payload] = payload.get("chargingSchedulePeriod") or []
    periods = [_understood_period(raw) for raw in raw_periods[:MAX_PERIODS]]
    readable = [period for period in periods if period is not None]
    unit = payload.get("chargingRateUnit")
    if not readable or len(readable) != len(raw_periods) or unit not in ("A", "W"):
        return None
    readable.sort(key=lambda period: period.start_s)
    duration_s = sanity.whole(payload.get("duration"), lowest=0).value
    min_rate = _rate(payload.get("minChargingRate"))
    return Schedule(
        unit=RateUnit(unit),
        periods=tuple(readable),
        start=_instant(payload.get("startSchedule")),
        duration_s=duration_s,
        min_rate=min_rate,
    )


def clearing(
    criteria: Payload, words: Words, *, id_: object, evse: object
) -> ClearChargingProfile | None:
    """Return what a request of an operator asked to clear; ``None`` where that is unclear."""
    by_word = {word: purpose for purpose, word in words.purposes.items()}
    word, level = criteria.get("chargingProfilePurpose"), criteria.get("stackLevel")
    asked = ClearChargingProfile(
        profile=sanity.whole(id_).value,
        evse=sanity.whole(evse).value,
        purpose=None if word is None else by_word.get(str(word)),
        stack_level=sanity.whole(level).value,
    )
    given = (id_, evse, word, level)
    understood_ = (asked.profile, asked.evse, asked.purpose, asked.stack_level)
    lost = any(
        raw is not None and value is None for raw, value in zip(given, understood_, strict=True)
    )
    return None if lost else asked


def _understood_period(raw: Payload) -> Period | None:
    start_s = sanity.whole(raw.get("startPeriod"), lowest=0).value
    limit = _rate(raw.get("limit"))
    if start_s is None or limit is None:
        return None
    return Period(
        start_s=start_s,
        limit=limit,
        phases=sanity.whole(raw.get("numberPhases"), lowest=1, highest=3).value,
        phase_to_use=sanity.whole(raw.get("phaseToUse"), lowest=1, highest=3).value,
    )


def _rate(raw: object) -> Decimal | None:
    """Return a limit in one form: some chargers say 6 and some 6.0."""
    value = sanity.quantity(raw).value
    return None if value is None else shortest(value)


def _instant(raw: Any) -> datetime | None:
    found: datetime | None = None if raw is None else instant(raw)[0]
    return found
