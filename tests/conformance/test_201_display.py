"""OCPP 2.0.1 O01 to O06: display messages."""

from datetime import timedelta
from typing import Any

import pytest

from core.audit.service import CLI
from core.commands.display import ReportDisplayMessages
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.upkeep import display, reports
from core.upkeep.display import MessageSpec
from core.upkeep.report_models import Report
from core.upkeep.states import ReportKind, ReportStatus
from tests.conformance.support import ask, booted, charger_of
from tests.csms.live import AT, Running
from tests.eventually import eventually

D = DesiredStatus


async def want(server: Running, message: int = 1, **spec: Any) -> Desired:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        given = MessageSpec(message=message, content="Grüezi", **spec)
        return await display.want(tx, CLI, row, given)


async def wish_is(server: Running, status: DesiredStatus) -> Desired:
    async def probe() -> Desired | None:
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            found = await desired.of_charger(tx, row.id, kind=display.KIND)
        return found[0] if found and found[0].status is status else None

    return await eventually(probe)


async def shown(server: Running) -> dict[int, dict[str, Any]]:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return {one.message: one.content for one in await display.messages_of(tx, row.id)}


async def ask_report(server: Running, **asked: Any) -> Report:
    command = ReportDisplayMessages(request=5, **{"messages": [], **asked})
    queued = await ask(server, command)
    async with server.db.transaction() as tx:
        return await reports.begin(
            tx, queued, kind=ReportKind.DISPLAY_MESSAGES, request=5, asked=asked
        )


async def report_is(server: Running, report: Report, status: ReportStatus) -> Report:
    async def probe() -> Report | None:
        async with server.db.transaction() as tx:
            found = await reports.get(tx, report.id, kind=report.kind)
        return found if found.status is status else None

    return await eventually(probe)


def info(id_: Any, content: str = "Grüezi", **more: Any) -> dict[str, Any]:
    message = {"format": "UTF8", "content": content}
    return {"id": id_, "priority": "NormalCycle", "message": message, **more}


@pytest.mark.ocpp("2.0.1", "SetDisplayMessage")
async def test_o01_a_message_is_set_as_it_was_wished(server: Running) -> None:
    replies = {"SetDisplayMessage": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        async with server.db.transaction() as tx:
            end_at = tx.now + timedelta(hours=1)
        await want(server, language="de", state="Idle", priority="InFront", end_at=end_at)
        _, _, _, payload = await cp.called("SetDisplayMessage")
        message = payload["message"]
        assert message["message"] == {"format": "UTF8", "language": "de", "content": "Grüezi"}
        assert (message["id"], message["priority"], message["state"]) == (1, "InFront", "Idle")
        await wish_is(server, D.ACCEPTED)
        assert set(await shown(server)) == {1}


@pytest.mark.ocpp("2.0.1", "SetDisplayMessage")
@pytest.mark.parametrize(
    "word",
    [
        "NotSupportedMessageFormat",
        "NotSupportedPriority",
        "NotSupportedState",
        "Rejected",
        "UnknownTransaction",
    ],
)
async def test_o01_o02_a_refused_message_is_rejected_with_the_word(
    server: Running, word: str
) -> None:
    async with booted(server, "2.0.1", replies={"SetDisplayMessage": {"status": word}}) as cp:
        await want(server, transaction_ref="T-1")
        _, _, _, payload = await cp.called("SetDisplayMessage")
        assert payload["message"]["transactionId"] == "T-1"
        assert (await wish_is(server, D.REJECTED)).reason == word


@pytest.mark.ocpp("2.0.1", "SetDisplayMessage")
async def test_o06_a_message_of_the_same_number_is_replaced(server: Running) -> None:
    replies = {"SetDisplayMessage": {"status": "Accepted"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        await want(server)
        await wish_is(server, D.ACCEPTED)
        await want(server, state="Charging")
        _, _, _, payload = await cp.called("SetDisplayMessage", 2)
        assert (payload["message"]["id"], payload["message"]["state"]) == (1, "Charging")


@pytest.mark.ocpp("2.0.1", "ClearDisplayMessage")
@pytest.mark.parametrize("word", ["Accepted", "Unknown"])
async def test_o05_a_message_is_cleared_whoever_set_it(server: Running, word: str) -> None:
    async with booted(server, "2.0.1", replies={"ClearDisplayMessage": {"status": word}}) as cp:
        await cp.result("NotifyDisplayMessages", {"requestId": 1, "messageInfo": [info(3)]})
        assert set(await shown(server)) == {3}
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            await display.unwant(tx, CLI, row, 3)
        _, _, _, payload = await cp.called("ClearDisplayMessage")
        assert payload == {"id": 3}

        async def gone() -> bool:
            async with server.db.transaction() as tx:
                wishes = await desired.of_charger(tx, row.id, kind=display.KIND)
            return not wishes and await shown(server) == {}

        await eventually(gone)


@pytest.mark.ocpp("2.0.1", "GetDisplayMessages")
@pytest.mark.ocpp("2.0.1", "NotifyDisplayMessages")
async def test_o03_all_messages_in_parts_show_what_has_drifted(server: Running) -> None:
    replies = {
        "SetDisplayMessage": {"status": "Accepted"},
        "GetDisplayMessages": {"status": "Accepted"},
    }
    async with booted(server, "2.0.1", replies=replies) as cp:
        await want(server)
        await wish_is(server, D.ACCEPTED)
        report = await ask_report(server)
        _, _, _, payload = await cp.called("GetDisplayMessages")
        assert payload == {"requestId": 5}
        first = {"requestId": 5, "tbc": True, "messageInfo": [info(2, startDateTime=AT)]}
        last = {"requestId": 5, "messageInfo": [info(1, "other")]}
        assert await cp.result("NotifyDisplayMessages", first) == {}
        assert await cp.result("NotifyDisplayMessages", last) == {}
        found = await report_is(server, report, ReportStatus.COMPLETE)
        assert (found.parts, found.entries) == (2, 2)
        assert (await wish_is(server, D.DRIFTED)).reported is not None
        assert (await shown(server))[2]["start_at"] == "2026-11-21T10:00:00.000Z"


@pytest.mark.ocpp("2.0.1", "GetDisplayMessages")
async def test_o04_specific_messages_that_there_are_none_of(server: Running) -> None:
    replies = {"GetDisplayMessages": {"status": "Unknown"}}
    async with booted(server, "2.0.1", replies=replies) as cp:
        report = await ask_report(server, messages=[8], priority="InFront", state="Idle")
        _, _, _, payload = await cp.called("GetDisplayMessages")
        asked = {"id": [8], "requestId": 5, "priority": "InFront", "state": "Idle"}
        assert payload == asked
        await report_is(server, report, ReportStatus.COMPLETE)
