"""What happens when a charger introduces itself, in either version."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Literal

import structlog

from core.chargers import presence, reports
from core.chargers import status as live
from core.chargers.facts import Booted
from core.chargers.states import Registration
from core.commands import service as commands
from core.commands.commands import Command, LimitConnectionTimeout, ReportInventory, ReportStatus
from core.desired import service as desired
from core.kernel.times import rfc3339
from core.sessions import recovery
from core.upkeep import firmware
from csms.adapter import Context

log = structlog.get_logger()

BootStatus = Literal["Accepted", "Pending", "Rejected"]

JITTER: Final = 0.1
PENDING_INTERVAL_S: Final = 60
ASK_WITHIN: Final = timedelta(minutes=10)
CONNECTION_TIMEOUT_S: Final = 45
CONNECTION_TIMEOUT_MARGIN_S: Final = 15
MAX_REQUEST_ID: Final = 2**31 - 1
MAX_STATUSES_ASKED: Final = 10

_STATUS: Final[dict[Registration, BootStatus]] = {
    Registration.ACCEPTED: "Accepted",
    Registration.PENDING: "Pending",
}


async def welcome(ctx: Context, fact: Booted) -> dict[str, Any]:
    """Record a boot and return the members of the answer: status, time, interval in seconds.

    An accepted charger is then asked for what we have to know of it, in the background. One that
    waits for approval may be given the variables that are wanted of it (OCPP 2.0.1 B02).
    """
    status = _STATUS.get(ctx.charger.registration, "Rejected")
    charger = await presence.booted(ctx.tx, fact, answer=status, before=ctx.charger)
    ctx.changed.append(charger)
    has_wishes = status != "Rejected" and await desired.has_wishes(ctx.tx, charger.id)
    if status == "Accepted":
        await recovery.booted(ctx.tx, charger.id)
        if has_wishes:
            await firmware.booted(ctx.tx, charger.id, charger.firmware_version)
        await _ask(ctx, await _questions(ctx))
    if has_wishes:
        await desired.booted(ctx.tx, charger)
    log.info("charger_booted", registration=status, reason=fact.reason)
    return {
        "currentTime": rfc3339(ctx.tx.now),
        "interval": _interval_s(ctx, status),
        "status": status,
    }


def _interval_s(ctx: Context, status: BootStatus) -> int:
    """Return the heartbeat interval, jittered so that a fleet does not beat as one."""
    usual_s = ctx.settings.heartbeat_interval.total_seconds()
    if status != "Accepted":
        usual_s = min(usual_s, PENDING_INTERVAL_S)
    return max(1, round(usual_s * ctx.rng.uniform(1 - JITTER, 1 + JITTER)))


async def _questions(ctx: Context) -> list[Command]:
    questions: list[Command] = []
    deadline_s = ctx.settings.confirm_within.total_seconds()
    timeout_s = min(CONNECTION_TIMEOUT_S, int(deadline_s) - CONNECTION_TIMEOUT_MARGIN_S)
    if timeout_s >= CONNECTION_TIMEOUT_MARGIN_S:
        questions.append(LimitConnectionTimeout(timeout_s=timeout_s))
    questions.append(ReportInventory(request=ctx.rng.randint(1, MAX_REQUEST_ID)))
    silent = await live.silent_places(ctx.tx, ctx.charger.id)
    if ctx.charger.ocpp_version != "1.6":  # each by its place (OCPP 2.0.1 F06.FR.13)
        places = (silent or ())[:MAX_STATUSES_ASKED]
        questions += [ReportStatus(evse=evse, connector=connector) for evse, connector in places]
    elif silent is None or silent:
        questions.append(ReportStatus())
    return questions


async def _ask(ctx: Context, questions: Sequence[Command]) -> None:
    """Queue what does not wait already; a full queue is no reason to refuse a boot."""
    asked = await commands.enqueue_background(
        ctx.tx,
        charger=ctx.charger,
        wanted=questions,
        expires_at=ctx.tx.now + ASK_WITHIN,
        timeout_s=ctx.settings.command_timeout.total_seconds(),
    )
    for command, command_id in asked.items():
        if isinstance(command, ReportInventory) and ctx.charger.ocpp_version != "1.6":
            await reports.expect(
                ctx.tx,
                ctx.charger.id,
                request=command.request,
                kind="FullInventory",
                command_id=command_id,
            )
