"""Charging profiles: wanted against reported, of a running session, what a charger should do."""

import secrets
from typing import Annotated, Any, Final

from fastapi import Path, Query, Request, Response

from core.chargers import registry
from core.chargers.models import Charger
from core.commands.models import CommandRow
from core.commands.smart_charging import (
    ClearChargingProfile,
    ReportCompositeSchedule,
)
from core.desired import service as desired
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.sessions import queries
from core.smart_charging import queries as known
from core.smart_charging import service as profiles
from core.smart_charging.composite import MAX_DURATION_S, Composite, Running, Supply
from core.smart_charging.profiles import (
    OWN_SOURCE,
    WHOLE_CHARGER,
    Purpose,
    RateUnit,
)
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.charging_bodies import (
    MAX_ID,
    ClearIn,
    CompositeIn,
    ProfileIn,
    ProfileReportIn,
    SessionProfileIn,
    exact,
)
from ops.operator_api.charging_views import (
    composite_view,
    limit_view,
    needs_view,
    profile_view,
    reported_schedule_view,
    wish_view,
)
from ops.operator_api.deps import READS, SUPPORT, Acting, WaitingSupport, resource
from ops.operator_api.views import command_view
from partner_api.answers import listed
from partner_api.deps import Transaction
from partner_api.fields import Count
from partner_api.services import Services

routes = resource("", tag="smart charging")

_PROFILES: Final = "/chargers/{charger_id}/charging_profiles"

Id = Annotated[int, Path(ge=0, le=MAX_ID)]
EvseQuery = Annotated[Count, Query(ge=0, le=255, description="0: the whole charger.")]
DurationQuery = Annotated[Count, Query(ge=1, le=MAX_DURATION_S, description="Seconds from now.")]
VoltageQuery = Annotated[
    float, Query(gt=0, le=1500, description="Of a phase, to convert between A and W.")
]
PhasesQuery = Annotated[Count, Query(ge=1, le=3, description="Where a profile does not say.")]


