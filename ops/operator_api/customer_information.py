"""Customer information (OCPP 2.0.1): what a charger keeps of a person. Personal, so admins only."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Request, Response
from pydantic import Field

from core.chargers import registry
from core.kernel.db import Tx
from core.kernel.errors import not_found
from core.upkeep import customer, reports
from core.upkeep.customer import CertificateHash, CustomerSpec
from core.upkeep.report_models import Report
from core.upkeep.states import ReportKind
from ops.operator_api.asking import Wait, ask, connected_charger, settled
from ops.operator_api.deps import (
    ADMIN,
    READS,
    Acting,
    NeedsToWait,
    NewestFirst,
    Waiter,
    newest_page,
    resource,
)
from ops.operator_api.upkeep_views import report_view
from ops.operator_api.views import command_view
from partner_api.deps import Transaction
from partner_api.fields import In
from partner_api.services import Services

routes = resource("/chargers/{charger_id}/customer_information", tag="customer information")

WaitingAdmin = Annotated[Waiter, Depends(NeedsToWait(()))]

_KIND = ReportKind.CUSTOMER_INFORMATION


class Certificate(In):
    """The hash of a customer's certificate; hexadecimal."""

    algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: str = Field(max_length=128)
    issuer_key_hash: str = Field(max_length=128)
    serial_number: str = Field(max_length=40)


class CustomerRequest(In):
    """Whose data; exactly one of `customer`, `token` (with `token_type`) and `certificate`."""

    report: bool = Field(default=True, description="Tell what is kept.")
    clear: bool = Field(default=False, description="Then delete it from the charger.")
    customer: str | None = Field(None, max_length=64, description="An identifier of yours.")
    token: str | None = Field(None, max_length=36)
    token_type: str | None = Field(None, examples=["ISO14443", "Central"])
    certificate: Certificate | None = None

    def spec(self) -> CustomerSpec:
        """Return it in the words of the domain."""
        given = self.model_dump(exclude={"certificate"})
        hashed = self.certificate
        certificate = None if hashed is None else CertificateHash(**hashed.model_dump())
        return CustomerSpec(**given, certificate=certificate)


@routes.post("", status_code=202, summary="Ask what a charger keeps of a customer, or clear it")
async def request_information(
    charger_id: str,
    body: CustomerRequest,
    request: Request,
    response: Response,
    waiter: WaitingAdmin,
    wait: Wait = 0,
) -> dict[str, Any]:
    """Answers with the report, without the data: show those once with `/show`."""
    async with waiter.look() as tx:
        charger = await connected_charger(tx, charger_id, version="2.0.1")
        spec = body.spec()
        command = customer.command(Services.of(request.scope).vault, charger, spec)
        row = await ask(tx, request, waiter, charger, command)
        report = await customer.begun(tx, waiter.actor, command, row)
        await customer.forget_listed(tx, waiter.actor, charger, spec)
    path = f"/operator/v1/chargers/{charger_id}/customer_information/{report.id}"
    response.headers["Location"] = path
    row = await settled(waiter, row, wait_s=wait)
    async with waiter.look() as tx:
        found = await reports.get(tx, report.id, kind=_KIND)
    return {**report_view(found), "command": command_view(row)}


@routes.get("", dependencies=[READS], summary="Requests, the newest first, without the data")
async def list_requests(charger_id: str, page: NewestFirst, tx: Transaction) -> dict[str, Any]:
    """Who asked, when, and how far the report is."""
    await registry.get(tx, charger_id)
    found = await reports.list_reports(
        tx,
        charger_id=charger_id,
        kind=_KIND,
        before_number=page.before_number,
        limit=page.limit + 1,
    )
    return newest_page(found, page, report_view)


@routes.get("/{report_id}", dependencies=[READS], summary="One request, without the data")
async def look(charger_id: str, report_id: str, tx: Transaction) -> dict[str, Any]:
    """`status` is `complete` when all parts have come."""
    return report_view(await _of(tx, charger_id, report_id))


@routes.post("/{report_id}/show", dependencies=[ADMIN], summary="The data, once")
async def reveal(charger_id: str, report_id: str, tx: Transaction, actor: Acting) -> dict[str, Any]:
    """Deleted by this answer; the audit trail keeps who looked, not what there was to see."""
    await _of(tx, charger_id, report_id)
    report, data = await customer.reveal(tx, actor, report_id)
    return {**report_view(report), "data": data}


async def _of(tx: Tx, charger_id: str, report_id: str) -> Report:
    report = await reports.get(tx, report_id, kind=_KIND)
    if report.charger_id != charger_id:
        raise not_found("report")
    return report
