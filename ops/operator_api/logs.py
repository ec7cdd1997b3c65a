"""Logs of chargers: ask for one, follow it."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from core.chargers import registry
from core.kernel.errors import not_found
from core.upkeep import logs, transfers
from core.upkeep.logs import LogKind, LogSpec, Method
from core.upkeep.states import LOGS
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.deps import READS, NewestFirst, WaitingSupport, newest_page, resource
from ops.operator_api.upkeep_views import transfer_view
from ops.operator_api.views import command_view
from partner_api.deps import Transaction
from partner_api.fields import In, Instant, Whole
from partner_api.services import Services

routes = resource("", tag="logs")


class LogRequest(In):
    """A log that a charger brings to an address: its own upload, not through the platform."""

    location: str = Field(
        max_length=512,
        description="http(s), ftp(s) or sftp: a directory for OCPP 1.6 diagnostics. Credentials "
        "and query are stored encrypted and never shown.",
        examples=["ftp://user:secret@files.example.org/logs/"],
    )
    kind: Literal["diagnostics", "security"] = "diagnostics"
    method: Literal["auto", "get_log", "get_diagnostics"] = Field(
        "auto",
        description="OCPP 1.6 knows GetDiagnostics, and GetLog with the security extension. "
        "`auto`: GetDiagnostics for diagnostics of 1.6, else GetLog.",
    )
    oldest_at: Instant | None = None
    latest_at: Instant | None = None
    retries: Whole | None = Field(None, ge=0, le=100, description="Of the charger itself.")
    retry_s: Whole | None = Field(None, ge=0, le=86_400, description="Pause between its retries.")


@routes.post("/chargers/{charger_id}/logs", status_code=202, summary="Ask a charger for a log")
async def request_log(
    charger_id: str,
    body: LogRequest,
    request: Request,
    response: Response,
    waiter: WaitingSupport,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Answers with the transfer; follow it at `Location` until `ended_at` is set."""
    given = body.model_dump() | {"kind": LogKind(body.kind), "method": Method(body.method)}
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id)
        command = logs.command(Services.of(request.scope).vault, charger, LogSpec(**given))
        row = await ask(tx, request, waiter, charger, command)
        transfer = await logs.begun(tx, command, row)
    response.headers["Location"] = f"/operator/v1/chargers/{charger_id}/logs/{transfer.id}"
    row = await settled(waiter, row, wait_s=wait)
    async with waiter.look() as tx:
        return {**transfer_view(await transfers.get(tx, transfer.id)), "command": command_view(row)}


@routes.get(
    "/chargers/{charger_id}/logs", dependencies=[READS], summary="Its logs, the newest first"
)
async def list_logs(charger_id: str, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """Every log that it was asked for."""
    await registry.get(tx, charger_id)
    found = await transfers.list_transfers(
        tx,
        charger_id=charger_id,
        kinds=LOGS,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, transfer_view)


@routes.get(
    "/chargers/{charger_id}/logs/{transfer_id}", dependencies=[READS], summary="One log's progress"
)
async def show_log(charger_id: str, transfer_id: str, tx: Transaction) -> dict[str, Any]:
    """With every status that the charger reported; `file_name` is the charger's."""
    found = await transfers.get(tx, transfer_id)
    if found.charger_id != charger_id or found.kind not in LOGS:
        raise not_found("log")
    return transfer_view(found, await transfers.news_of(tx, transfer_id))


@routes.get("/logs", dependencies=[READS], summary="Logs of all chargers, the newest first")
async def all_logs(
    page: NewestFirst,
    tx: Transaction,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """Every filter narrows it."""
    found = await transfers.list_transfers(
        tx,
        charger_id=charger_id,
        kinds=LOGS,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, transfer_view)
