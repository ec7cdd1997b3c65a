"""Charging profiles as operators write them."""

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from core.commands.smart_charging import ReportChargingProfiles
from core.smart_charging.composite import MAX_DURATION_S
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
from partner_api.fields import In, Instant, Whole

MAX_ID: Final = 2**31 - 1
MAX_IDS: Final = 100

Evse = Annotated[Whole, Field(ge=0, le=255, description="0: the whole charger.")]
Rate = Annotated[float, Field(ge=0, le=100_000_000, allow_inf_nan=False)]
Source = Literal["CSO", "EMS", "SO", "Other"]
Level = Annotated[Whole, Field(ge=0, le=MAX_ID)]


def exact(value: float) -> Decimal:
    """Return *value* as it was written, in the shortest form."""
    return shortest(Decimal(repr(value)))


class PeriodIn(In):
    """A limit from `start_s` seconds after the start of its schedule."""

    start_s: Annotated[Whole, Field(ge=0)]
    limit: Rate = Field(description="A: per phase; W: of all phases; one decimal place at most.")
    phases: Whole | None = Field(None, ge=1, le=3)
    phase_to_use: Whole | None = Field(
        None, ge=1, le=3, description="2.0.1, where `phases` is 1 and the charger can choose."
    )


class ScheduleIn(In):
    """Without `duration_s` the last period goes on."""

    unit: str = Field(pattern="^[AW]$", examples=["A"])
    periods: list[PeriodIn] = Field(min_length=1, max_length=MAX_PERIODS)
    start: Instant | None = Field(None, description="Absolute and recurring profiles need it.")
    duration_s: Annotated[Whole, Field(ge=1)] | None = None
    min_rate: Rate | None = Field(None, description="Below it the vehicle charges badly.")

    def schedule(self) -> Schedule:
        """Return it in the words of the domain."""
        return Schedule(
            unit=RateUnit(self.unit),
            periods=tuple(
                Period(
                    start_s=period.start_s,
                    limit=exact(period.limit),
                    phases=period.phases,
                    phase_to_use=period.phase_to_use,
                )
                for period in self.periods
            ),
            start=self.start,
            duration_s=self.duration_s,
            min_rate=None if self.min_rate is None else exact(self.min_rate),
        )


class SessionProfileIn(In):
    """A profile of one session; it is gone with it."""

    stack_level: Level = 0
    kind: str = Field("relative", pattern="^(absolute|recurring|relative)$")
    recurrence: str | None = Field(None, pattern="^(daily|weekly)$")
    schedule: ScheduleIn

    def profile(self, *, id_: int, evse: int, purpose: str, **more: Any) -> Profile:
        """Return it in the words of the domain."""
        return Profile(
            id=id_,
            evse=evse,
            purpose=Purpose(purpose),
            stack_level=self.stack_level,
            kind=ProfileKind(self.kind),
            recurrence=None if self.recurrence is None else Recurrence(self.recurrence),
            schedule=self.schedule.schedule(),
            **more,
        )


class ProfileIn(SessionProfileIn):
    """A profile that stays: of the charger as a whole, or the default of its transactions."""

    purpose: str = Field(
        pattern="^(charger_max|transaction_default|transaction|external)$",
        description="`charger_max` (evse 0 only) or `transaction_default`.",
    )
    evse: Evse = 0
    valid_from: Instant | None = None
    valid_to: Instant | None = None


class ClearIn(In):
    """Each given member narrows it; nothing given: every profile of the charger."""

    id: Annotated[Whole, Field(ge=0, le=MAX_ID)] | None = None
    evse: Evse | None = None
    purpose: str | None = Field(
        None, pattern="^(charger_max|transaction_default|transaction|external)$"
    )
    stack_level: Level | None = None


class ProfileReportIn(In):
    """Each given member narrows it; nothing given: every profile of the charger."""

    evse: Evse | None = None
    purpose: str | None = Field(
        default=None, pattern="^(charger_max|transaction_default|transaction|external)$"
    )
    stack_level: Level | None = None
    sources: list[Source] = Field(
        default=[], max_length=4, description="Who set it; `CSO`: this platform."
    )
    ids: list[Annotated[Whole, Field(ge=0, le=MAX_ID)]] = Field(
        default=[], max_length=MAX_IDS, description="With `evse` at most."
    )

    @model_validator(mode="after")
    def _ids_or_criteria(self) -> "ProfileReportIn":
        if self.ids and (self.purpose, self.stack_level, self.sources) != (None, None, []):
            raise ValueError("give ids, or purpose, stack_level and sources")  # K09.FR.03
        return self

    def command(self, request: int) -> ReportChargingProfiles:
        """Return it in the words of the domain."""
        return ReportChargingProfiles(
            request=request,
            evse=self.evse,
            purpose=self.purpose,
            stack_level=self.stack_level,
            profiles=tuple(self.ids),
            sources=tuple(self.sources),
        )


class CompositeIn(In):
    """Ask the charger itself, and compare with what the platform expects."""

    evse: Evse = 0
    duration_s: Annotated[Whole, Field(ge=1, le=MAX_DURATION_S)] = 86_400
    unit: str | None = Field(None, pattern="^[AW]$", description="Left out: the charger's choice.")
    voltage_v: float = Field(230, gt=0, le=1500)
    phases: Whole = Field(3, ge=1, le=3)
