"""OCPP 2.0.1 K: charging profiles, limits from outside, what vehicles need."""

from dataclasses import replace
from typing import Any, Final

import msgspec

from core.chargers import registry
from core.commands.commands import Raw, Verdict
from core.commands.models import CommandRow
from core.commands.smart_charging import (
    ClearChargingProfile,
    ReportChargingProfiles,
    ReportCompositeSchedule,
    SetChargingProfile,
)
from core.kernel.db import Tx
from core.sessions import queries
from core.sessions.models import Session
from core.smart_charging import learning
from core.smart_charging import service as profiles
from core.smart_charging.composite import Running
from core.smart_charging.facts import CompositeTold, LimitTold, Needs, ProfilesReported
from core.smart_charging.profiles import Purpose, from_document
from core.smart_charging.states import PlanStatus
from csms import sanity
from csms.adapter import Block, Context, Route, by_status
from csms.charging_profiles import (
    WORDS201,
    clearing,
    understood,
    understood_schedule,
    written,
)
from csms.evidence import doubt, evse, number
from csms.ocpp201.messages import Request
from csms.protocol import Payload
from csms.readings import IMPOSSIBLE, instant

MAX_SCHEDULES: Final = 8
"""Schedules of one limit that are kept; the schema sets no bound."""

_SOURCES: Final = ("EMS", "Other", "SO", "CSO")
_PHASES: Final = {"DC": 0, "AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3}
_NEEDS_STATUS: Final = {
    PlanStatus.NOTED: "Processing",
    PlanStatus.WAITING: "Processing",
    PlanStatus.PLANNED: "Accepted",
    PlanStatus.UNUSABLE: "Rejected",
}


class ReportChargingProfilesMessage(Request, frozen=True):
    request_id: int
    charging_limit_source: str
    evse_id: int
    charging_profile: tuple[dict[str, Any], ...]
    tbc: bool = False


class ChargingLimit(Request, frozen=True):
    charging_limit_source: str
    is_grid_critical: bool | None = None


class NotifyChargingLimit(Request, frozen=True):
    charging_limit: ChargingLimit
    evse_id: int = 0
    charging_schedule: tuple[dict[str, Any], ...] = ()


class ClearedChargingLimit(Request, frozen=True):
    charging_limit_source: str
    evse_id: int | None = None


class NotifyEVChargingNeeds(Request, frozen=True):
    evse_id: int
    charging_needs: dict[str, Any]
    max_schedule_tuples: int | None = None


class NotifyEVChargingSchedule(Request, frozen=True):
    time_base: str
    evse_id: int
    charging_schedule: dict[str, Any]


async def report_charging_profiles(ctx: Context, msg: ReportChargingProfilesMessage) -> Payload:
    """Answer ReportChargingProfiles (K09); each part is kept as it comes."""
    request, place = sanity.whole(msg.request_id).value, evse(ctx, msg.evse_id)
    found = [understood(raw, WORDS201, evse=place) for raw in msg.charging_profile]
    profiles = tuple(profile for profile in found if profile is not None)
    if request is None or len(profiles) < len(found):
        doubt(ctx, IMPOSSIBLE)
    fact = ProfilesReported(
        charger_id=ctx.charger.id,
        request=-1 if request is None else request,
        evse=place,
        source=msg.charging_limit_source,
        profiles=profiles,
        more=msg.tbc,
    )
    await learning.reported(ctx.tx, fact)
    return {}


async def notify_charging_limit(ctx: Context, msg: NotifyChargingLimit) -> Payload:
    """Answer NotifyChargingLimit (K12): somebody at the site has set a limit."""
    found = [understood_schedule(raw) for raw in msg.charging_schedule[:MAX_SCHEDULES]]
    schedules = tuple(schedule for schedule in found if schedule is not None)
    if len(schedules) < len(msg.charging_schedule):
        doubt(ctx, IMPOSSIBLE)
    place = evse(ctx, msg.evse_id)
    if "connector_impossible" in ctx.doubts:
        return {}
    fact = LimitTold(
        charger_id=ctx.charger.id,
        evse=place,
        source=msg.charging_limit.charging_limit_source,
        is_grid_critical=msg.charging_limit.is_grid_critical,
        schedules=schedules,
    )
    await learning.limit_told(ctx.tx, fact)
    return {}


async def cleared_charging_limit(ctx: Context, msg: ClearedChargingLimit) -> Payload:
    """Answer ClearedChargingLimit (K13)."""
    place = None if msg.evse_id is None else evse(ctx, msg.evse_id)
    if not ctx.doubts:
        source = msg.charging_limit_source
        await learning.limit_cleared(ctx.tx, ctx.charger.id, source=source, evse=place)
    return {}


async def notify_ev_charging_needs(ctx: Context, msg: NotifyEVChargingNeeds) -> Payload:
    """Answer NotifyEVChargingNeeds (K15).

    ``Accepted``: the schedule is on its way. ``Processing``: kept, and none yet: either its
    transaction is not known, or this platform makes no plans; the station goes on with what it
    has. ``Rejected``: nothing can be made of it.
    """
    place = number(ctx, msg.evse_id)
    raw = sanity.document(msg.charging_needs).value
    needs = _needs(ctx, msg.charging_needs, raw)
    if place is None or evse(ctx, place) == 0:
        doubt(ctx, "connector_impossible")
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    session = await queries.current_on(ctx.tx, ctx.charger.id, place)
    status = await learning.needs_told(
        ctx.tx,
        ctx.charger,
        needs,
        evse=place,
        raw=raw,
        running=running(session),
        session_id=None if session is None else session.id,
        plans=ctx.settings.charging_plans,
    )
    answer: Payload = {"status": _NEEDS_STATUS[status]}
    if status is PlanStatus.UNUSABLE:
        answer["statusInfo"] = {"reasonCode": "InvalidValue"}
    return answer


async def notify_ev_charging_schedule(ctx: Context, msg: NotifyEVChargingSchedule) -> Payload:
    """Answer NotifyEVChargingSchedule (K17): whether the vehicle stays within its limits.

    After ``Rejected`` a platform that makes plans sends its profile again (K15.FR.13).
    """
    place = number(ctx, msg.evse_id)
    schedule = understood_schedule(msg.charging_schedule)
    base, _ = instant(msg.time_base)
    if place is None or evse(ctx, place) == 0 or schedule is None or base is None:
        doubt(ctx, IMPOSSIBLE)
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidValue"}}
    session = await queries.current_on(ctx.tx, ctx.charger.id, place)
    keeps = await learning.vehicle_schedule_told(
        ctx.tx,
        ctx.charger,
        replace(schedule, start=base) if schedule.start is None else schedule,
        evse=place,
        running=running(session),
        session_id=None if session is None else session.id,
        plans=ctx.settings.charging_plans,
    )
    return {"status": "Accepted" if keeps else "Rejected"}


async def charging_profiles_follow(ctx: Context, session: Session | None) -> None:
    """Let profiles follow the transaction: a plan that waits for it is sent, and its own end."""
    if session is None:
        return
    if not session.is_open:
        await profiles.transaction_ended(ctx.tx, ctx.charger.id, session.transaction_ref)
        return
    transaction = running(session)
    if not ctx.settings.charging_plans or session.connector_id is None or transaction is None:
        return
    place = await registry.connector(ctx.tx, session.connector_id)
    await learning.transaction_known(
        ctx.tx, ctx.charger, evse=place.evse, running=transaction, session_id=session.id
    )


def running(session: Session | None) -> Running | None:
    """Return the transaction of *session* as profiles see it."""
    if session is None:
        return None
    return Running(ref=session.transaction_ref, started_at=session.started_at)


def _needs(ctx: Context, needs: Payload, raw: Payload) -> Needs | None:
    """Return what the vehicle told; ``None``, and a doubt, where a figure cannot be."""
    currents = needs.get("acChargingParameters") or {}
    direct = needs.get("dcChargingParameters") or {}
    phases = _PHASES[needs["requestedEnergyTransfer"]]
    told = currents if phases else direct
    departure = needs.get("departureTime")
    departure_at = None if departure is None else instant(departure)[0]
    figures = {
        name: sanity.whole(told[member], lowest=0).value
        for name, member in (
            ("energy_wh", "energyAmount"),
            ("min_current_a", "evMinCurrent"),
            ("max_current_a", "evMaxCurrent"),
            ("max_voltage_v", "evMaxVoltage"),
            ("max_power_w", "evMaxPower"),
            ("soc_percent", "stateOfCharge"),
        )
        if member in told
    }
    if None in figures.values() or (departure is not None and departure_at is None):
        doubt(ctx, IMPOSSIBLE)
        return None
    return Needs(phases=phases, departure_at=departure_at, raw=raw, **figures)


def set_profile(wanted: SetChargingProfile) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for a purpose that is never sent (K01.FR.22)."""
    profile = from_document(wanted.profile)
    if profile.purpose is Purpose.EXTERNAL:
        raise ValueError("external limits are set at the site, never by the platform")
    return "SetChargingProfile", {
        "evseId": profile.evse,
        "chargingProfile": written(profile, WORDS201),
    }


def clear_profile(wanted: ClearChargingProfile) -> tuple[str, Payload]:
    if wanted.profile is not None:
        return "ClearChargingProfile", {"chargingProfileId": wanted.profile}
    criteria = _criteria(wanted.purpose, wanted.stack_level)
    if wanted.evse is not None:
        criteria["evseId"] = wanted.evse
    return "ClearChargingProfile", {"chargingProfileCriteria": criteria} if criteria else {}


def composite_schedule(wanted: ReportCompositeSchedule) -> tuple[str, Payload]:
    payload: Payload = {"evseId": wanted.evse, "duration": wanted.duration_s}
    return "GetCompositeSchedule", payload | (
        {} if wanted.unit is None else {"chargingRateUnit": wanted.unit}
    )


def get_profiles(wanted: ReportChargingProfiles) -> tuple[str, Payload]:
    """Return the call; it has to name a criterion, and all sources are all there is (K09.FR.03)."""
    criteria = _criteria(wanted.purpose, wanted.stack_level)
    if wanted.profiles:
        criteria["chargingProfileId"] = list(wanted.profiles)
    if wanted.sources or not criteria:
        criteria["chargingLimitSource"] = list(wanted.sources or _SOURCES)
    payload: Payload = {"requestId": wanted.request, "chargingProfile": criteria}
    if wanted.evse is not None:
        payload["evseId"] = wanted.evse
    return "GetChargingProfiles", payload


def _criteria(purpose: str | None, stack_level: int | None) -> Payload:
    criteria: Payload = {}
    if purpose is not None:
        criteria["chargingProfilePurpose"] = WORDS201.purposes[Purpose(purpose)]
    if stack_level is not None:
        criteria["stackLevel"] = stack_level
    return criteria


async def learn_set(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Remember a profile that a charger took, whoever sent it."""
    if answer["status"] != "Accepted":
        return
    if command.kind == Raw.kind:
        payload: Payload = command.arguments["payload"]
        profile = understood(payload["chargingProfile"], WORDS201, evse=payload["evseId"])
    else:
        profile = from_document(command.arguments["profile"])
    if profile is not None:
        await learning.accepted(tx, command.charger_id, profile)


async def learn_clear(tx: Tx, command: CommandRow, _: Payload) -> None:
    """Forget what a charger cleared; ``Unknown`` too says that it has no such profile."""
    if command.kind == Raw.kind:
        payload: Payload = command.arguments["payload"]
        criteria: Payload = payload.get("chargingProfileCriteria") or {}
        asked = clearing(
            criteria, WORDS201, id_=payload.get("chargingProfileId"), evse=criteria.get("evseId")
        )
    else:
        asked = msgspec.convert(command.arguments, ClearChargingProfile)
    if asked is not None:
        await learning.cleared(tx, command.charger_id, asked)


async def learn_composite(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Keep the composite schedule that an answer brings."""
    told = answer.get("schedule")
    found = None if told is None else understood_schedule(told)
    if told is None or found is None or answer["status"] != "Accepted":
        return
    place = sanity.whole(told["evseId"], lowest=0).value
    if place is None:
        return
    fact = CompositeTold(
        charger_id=command.charger_id,
        evse=place,
        start=instant(told["scheduleStart"])[0],
        duration_s=found.duration_s,
        unit=found.unit,
        schedule=found,
    )
    await learning.composite_told(tx, fact)


async def learn_of_profiles(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Take from GetChargingProfiles that there is none (K09.FR.02)."""
    if command.kind == ReportChargingProfiles.kind and answer["status"] == "NoProfiles":
        await learning.none_reported(tx, command.charger_id, command.arguments["request"])


def cleared_or_unknown(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge ClearChargingProfile: ``Unknown`` means that nothing fitted."""
    return (Verdict.UNKNOWN, "Unknown") if answer.get("status") == "Unknown" else by_status(answer)


def some_or_none(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge GetChargingProfiles: that there are none is an answer, too."""
    if answer.get("status") == "NoProfiles":
        return Verdict.ACCEPTED, "NoProfiles"
    return by_status(answer)


SMART_CHARGING: Final = Block(
    routes={
        "ClearedChargingLimit": Route(message=ClearedChargingLimit, handle=cleared_charging_limit),
        "NotifyChargingLimit": Route(message=NotifyChargingLimit, handle=notify_charging_limit),
        "NotifyEVChargingNeeds": Route(
            message=NotifyEVChargingNeeds, handle=notify_ev_charging_needs
        ),
        "NotifyEVChargingSchedule": Route(
            message=NotifyEVChargingSchedule, handle=notify_ev_charging_schedule
        ),
        "ReportChargingProfiles": Route(
            message=ReportChargingProfilesMessage, handle=report_charging_profiles
        ),
    },
    encoders={
        SetChargingProfile: set_profile,
        ClearChargingProfile: clear_profile,
        ReportCompositeSchedule: composite_schedule,
        ReportChargingProfiles: get_profiles,
    },
    learners={
        "ClearChargingProfile": learn_clear,
        "GetChargingProfiles": learn_of_profiles,
        "GetCompositeSchedule": learn_composite,
        "SetChargingProfile": learn_set,
    },
    judges={
        "ClearChargingProfile": cleared_or_unknown,
        "GetChargingProfiles": some_or_none,
    },
)
