"""OCPP 1.6: charging profiles (3.13, 5.3, 5.7, 5.16)."""

from typing import Final

import msgspec

from core.commands.commands import Raw, Verdict
from core.commands.models import CommandRow
from core.commands.smart_charging import (
    ClearChargingProfile,
    ReportCompositeSchedule,
    SetChargingProfile,
)
from core.kernel.db import Tx
from core.smart_charging import learning
from core.smart_charging.facts import CompositeTold
from core.smart_charging.profiles import Purpose, from_document
from csms import sanity
from csms.adapter import Block, by_status
from csms.charging_profiles import (
    WORDS16,
    clearing,
    understood,
    understood_schedule,
    written,
)
from csms.protocol import Payload
from csms.readings import instant


def set_profile(wanted: SetChargingProfile) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for what 1.6 cannot say."""
    profile = from_document(wanted.profile)
    return "SetChargingProfile", {
        "connectorId": profile.evse,
        "csChargingProfiles": written(profile, WORDS16),
    }


def clear_profile(wanted: ClearChargingProfile) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for a purpose that 1.6 does not have."""
    payload: Payload = {"id": wanted.profile, "connectorId": wanted.evse}
    if wanted.purpose is not None:
        purpose = Purpose(wanted.purpose)
        if purpose not in WORDS16.purposes:
            raise ValueError(f"OCPP 1.6 has no profile for {purpose}")
        payload["chargingProfilePurpose"] = WORDS16.purposes[purpose]
    payload["stackLevel"] = wanted.stack_level
    return "ClearChargingProfile", {k: v for k, v in payload.items() if v is not None}


def composite_schedule(wanted: ReportCompositeSchedule) -> tuple[str, Payload]:
    payload: Payload = {"connectorId": wanted.evse, "duration": wanted.duration_s}
    return "GetCompositeSchedule", payload | (
        {} if wanted.unit is None else {"chargingRateUnit": wanted.unit}
    )


async def learn_set(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Remember a profile that a charger took, whoever sent it."""
    if answer["status"] != "Accepted":
        return
    if command.kind == Raw.kind:
        payload: Payload = command.arguments["payload"]
        evse = payload["connectorId"]
        profile = understood(payload["csChargingProfiles"], WORDS16, evse=evse)
    else:
        profile = from_document(command.arguments["profile"])
    if profile is not None:
        await learning.accepted(tx, command.charger_id, profile)


async def learn_clear(tx: Tx, command: CommandRow, _: Payload) -> None:
    """Forget what a charger cleared; ``Unknown`` too says that it has no such profile."""
    if command.kind == Raw.kind:
        payload: Payload = command.arguments["payload"]
        asked = clearing(payload, WORDS16, id_=payload.get("id"), evse=payload.get("connectorId"))
    else:
        asked = msgspec.convert(command.arguments, ClearChargingProfile)
    if asked is not None:
        await learning.cleared(tx, command.charger_id, asked)


async def learn_composite(tx: Tx, command: CommandRow, answer: Payload) -> None:
    """Keep the composite schedule that an answer brings."""
    schedule = answer.get("chargingSchedule")
    found = understood_schedule(schedule) if schedule is not None else None
    asked = command.arguments.get("payload", {}).get("connectorId", command.arguments.get("evse"))
    evse = sanity.whole(answer.get("connectorId", asked), lowest=0).value
    if answer["status"] != "Accepted" or found is None or evse is None:
        return
    fact = CompositeTold(
        charger_id=command.charger_id,
        evse=evse,
        start=instant(answer.get("scheduleStart"))[0] or found.start,
        duration_s=found.duration_s,
        unit=found.unit,
        schedule=found,
    )
    await learning.composite_told(tx, fact)


def cleared_or_unknown(answer: Payload) -> tuple[Verdict, str | None]:
    """Judge ClearChargingProfile: ``Unknown`` means that nothing fitted."""
    return (Verdict.UNKNOWN, "Unknown") if answer.get("status") == "Unknown" else by_status(answer)


SMART_CHARGING: Final = Block(
    encoders={
        SetChargingProfile: set_profile,
        ClearChargingProfile: clear_profile,
        ReportCompositeSchedule: composite_schedule,
    },
    learners={
        "SetChargingProfile": learn_set,
        "ClearChargingProfile": learn_clear,
        "GetCompositeSchedule": learn_composite,
    },
    judges={"ClearChargingProfile": cleared_or_unknown},
)
