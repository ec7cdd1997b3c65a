"""Monitors of chargers' variables (OCPP 2.0.1): wished for, reported; presets and levels."""

from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import Field

from core.chargers import registry
from core.chargers.models import Charger
from core.commands.commands import Command
from core.commands.monitoring import Place, ReportMonitors, SetMonitoringBase, SetMonitoringLevel
from core.desired import service as desired
from core.kernel.db import Tx
from core.kernel.errors import PlatformError, not_found
from core.upkeep import monitors, reports, transfers
from core.upkeep.states import ReportKind
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.deps import (
    READS,
    SUPPORT,
    Acting,
    NewestFirst,
    WaitingSupport,
    newest_page,
    resource,
)
from ops.operator_api.desired_views import desired_view
from ops.operator_api.upkeep_views import monitor_view, report_view
from ops.operator_api.views import command_view
from partner_api.deps import Transaction
from partner_api.fields import In, Whole

routes = resource("/chargers/{charger_id}", tag="monitoring")

Name = Annotated[str, Field(min_length=1, max_length=50)]
Number = Annotated[Whole, Field(ge=0, le=2**31 - 1)]
Type = Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
Criterion = Literal["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"]


class Where(In):
    """A component, or one of its variables."""

    component: Name = Field(examples=["Connector"])
    component_instance: Name | None = None
    evse: Number | None = None
    connector: Number | None = None
    variable: Name | None = Field(None, examples=["Temperature"])
    variable_instance: Name | None = None

    def place(self) -> Place:
        """Return it in the words of the domain."""
        given = self.model_dump(include=set(Where.model_fields))
        return Place(**given)


class MonitorIn(Where):
    """A monitor that a charger should have; of each type one watches a variable."""

    type: Type
    value: float = Field(
        allow_inf_nan=False,
        description="Threshold, difference, or seconds of a period.",
        examples=[80.0],
    )
    severity: Whole = Field(ge=0, le=9, description="0 danger ... 9 debug.")
    transaction: bool = Field(default=False, description="Active during transactions only.")


class Base(In):
    base: Literal["All", "FactoryDefault", "HardWiredOnly"]


class Level(In):
    severity: Whole = Field(ge=0, le=9, description="Events of this and lower numbers are sent.")


class ReportRequest(In):
    """Left out: all monitors; only such a report shows which ones are missing."""

    criteria: list[Criterion] = Field(default_factory=list, max_length=3)
    places: list[Where] = Field(default_factory=list, max_length=monitors.MAX_PLACES)


@routes.get("/monitors", dependencies=[READS], summary="What it watches and what it should watch")
async def show(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """`reported`: as it said; ask for a report to be sure. `wanted`: wishes and where they are."""
    await registry.get(tx, charger_id)
    wishes = await desired.of_charger(tx, charger_id, kind=monitors.KIND)
    return {
        "object": "monitors",
        "charger_id": charger_id,
        "wanted": [desired_view(wish) for wish in wishes],
        "reported": [monitor_view(one) for one in await monitors.monitors_of(tx, charger_id)],
    }


@routes.put("/monitors", status_code=202, dependencies=[SUPPORT], summary="Wish for a monitor")
async def want(charger_id: str, body: MonitorIn, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """The one of the same variable and type is replaced; set when the charger is there."""
    charger = await _of_201(tx, charger_id)
    wish = await monitors.want(
        tx,
        actor,
        charger,
        place=body.place(),
        type_=body.type,
        value=body.value,
        severity=body.severity,
        transaction=body.transaction,
    )
    return desired_view(wish)


@routes.delete(
    "/monitors/{desired_id}",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Wish a monitor away",
)
async def unwant(
    charger_id: str, desired_id: str, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """It is cleared when the charger is there; then the wish is gone, too."""
    charger = await registry.get(tx, charger_id)
    wish = await desired.get(tx, desired_id)
    if wish.charger_id != charger_id or wish.kind != monitors.KIND:
        raise not_found("monitor")
    return desired_view(await monitors.unwant(tx, actor, charger, wish))


@routes.post("/monitoring_base", status_code=202, summary="Activate a preset of monitors")
async def set_base(
    charger_id: str, body: Base, request: Request, waiter: WaitingSupport, wait: Wait = 0
) -> dict[str, Any]:
    """Answers with the command; monitors that were wished for may be gone: ask for a report."""
    command = SetMonitoringBase(base=body.base)
    return await _act(charger_id, command, request, waiter, wait)


@routes.post("/monitoring_level", status_code=202, summary="Say which events are worth sending")
async def set_level(
    charger_id: str, body: Level, request: Request, waiter: WaitingSupport, wait: Wait = 0
) -> dict[str, Any]:
    """Answers with the command."""
    command = SetMonitoringLevel(severity=body.severity)
    return await _act(charger_id, command, request, waiter, wait)


@routes.post("/monitoring_reports", status_code=202, summary="Ask which monitors a charger has")
async def request_report(
    charger_id: str,
    body: ReportRequest,
    request: Request,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Parts come one by one; when `status` is `complete`, wishes were compared with it."""
    places = [where.place() for where in body.places]
    for place in places:
        monitors.check_place(place, with_variable=False)
    command = ReportMonitors(
        request=transfers.new_request(), criteria=list(body.criteria), places=places
    )
    asked = {
        "criteria": list(body.criteria),
        "places": [where.model_dump() for where in body.places],
    }
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id, version="2.0.1")
        row = await ask(tx, request, waiter, charger, command)
        report = await reports.begin(
            tx, row, kind=ReportKind.MONITORS, request=command.request, asked=asked
        )
    row = await settled(waiter, row, wait_s=wait)
    async with waiter.look() as tx:
        found = await reports.get(tx, report.id, kind=ReportKind.MONITORS)
    return {**report_view(found), "command": command_view(row)}


@routes.get("/monitoring_reports", dependencies=[READS], summary="Reports asked for, newest first")
async def list_reports(charger_id: str, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """`parts` and `entries` grow while parts come in."""
    await registry.get(tx, charger_id)
    found = await reports.list_reports(
        tx,
        charger_id=charger_id,
        kind=ReportKind.MONITORS,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, report_view)


async def _act(
    charger_id: str, command: Command, request: Request, waiter: WaitingSupport, wait: int
) -> dict[str, Any]:
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id, version="2.0.1")
        row = await ask(tx, request, waiter, charger, command)
    return command_view(await settled(waiter, row, wait_s=wait))


async def _of_201(tx: Tx, charger_id: str) -> Charger:
    """Return a charger that may have monitors: OCPP 1.6 has none."""
    charger = await registry.get(tx, charger_id)
    if charger.ocpp_version == "1.6":
        raise PlatformError("conflict", "OCPP 1.6 has no monitors; this charger speaks 1.6.")
    return charger