@routes.get(_PROFILES, dependencies=[READS], summary="Its charging profiles, wanted and known")
async def list_profiles(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """Each profile that the platform wants there or knows to be there.

    `wanted` is what an operator asked for and how far it is; `known` what the charger accepted or
    reported. Profiles with another `source` than `CSO` were set at the site.
    """
    await registry.get(tx, charger_id)
    wishes = {
        int(wish.key): wish for wish in await desired.of_charger(tx, charger_id, kind=profiles.KIND)
    }
    rows = await known.profiles(tx, charger_id)
    data = [
        profile_view(row, wishes.pop(row.profile_id, None) if row.source == OWN_SOURCE else None)
        for row in rows
    ]
    data += [wish_view(wish) for wish in wishes.values()]
    return listed(data, has_more=False, next_cursor=None)


@routes.post(_PROFILES, status_code=202, dependencies=[SUPPORT], summary="Want a charging profile")
async def add_profile(
    charger_id: str, body: ProfileIn, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """With an id that is free at this charger; sent when the charger is there, and kept there."""
    charger = await registry.get(tx, charger_id)
    return await _want(tx, actor, charger, body, await profiles.next_id(tx, charger_id))


@routes.put(
    f"{_PROFILES}/{{profile}}",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Want a charging profile with this id",
)
async def put_profile(
    charger_id: str, profile: Id, body: ProfileIn, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """In place of the one that has it; the same again is sent again."""
    charger = await registry.get(tx, charger_id)
    return await _want(tx, actor, charger, body, profile)


@routes.delete(
    f"{_PROFILES}/{{profile}}",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Want it gone",
)
async def remove_profile(
    charger_id: str, profile: Id, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """Cleared at the charger when it is there; it is off the list when the charger says so."""
    charger = await registry.get(tx, charger_id)
    return wish_view(await profiles.unwant(tx, actor, charger, profile))


@routes.post(
    f"{_PROFILES}/clear", status_code=202, summary="Clear profiles at the charger, by criteria"
)
async def clear_profiles(
    charger_id: str,
    body: ClearIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """An act, sent now or never.

    A profile that is still wanted is sent again afterwards: to be rid of it, DELETE it.
    """
    command = ClearChargingProfile(
        profile=body.id, evse=body.evse, purpose=body.purpose, stack_level=body.stack_level
    )
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        row = await ask(tx, request, waiter, charger, command)
    return command_view(await settled(waiter, _told(response, row), wait_s=wait))


@routes.post(
    f"{_PROFILES}/report", status_code=202, summary="Ask the charger which profiles it has (2.0.1)"
)
async def ask_for_report(
    charger_id: str,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    body: ProfileReportIn | None = None,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Of all profiles, or by criteria.

    The parts of its report arrive one by one; the last one corrects the list, where it was asked
    for, and finds drift.
    """
    command = (body or ProfileReportIn()).command(1 + secrets.randbelow(MAX_ID))
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id, version="2.0.1")
        row = await ask(tx, request, waiter, charger, command)
        await profiles.report_asked(tx, charger_id, command)
    return command_view(await settled(waiter, _told(response, row), wait_s=wait))


@routes.post(
    "/sessions/{session_id}/charging_profile",
    status_code=202,
    summary="Limit a running session",
)
async def limit_session(
    session_id: str,
    body: SessionProfileIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """A TxProfile: an act, sent now or never, and gone with the session.

    It takes the place of the one that the session has at its stack level.
    """
    async with waiter.look() as tx:
        session = await queries.get_session(tx, session_id, owner=None)
        if not session.is_open:
            raise PlatformError(
                "session_not_active", "The session is over; a profile needs one that goes on."
            )
        if session.connector_id is None:
            raise PlatformError("conflict", "The charger has not said at which EVSE it charges.")
        place = await registry.connector(tx, session.connector_id)
        charger = await connected_charger(tx, session.charger_id)
        profile = body.profile(
            id_=await profiles.id_for_transaction(
                tx,
                charger.id,
                evse=place.evse,
                stack_level=body.stack_level,
                transaction_ref=session.transaction_ref,
            ),
            evse=place.evse,
            purpose=Purpose.TRANSACTION,
            transaction_ref=session.transaction_ref,
        )
        row = await profiles.send_for_transaction(
            tx,
            waiter.actor,
            charger,
            profile,
            session_id=session.id,
            timeout_s=Services.of(request.scope).settings.command_timeout.total_seconds(),
        )
    return command_view(await settled(waiter, _told(response, row), wait_s=wait))


@routes.get(
    "/chargers/{charger_id}/composite_schedule",
    dependencies=[READS],
    summary="What an EVSE should do from now on, and what it last said",
)
async def show_composite(
    charger_id: str,
    tx: Transaction,
    evse: EvseQuery = 0,
    duration_s: DurationQuery = 86_400,
    unit: Annotated[str, Query(pattern="^[AW]$")] = "A",
    voltage_v: VoltageQuery = 230,
    phases: PhasesQuery = 3,
) -> dict[str, Any]:
    """`reported` is its last answer to GetCompositeSchedule; a `limit` of null: no limit.

    `expected` is made of all profiles that the charger is known to have and of limits from outside.
    """
    await registry.get(tx, charger_id)
    found = await _expected(
        tx,
        charger_id,
        evse=evse,
        duration_s=duration_s,
        unit=RateUnit(unit),
        supply=Supply(voltage_v=exact(voltage_v), phases=phases),
    )
    return await _composite(tx, charger_id, found, evse)


@routes.post(
    "/chargers/{charger_id}/composite_schedule",
    status_code=202,
    summary="Ask what an EVSE will do, and compare",
)
async def ask_for_composite(
    charger_id: str,
    body: CompositeIn,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """With `wait`, `reported` is this answer; without, GET it later."""
    command = ReportCompositeSchedule(evse=body.evse, duration_s=body.duration_s, unit=body.unit)
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        row = await ask(tx, request, waiter, charger, command)
    row = await settled(waiter, _told(response, row), wait_s=wait)
    async with waiter.look() as tx:
        found = await _expected(
            tx,
            charger_id,
            evse=body.evse,
            duration_s=body.duration_s,
            unit=RateUnit(body.unit or "A"),
            supply=Supply(voltage_v=exact(body.voltage_v), phases=body.phases),
        )
        view = await _composite(tx, charger_id, found, body.evse)
    return {**view, "command": command_view(row)}


@routes.get(
    "/chargers/{charger_id}/charging_limits",
    dependencies=[READS],
    summary="Limits that somebody else has set (2.0.1)",
)
async def list_limits(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """Energy management at the site or the grid operator, as the charger told."""
    await registry.get(tx, charger_id)
    data = [limit_view(limit) for limit in await known.limits(tx, charger_id)]
    return listed(data, has_more=False, next_cursor=None)


@routes.get(
    "/chargers/{charger_id}/charging_needs",
    dependencies=[READS],
    summary="What vehicles told of themselves (2.0.1, ISO 15118)",
)
async def list_needs(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """The last vehicle of each EVSE: its needs, the plan for it, and what it said it will do."""
    await registry.get(tx, charger_id)
    data = [needs_view(needs) for needs in await known.needs(tx, charger_id)]
    return listed(data, has_more=False, next_cursor=None)


async def _want(
    tx: Tx, actor: Any, charger: Charger, body: ProfileIn, profile_id: int
) -> dict[str, Any]:
    profile = body.profile(
        id_=profile_id,
        evse=body.evse,
        purpose=body.purpose,
        valid_from=body.valid_from,
        valid_to=body.valid_to,
    )
    return wish_view(await profiles.want(tx, actor, charger, profile))


async def _expected(
    tx: Tx, charger_id: str, *, evse: int, duration_s: int, unit: RateUnit, supply: Supply
) -> Composite:
    session = None
    if evse != WHOLE_CHARGER:
        session = await queries.current_on(tx, charger_id, evse)
    running = None
    if session is not None:
        running = Running(ref=session.transaction_ref, started_at=session.started_at)
    return await profiles.expected(
        tx,
        charger_id,
        evse=evse,
        at=tx.now,
        duration_s=duration_s,
        unit=unit,
        supply=supply,
        running=running,
    )


async def _composite(tx: Tx, charger_id: str, found: Composite, evse: int) -> dict[str, Any]:
    said = await known.composite_at(tx, charger_id, evse)
    return {
        "object": "composite_schedule",
        "charger_id": charger_id,
        "evse": evse,
        "expected": composite_view(found),
        "reported": None if said is None else reported_schedule_view(said),
    }


def _told(response: Response, row: CommandRow) -> CommandRow:
    response.headers["Location"] = f"/operator/v1/chargers/{row.charger_id}/commands/{row.id}"
    return row
