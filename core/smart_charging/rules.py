"""Which profiles may be sent: the rules of OCPP 1.6 3.13, 5.16 and OCPP 2.0.1 K01, in plain words.

What a charger has reported about itself (how many periods, which units, which stack levels) counts
too, so that an operator learns before sending what the charger would refuse.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from core.chargers.models import Connector
from core.chargers.record_models import Variable
from core.kernel.errors import PlatformError
from core.smart_charging.composite import CYCLES
from core.smart_charging.profiles import (
    MAX_PERIODS,
    WHOLE_CHARGER,
    Period,
    Profile,
    ProfileKind,
    Purpose,
    RateUnit,
)

MAX_LIMIT: Final = Decimal(100_000_000)
MAX_INT32: Final = 2**31 - 1

_TENTH: Final = Decimal("0.1")
_UNIT_WORDS: Final = {RateUnit.AMPERE: ("A", "Current"), RateUnit.WATT: ("W", "Power")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a charger can take; ``None`` where it never said."""

    evses: frozenset[int] = frozenset()
    max_stack_level: int | None = None
    max_periods: int | None = None
    units: frozenset[RateUnit] = frozenset()
    knows_phase_to_use: bool = False


def abilities(
    version: str | None, connectors: Sequence[Connector], variables: Sequence[Variable]
) -> Abilities:
    """Return what a charger's connectors and its configuration or device model tell."""
    values = {
        (variable.component, variable.variable): variable.value or ""
        for variable in variables
        if variable.attribute == "Actual"
    }

    def whole(*names: tuple[str, str]) -> int | None:
        texts = [values[name] for name in names if name in values]
        return int(texts[0]) if texts and texts[0].isascii() and texts[0].isdigit() else None

    words = values.get(("", "ChargingScheduleAllowedChargingRateUnit"), "") or values.get(
        ("SmartChargingCtrlr", "RateUnit"), ""
    )
    named = {word.strip() for word in words.split(",")}
    return Abilities(
        evses=frozenset(connector.evse for connector in connectors),
        max_stack_level=whole(
            ("", "ChargeProfileMaxStackLevel"), ("SmartChargingCtrlr", "ProfileStackLevel")
        ),
        max_periods=whole(
            ("", "ChargingScheduleMaxPeriods"), ("SmartChargingCtrlr", "PeriodsPerSchedule")
        ),
        units=frozenset(unit for unit, known in _UNIT_WORDS.items() if named & set(known)),
        knows_phase_to_use=version is not None and version != "1.6",
    )


def check(profile: Profile, charger: Abilities) -> None:
    """Refuse a profile that no charger, or not this one, would take; name every fault.

    Raises:
        PlatformError: ``invalid_parameter``, with a pointer and the rule for each fault.
    """
    found: list[tuple[str, str]] = []

    def fault(pointer: str, rule: str) -> None:
        found.append((pointer, rule))

    for rules in (_check_purpose, _check_times, _check_periods, _check_abilities):
        rules(profile, charger, fault)
    if found:
        errors = [{"pointer": f"/{pointer}", "detail": rule} for pointer, rule in found]
        raise PlatformError("invalid_parameter", f"{found[0][0]}: {found[0][1]}", errors=errors)


Fault = Callable[[str, str], None]


def _check_purpose(profile: Profile, charger: Abilities, fault: Fault) -> None:
    if profile.purpose is Purpose.EXTERNAL:
        fault("purpose", "external limits are set at the site, never by the platform")
    if profile.purpose is Purpose.CHARGER_MAX:
        if profile.evse != WHOLE_CHARGER:
            fault("evse", "a charger_max profile is for the whole charger: evse 0")
        if profile.kind is ProfileKind.RELATIVE:
            fault("kind", "a charger_max profile has no transaction to be relative to")
    if profile.purpose is Purpose.TRANSACTION:
        _check_of_transaction(profile, fault)
    elif profile.transaction_ref is not None:
        fault("transaction", "only a transaction profile names one")
    if profile.evse != WHOLE_CHARGER and charger.evses and profile.evse not in charger.evses:
        known = ", ".join(map(str, sorted(charger.evses)))
        fault("evse", f"the charger has no EVSE {profile.evse}; it has {known}")
    for name, value in (("id", profile.id), ("stack_level", profile.stack_level)):
        if not 0 <= value <= MAX_INT32:
            fault(name, f"is a number from 0 to {MAX_INT32}")


def _check_of_transaction(profile: Profile, fault: Fault) -> None:
    if profile.evse == WHOLE_CHARGER:
        fault("evse", "a transaction profile needs the EVSE of its transaction")
    if profile.transaction_ref is None:
        fault("transaction", "a transaction profile needs a running transaction")
    if profile.valid_from is not None or profile.valid_to is not None:
        fault("valid_from", "a transaction profile is valid with its transaction; leave out")


