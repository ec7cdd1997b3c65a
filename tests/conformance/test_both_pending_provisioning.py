"""A charger held back: what may be asked of it, what it may say, and how it comes back.

OCPP 2.0.1 B02 (cold boot, pending), OCPP 1.6 4.2; OCA 2.0.1 CSMS: TC_B_02, TC_B_03.
"""

from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import holding, inventory, registry, reports
from core.commands import approval
from core.commands import service as commands
from core.commands.commands import StartCharging
from core.commands.configuration import GetBaseReport, Reset
from core.commands.states import CommandStatus
from core.desired import variables
from core.kernel.errors import PlatformError
from tests.conformance.support import (
    ask,
    asked_and_answered,
    booted,
    charger_of,
    done,
    idle,
)
from tests.csms.live import AT, Running, charger

START = StartCharging(evse=1, connector=1, token="T" * 16, remote_start_id=1)


async def hold(server: Running) -> str:
    row = await server.add_charger()
    async with server.db.transaction() as tx:
        return (await holding.hold(tx, CLI, row.id, reason="no meter yet")).id


def report(request: int) -> dict[str, Any]:
    entry = {
        "component": {"name": "C"},
        "variable": {"name": "V"},
        "variableAttribute": [{"value": "1"}],
    }
    return {"requestId": request, "generatedAt": AT, "seqNo": 0, "reportData": [entry]}


@pytest.mark.ocpp("2.0.1", "BootNotification")
@pytest.mark.ocpp("2.0.1", "GetBaseReport")
@pytest.mark.ocpp("2.0.1", "NotifyReport")
@pytest.mark.ocpp("2.0.1", "SetVariables")
async def test_a_pending_station_is_provisioned_and_starts_nothing(server: Running) -> None:
    """Reports and variables go to and fro, an unasked report is dropped, a start stays behind."""
    charger_id = await hold(server)
    place = {"component": {"name": "C"}, "variable": {"name": "V"}}
    accepted = {"setVariableResult": [{"attributeStatus": "Accepted", **place}]}
    async with charger(server, version="2.0.1", replies={"SetVariables": accepted}) as cp:
        assert (await cp.boot())["status"] == "Pending"
        async with server.db.transaction() as tx:
            await reports.expect(tx, charger_id, request=5, kind="FullInventory", command_id=None)
        start = await ask(server, START)
        act = GetBaseReport(request=5, base="FullInventory")
        await asked_and_answered(server, cp, act, "GetBaseReport", {"status": "Accepted"})
        assert await cp.result("NotifyReport", report(5)) == {}
        assert await cp.result("NotifyReport", report(6)) == {}
        assert (await cp.call("Heartbeat", {}))[2] == "SecurityError"
        async with server.db.transaction() as tx:
            row = await registry.get(tx, charger_id)
            members = variables.named("C/V", version="2.0.1")
            await variables.wish(tx, server.vault, CLI, row, members=members, value="2")
        await cp.called("SetVariables")
        assert cp.calls_of("RequestStartTransaction") == []
        async with server.db.transaction() as tx:
            assert (await commands.get(tx, start.id)).status is CommandStatus.QUEUED
            assert len(await reports.newest(tx, charger_id)) == 1
            assert len(await inventory.variables(tx, charger_id)) == 1


@pytest.mark.ocpp("1.6", "TriggerMessage")
@pytest.mark.ocpp("2.0.1", "TriggerMessage")
@pytest.mark.ocpp("1.6", "BootNotification")
@pytest.mark.ocpp("2.0.1", "BootNotification")
async def test_an_approved_charger_is_asked_to_boot_again(server: Running, version: str) -> None:
    charger_id = await hold(server)
    replies = {"TriggerMessage": {"status": "Accepted"}}
    async with charger(server, version=version, replies=replies) as cp:
        first = await cp.boot()
        assert first["status"] == "Pending"
        assert 54 <= first["interval"] <= 66
        async with server.db.transaction() as tx:
            approved = await approval.approve(tx, CLI, charger_id)
        assert approved.held_reason is None
        call = await cp.called("TriggerMessage")
        assert call[3] == {"requestedMessage": "BootNotification"}
        assert (await cp.boot())["status"] == "Accepted"
        await cp.result("Heartbeat", {})


@pytest.mark.ocpp("1.6", "Reset")
@pytest.mark.ocpp("2.0.1", "Reset")
async def test_a_pending_charger_can_be_reset(server: Running, version: str) -> None:
    await hold(server)
    async with charger(server, version=version) as cp:
        await cp.boot()
        await asked_and_answered(
            server, cp, Reset(type="immediate"), "Reset", {"status": "Accepted"}
        )


@pytest.mark.ocpp("1.6", "StopTransaction")
async def test_i19_a_charger_held_back_still_tells_of_its_transactions(server: Running) -> None:
    """Held in the middle of a session, it comes back without a boot and delivers the stop."""
    stop = {"meterStop": 10, "timestamp": AT, "transactionId": 1}
    async with booted(server):
        pass
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        await holding.hold(tx, CLI, row.id, reason="odd meter")
    async with charger(server) as cp:
        assert (await cp.call("StopTransaction", stop))[0] == 3
        assert (await cp.call("Heartbeat", {}))[2] == "SecurityError"


async def test_only_an_accepted_charger_can_be_held(server: Running) -> None:
    charger_id = await hold(server)
    async with server.db.transaction() as tx:
        with pytest.raises(PlatformError, match="is pending"):
            await holding.hold(tx, CLI, charger_id, reason="again")


@pytest.mark.ocpp("2.0.1", "RequestStartTransaction")
async def test_what_waited_for_the_approval_goes_out_after_the_boot(server: Running) -> None:
    """Between approval and boot the station still thinks itself pending (B02)."""
    charger_id = await hold(server)
    rejected = {"status": "Rejected"}
    replies = {"TriggerMessage": {"status": "Accepted"}, "RequestStartTransaction": rejected}
    async with charger(server, version="2.0.1", replies=replies) as cp:
        await cp.boot()
        start = await ask(server, START)
        async with server.db.transaction() as tx:
            await approval.approve(tx, CLI, charger_id)
        await cp.called("TriggerMessage")
        assert cp.calls_of("RequestStartTransaction") == []
        cp.replies |= {
            "SetVariables": {
                "setVariableResult": [
                    {
                        "attributeStatus": "Rejected",
                        "component": {"name": "c"},
                        "variable": {"name": "v"},
                    }
                ]
            },
            "GetBaseReport": {"status": "NotSupported"},
        }
        await cp.boot()
        await cp.called("RequestStartTransaction")
        assert (await done(server, start)).response == rejected
        await idle(server)
