"""OCPP 2.0.1 N09, N10: what a charger keeps of a customer."""

from typing import Any

import pytest

from core.audit.service import CLI
from core.commands import service as commands
from core.kernel.errors import PlatformError
from core.upkeep import customer, reports
from core.upkeep.customer import CertificateHash, CustomerSpec
from core.upkeep.report_models import Report
from core.upkeep.states import ReportKind, ReportStatus
from tests.conformance.support import ask, booted, charger_of
from tests.csms.live import AT, RawCharger, Running
from tests.eventually import eventually

KIND = ReportKind.CUSTOMER_INFORMATION
HASH = CertificateHash(
    algorithm="SHA256", issuer_name_hash="ab", issuer_key_hash="cd", serial_number="01"
)


async def ask_for(server: Running, **spec: Any) -> Report:
    row = await charger_of(server)
    given = CustomerSpec(**{"report": True, "clear": False} | spec)
    command = customer.command(server.vault, row, given)
    queued = await ask(server, command)
    async with server.db.transaction() as tx:
        return await customer.begun(tx, CLI, command, queued)


async def report_is(server: Running, report: Report, status: ReportStatus) -> Report:
    async def probe() -> Report | None:
        async with server.db.transaction() as tx:
            found = await reports.get(tx, report.id, kind=KIND)
        return found if found.status is status else None

    return await eventually(probe)


async def tell(cp: RawCharger, request: int, seq: int, data: str, *, more: bool) -> None:
    message = {"requestId": request, "seqNo": seq, "data": data, "tbc": more, "generatedAt": AT}
    assert await cp.result("NotifyCustomerInformation", message) == {}


@pytest.mark.ocpp("2.0.1", "CustomerInformation")
@pytest.mark.ocpp("2.0.1", "NotifyCustomerInformation")
async def test_n09_parts_are_put_together_and_shown_once(server: Running) -> None:
    replies = {"CustomerInformation": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        report = await ask_for(server, token="AABB", token_type="ISO14443")
        _, _, _, payload = await cp.called("CustomerInformation")
        assert payload["idToken"] == {"idToken": "AABB", "type": "ISO14443"}
        request = payload["requestId"]
        await tell(cp, request, 1, "in Berne", more=False)
        await report_is(server, report, ReportStatus.RECEIVING)
        await tell(cp, request, 0, "charged ", more=True)
        await tell(cp, request, 0, "charged ", more=True)
        await report_is(server, report, ReportStatus.COMPLETE)
    async with server.db.transaction() as tx:
        _, data = await customer.reveal(tx, CLI, report.id)
    assert data == "charged in Berne"
    async with server.db.transaction() as tx:
        with pytest.raises(PlatformError, match="shown before"):
            await customer.reveal(tx, CLI, report.id)


@pytest.mark.ocpp("2.0.1", "CustomerInformation")
async def test_who_it_is_about_is_stored_only_encrypted(server: Running) -> None:
    replies = {"CustomerInformation": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        report = await ask_for(server, customer="jane@example.org")
        _, _, _, payload = await cp.called("CustomerInformation")
        assert payload["customerIdentifier"] == "jane@example.org"
        async with server.db.transaction() as tx:
            row = await commands.get(tx, report.command_id)
    assert "jane" not in str(row.arguments)


@pytest.mark.ocpp("2.0.1", "CustomerInformation")
@pytest.mark.ocpp("2.0.1", "NotifyCustomerInformation")
async def test_n10_clearing_needs_no_report(server: Running) -> None:
    replies = {"CustomerInformation": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        report = await ask_for(server, report=False, clear=True, certificate=HASH)
        _, _, _, payload = await cp.called("CustomerInformation")
        assert (payload["report"], payload["clear"]) == (False, True)
        assert payload["customerCertificate"]["hashAlgorithm"] == "SHA256"
        await report_is(server, report, ReportStatus.COMPLETE)
        await tell(cp, payload["requestId"], 0, "cleared", more=False)


@pytest.mark.ocpp("2.0.1", "CustomerInformation")
@pytest.mark.parametrize("word", ["Rejected", "Invalid"])
async def test_n09_a_refusal_keeps_the_word(server: Running, word: str) -> None:
    replies = {"CustomerInformation": {"status": word}}
    async with booted(server, "2.0.1", replies=replies):
        report = await ask_for(server, customer="jane")
        assert (await report_is(server, report, ReportStatus.REFUSED)).word == word


@pytest.mark.ocpp("2.0.1", "NotifyCustomerInformation")
async def test_what_nobody_asked_for_is_not_kept(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        await tell(cp, 77, 0, "personal", more=False)
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            assert await reports.list_reports(tx, charger_id=row.id, kind=KIND) == []
