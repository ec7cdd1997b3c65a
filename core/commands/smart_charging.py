"""What chargers are asked about charging profiles (OCPP 1.6 smart charging, OCPP 2.0.1 K)."""

from typing import Any

from core.commands.commands import Command, command


@command("set_charging_profile")
class SetChargingProfile(Command):
    """Charge by *profile*, a document of ``core.smart_charging.profiles``."""

    profile: dict[str, Any]


@command("clear_charging_profile")
class ClearChargingProfile(Command):
    """Forget the profile with the id *profile*, or each one that fits all that is given."""

    profile: int | None = None
    evse: int | None = None
    purpose: str | None = None
    stack_level: int | None = None


@command("report_composite_schedule")
class ReportCompositeSchedule(Command):
    """Answer with the limits that hold from now on; *unit* is A, W or the charger's choice."""

    evse: int
    duration_s: int
    unit: str | None = None


@command("report_charging_profiles")
class ReportChargingProfiles(Command):
    """Report the installed profiles that fit (2.x); the parts of it carry *request*."""

    request: int
    evse: int | None = None
    purpose: str | None = None
    stack_level: int | None = None
    profiles: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