def _check_times(profile: Profile, _: Abilities, fault: Fault) -> None:
    schedule = profile.schedule
    if profile.kind is ProfileKind.RECURRING and profile.recurrence is None:
        fault("recurrence", "a recurring profile is daily or weekly")
    if profile.kind is not ProfileKind.RECURRING and profile.recurrence is not None:
        fault("recurrence", "only a recurring profile has one")
    if profile.kind is ProfileKind.RELATIVE and schedule.start is not None:
        fault("schedule/start", "a relative profile starts with its transaction; leave it out")
    if profile.kind is not ProfileKind.RELATIVE and schedule.start is None:
        fault("schedule/start", f"a profile that is {profile.kind} needs a start")
    if (
        profile.valid_from is not None
        and profile.valid_to is not None
        and profile.valid_to <= profile.valid_from
    ):
        fault("valid_to", "is after valid_from")
    duration_s = schedule.duration_s
    if duration_s is not None and not 1 <= duration_s <= MAX_INT32:
        fault("schedule/duration_s", f"is a number from 1 to {MAX_INT32}")
    if profile.recurrence is not None and (duration_s or 0) > CYCLES[profile.recurrence]:
        cycle_s = CYCLES[profile.recurrence]
        fault("schedule/duration_s", f"a {profile.recurrence} one lasts {cycle_s} s at most")


def _check_periods(profile: Profile, charger: Abilities, fault: Fault) -> None:
    schedule = profile.schedule
    periods = schedule.periods
    if not 1 <= len(periods) <= MAX_PERIODS:
        fault("schedule/periods", f"are 1 to {MAX_PERIODS}")
        return
    if periods[0].start_s != 0:
        fault("schedule/periods/0/start_s", "the first period starts at 0")
    for index, period in enumerate(periods):
        at = f"schedule/periods/{index}"
        if index > 0 and period.start_s <= periods[index - 1].start_s:
            fault(f"{at}/start_s", "is after the start of the period before")
        if schedule.duration_s is not None and period.start_s >= schedule.duration_s > 0:
            fault(f"{at}/start_s", "is before the end of the schedule")
        _check_period(period, charger, fault, at)
    if schedule.min_rate is not None and not _is_rate(schedule.min_rate):
        fault("schedule/min_rate", f"is from 0 to {MAX_LIMIT}, with one decimal place at most")


def _check_period(period: Period, charger: Abilities, fault: Fault, at: str) -> None:
    if period.start_s > MAX_INT32:
        fault(f"{at}/start_s", f"is at most {MAX_INT32}")
    if not _is_rate(period.limit):
        fault(f"{at}/limit", f"is from 0 to {MAX_LIMIT}, with one decimal place at most")
    if period.phases not in (None, 1, 2, 3):
        fault(f"{at}/phases", "are 1, 2 or 3")
    if period.phase_to_use is not None:
        _check_phase(period.phase_to_use, period.phases, charger, fault, at)


def _check_phase(phase: int, phases: int | None, charger: Abilities, fault: Fault, at: str) -> None:
    if phase not in (1, 2, 3):
        fault(f"{at}/phase_to_use", "is 1, 2 or 3")
    if phases != 1:
        fault(f"{at}/phase_to_use", "can only be told where phases is 1")
    if not charger.knows_phase_to_use:
        fault(f"{at}/phase_to_use", "is not known to OCPP 1.6")


def _check_abilities(profile: Profile, charger: Abilities, fault: Fault) -> None:
    if charger.max_stack_level is not None and profile.stack_level > charger.max_stack_level:
        fault("stack_level", f"the charger reports {charger.max_stack_level} as its highest")
    if charger.max_periods is not None and len(profile.schedule.periods) > charger.max_periods:
        fault("schedule/periods", f"the charger takes {charger.max_periods} at most")
    if charger.units and profile.schedule.unit not in charger.units:
        known = ", ".join(sorted(charger.units))
        fault("schedule/unit", f"the charger takes {known} only")


def _is_rate(rate: Decimal) -> bool:
    return rate.is_finite() and 0 <= rate <= MAX_LIMIT and rate == rate.quantize(_TENTH)


def overlapping(profile: Profile, others: Mapping[int, Profile]) -> int | None:
    """Return the id of another profile that would take the place of *profile*, or lose its own.

    At one EVSE two profiles of one purpose have different stack levels (OCPP 2.0.1 K01.FR.06); in
    1.6 the later would replace the earlier.
    """
    for id_, other in others.items():
        if id_ == profile.id:
            continue
        if (other.evse, other.purpose, other.stack_level) == (
            profile.evse,
            profile.purpose,
            profile.stack_level,
        ) and not _apart(profile, other):
            return id_
    return None


def _apart(one: Profile, other: Profile) -> bool:
    for first, second in ((one, other), (other, one)):
        ends, begins = first.valid_to, second.valid_from
        if ends is not None and begins is not None and ends <= begins:
            return True
    return False
