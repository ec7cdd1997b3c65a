"""Messages on chargers' displays (OCPP 2.0.1): wished for, reported."""

from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import Field

from core.chargers import registry
from core.commands.display import ReportDisplayMessages
from core.desired import service as desired
from core.kernel.errors import PlatformError
from core.upkeep import display, reports, transfers
from core.upkeep.display import MessageSpec
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
from ops.operator_api.upkeep_views import message_view, report_view
from ops.operator_api.views import command_view
from partner_api.deps import Transaction
from partner_api.fields import In, Instant, Whole

routes = resource("/chargers/{charger_id}", tag="display")

Priority = Literal["AlwaysFront", "InFront", "NormalCycle"]
State = Literal["Charging", "Faulted", "Idle", "Unavailable"]
MessageNumber = Annotated[int, Path(ge=0, le=2**31 - 1, description="Chosen by you.")]


class Message(In):
    """A message as a charger should show it."""

    content: str = Field(min_length=1, max_length=512)
    format: Literal["ASCII", "HTML", "URI", "UTF8"] = "UTF8"
    language: str | None = Field(None, min_length=1, max_length=8, examples=["en"])
    priority: Priority = "NormalCycle"
    state: State | None = Field(None, description="Shown in this state only.")
    start_at: Instant | None = None
    end_at: Instant | None = Field(None, description="Removed by the charger then.")
    transaction_ref: str | None = Field(
        None, min_length=1, max_length=36, description="Removed when that transaction ends."
    )
    display: str | None = Field(None, min_length=1, max_length=50, examples=["Display"])
    display_evse: Whole | None = Field(None, ge=0, le=2**31 - 1)


class ReportRequest(In):
    """Left out: all messages; only such a report shows which ones are missing."""

    messages: list[Annotated[Whole, Field(ge=0, le=2**31 - 1)]] = Field(
        default_factory=list, max_length=200
    )
    priority: Priority | None = None
    state: State | None = None


@routes.get(
    "/display_messages", dependencies=[READS], summary="What it shows and what it should show"
)
async def show(charger_id: str, tx: Transaction) -> dict[str, Any]:
    """`reported`: as it said; ask for a report to be sure. `wanted`: wishes and where they are."""
    await registry.get(tx, charger_id)
    wishes = await desired.of_charger(tx, charger_id, kind=display.KIND)
    return {
        "object": "display_messages",
        "charger_id": charger_id,
        "wanted": [desired_view(wish) for wish in wishes],
        "reported": [message_view(one) for one in await display.messages_of(tx, charger_id)],
    }


@routes.put(
    "/display_messages/{number}",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Wish for a message on the display",
)
async def want(
    charger_id: str, number: MessageNumber, body: Message, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """The one of the same number is replaced; set when the charger is there."""
    charger = await registry.get(tx, charger_id)
    if charger.ocpp_version == "1.6":
        raise PlatformError("conflict", "OCPP 1.6 has no display messages; this speaks 1.6.")
    spec = MessageSpec(message=number, **body.model_dump())
    return desired_view(await display.want(tx, actor, charger, spec))


@routes.delete(
    "/display_messages/{number}",
    status_code=202,
    dependencies=[SUPPORT],
    summary="Wish a message away",
)
async def unwant(
    charger_id: str, number: MessageNumber, tx: Transaction, actor: Acting
) -> dict[str, Any]:
    """It is cleared when the charger is there, whoever set it; then the wish is gone, too."""
    charger = await registry.get(tx, charger_id)
    return desired_view(await display.unwant(tx, actor, charger, number))


@routes.post("/display_message_reports", status_code=202, summary="Ask what a charger shows")
async def request_report(
    charger_id: str,
    body: ReportRequest,
    request: Request,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Parts come one by one; when `status` is `complete`, wishes were compared with it."""
    command = ReportDisplayMessages(
        request=transfers.new_request(),
        messages=list(body.messages),
        priority=body.priority,
        state=body.state,
    )
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id, version="2.0.1")
        row = await ask(tx, request, waiter, charger, command)
        report = await reports.begin(
            tx,
            row,
            kind=ReportKind.DISPLAY_MESSAGES,
            request=command.request,
            asked=body.model_dump(),
        )
    row = await settled(waiter, row, wait_s=wait)
    async with waiter.look() as tx:
        found = await reports.get(tx, report.id, kind=ReportKind.DISPLAY_MESSAGES)
    return {**report_view(found), "command": command_view(row)}


@routes.get(
    "/display_message_reports", dependencies=[READS], summary="Reports asked for, newest first"
)
async def list_reports(charger_id: str, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """`parts` and `entries` grow while parts come in."""
    await registry.get(tx, charger_id)
    found = await reports.list_reports(
        tx,
        charger_id=charger_id,
        kind=ReportKind.DISPLAY_MESSAGES,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, report_view)
