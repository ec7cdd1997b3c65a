"""OCPP 2.0.1 block B and F06, G03, C11, E14: variables, reports, profiles, resets, triggers.

OCA 2.0.1 CSMS: TC_B_06 to TC_B_20 (variables, reports, resets), TC_B_42 (network profile).
"""

import json
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import inventory, reports
from core.chargers.report_models import Report
from core.commands.commands import Command, seal_context
from core.commands.configuration import (
    ChangeAvailability,
    ClearCache,
    GetBaseReport,
    GetReport,
    GetVariables,
    ReportQueue,
    Reset,
    SetNetworkProfile,
    SetVariable,
    Trigger,
)
from core.commands.states import CommandStatus
from core.desired import service as desired
from core.desired import variables
from core.desired.states import DesiredStatus
from csms.ocpp201 import OCPP201
from tests.conformance.support import (
    ask,
    asked_and_answered,
    booted,
    charger_of,
    done,
    quarantined,
    until,
)
from tests.csms.live import AT, Running

PLACE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def part(request: int, seq: int, *, more: bool, count: int = 1, **values: Any) -> dict[str, Any]:
    data = [
        {
            "component": {"name": "Controller"},
            "variable": {"name": f"V{seq}", "instance": str(number)},
            "variableAttribute": [{"value": "1", "mutability": "ReadOnly"}],
            **values,
        }
        for number in range(count)
    ]
    return {
        "requestId": request,
        "generatedAt": AT,
        "seqNo": seq,
        "tbc": more,
        "reportData": data,
    }


async def expect(server: Running, request: int, kind: str = "FullInventory") -> Report:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        made = await reports.expect(tx, row.id, request=request, kind=kind, command_id=None)
    assert made is not None
    return made


async def look(server: Running, request: int) -> Report:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        found = [one for one in await reports.newest(tx, row.id) if one.request == request]
    return found[0]


@pytest.mark.ocpp("2.0.1", "SetVariables")
@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("Accepted", DesiredStatus.ACCEPTED, None),
        ("RebootRequired", DesiredStatus.ACCEPTED, "RebootRequired"),
        ("Rejected", DesiredStatus.REJECTED, "Rejected"),
        ("UnknownVariable", DesiredStatus.REJECTED, "UnknownVariable"),
        ("UnknownComponent", DesiredStatus.REJECTED, "UnknownComponent"),
        ("NotSupportedAttributeType", DesiredStatus.REJECTED, "NotSupportedAttributeType"),
    ],
)
async def test_a_variable_is_set_and_each_answer_kept(
    server: Running, said: str, status: DesiredStatus, reason: str | None
) -> None:
    """OCPP 2.0.1 B05."""
    result = {"setVariableResult": [{"attributeStatus": said, **PLACE}]}
    async with booted(server, "2.0.1", replies={"SetVariables": result}) as cp:
        row = await charger_of(server)
        members = variables.named("OCPPCommCtrlr/HeartbeatInterval", version="2.0.1")
        async with server.db.transaction() as tx:
            wish = await variables.wish(tx, server.vault, CLI, row, members=members, value="300")
        call = await cp.called("SetVariables")
        assert call[3] == {"setVariableData": [{"attributeValue": "300", **PLACE}]}

        async def settled() -> str | None:
            async with server.db.transaction() as tx:
                found = await desired.get(tx, wish.id)
            return str(found.reason) if found.status is status else None

        assert await until(settled) == str(reason)


@pytest.mark.ocpp("2.0.1", "GetVariables")
async def test_variables_are_read_and_stored(server: Running) -> None:
    """OCPP 2.0.1 B06."""
    results = [
        {"attributeStatus": "Accepted", "attributeValue": "300", **PLACE},
        {
            "attributeStatus": "UnknownVariable",
            "component": {"name": "A"},
            "variable": {"name": "B"},
        },
        {
            "attributeStatus": "Accepted",
            "attributeValue": "secret",
            "component": {"name": "SecurityCtrlr", "evse": {"id": 1, "connectorId": 2}},
            "variable": {"name": "BasicAuthPassword"},
        },
    ]
    act = GetVariables(
        variables=[
            {"component": "OCPPCommCtrlr", "name": "HeartbeatInterval"},
            {"component": "A", "name": "B", "evse": 1, "attribute": "Target"},
        ]
    )
    async with booted(server, "2.0.1") as cp:
        sent, _ = await asked_and_answered(
            server, cp, act, "GetVariables", {"getVariableResult": results}
        )
        assert sent["getVariableData"][1] == {
            "attributeType": "Target",
            "component": {"name": "A", "evse": {"id": 1}},
            "variable": {"name": "B"},
        }
        row = await charger_of(server)

        async def stored() -> dict[str, str | None]:
            async with server.db.transaction() as tx:
                found = await inventory.variables(tx, row.id)
            return {f"{one.component}/{one.variable}": one.value for one in found}

        assert await until(stored) == {
            "OCPPCommCtrlr/HeartbeatInterval": "300",
            "SecurityCtrlr@1.2/BasicAuthPassword": "***",
        }


@pytest.mark.ocpp("2.0.1", "GetBaseReport")
@pytest.mark.ocpp("2.0.1", "NotifyReport")
@pytest.mark.parametrize("base", ["FullInventory", "ConfigurationInventory", "SummaryInventory"])
async def test_a_base_report_shows_its_progress_part_by_part(server: Running, base: Any) -> None:
    """OCPP 2.0.1 B07: tbc and seqNo tell how far it is; what they say of limits is kept."""
    async with booted(server, "2.0.1") as cp:
        await expect(server, 7, base)
        act = GetBaseReport(request=7, base=base)
        sent, _ = await asked_and_answered(server, cp, act, "GetBaseReport", {"status": "Accepted"})
        assert sent == {"requestId": 7, "reportBase": base}
        limits = {
            "dataType": "OptionList",
            "supportsMonitoring": True,
            "unit": "s",
            "maxLimit": 10,
            "valuesList": "1,2",
        }
        first = part(7, 0, more=True, count=3, variableCharacteristics=limits)
        assert await cp.result("NotifyReport", first) == {}
        begun = await look(server, 7)
        assert (begun.parts, begun.variables, begun.complete) == (1, 3, False)
        await cp.result("NotifyReport", first)
        await cp.result("NotifyReport", part(7, 2, more=False))
        ended = await look(server, 7)
        assert (ended.parts, ended.gaps, ended.complete, ended.kind) == (2, 1, True, base)
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            found = (await inventory.variables(tx, row.id))[0]
        assert (found.data_type, found.unit, found.max_limit, found.values_list) == (
            "OptionList",
            "s",
            10.0,
            "1,2",
        )


@pytest.mark.ocpp("2.0.1", "GetReport")
async def test_a_report_of_nothing_is_complete(server: Running) -> None:
    """OCPP 2.0.1 B08: EmptyResultSet, no NotifyReport follows."""
    async with booted(server, "2.0.1") as cp:
        await expect(server, 8, "custom")
        act = GetReport(
            request=8, criteria=["Problem"], variables=[{"component": "EVSE", "evse": 1}]
        )
        sent, _ = await asked_and_answered(
            server, cp, act, "GetReport", {"status": "EmptyResultSet"}
        )
        assert sent == {
            "requestId": 8,
            "componentCriteria": ["Problem"],
            "componentVariable": [{"component": {"name": "EVSE", "evse": {"id": 1}}}],
        }

        async def complete() -> bool:
            return (await look(server, 8)).complete

        assert await until(complete)


@pytest.mark.ocpp("2.0.1", "NotifyReport")
async def test_a_report_that_nobody_asked_for_is_stored_all_the_same(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        await cp.result("NotifyReport", part(-3, 0, more=False))
        assert (await look(server, -3)).kind == "unasked"
        await cp.result("NotifyReport", part(2**70, 0, more=False, count=2))
    assert [one.reasons for one in await quarantined(server)] == ["number_impossible"]
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        assert len(await inventory.variables(tx, row.id)) == 2


@pytest.mark.ocpp("2.0.1", "SetNetworkProfile")
async def test_a_network_profile_is_stored_without_its_secrets_in_the_clear(
    server: Running,
) -> None:
    """OCPP 2.0.1 B09."""
    apn = {"apn": "m2m", "apnPassword": "hunter2", "simPin": 1234, "apnAuthentication": "PAP"}
    async with booted(server, "2.0.1") as cp:
        row = await charger_of(server)
        sealed = server.vault.ring.encrypt(json.dumps({"apn": apn}), context=seal_context(row.id))
        act = SetNetworkProfile(
            slot=1,
            url="wss://csms.example/ocpp",
            security_profile=2,
            interface="Wireless0",
            message_timeout_s=30,
            apn={"apn": "m2m", "apnPassword": "***", "apnAuthentication": "PAP"},
            sealed=sealed,
        )
        sent, command = await asked_and_answered(
            server, cp, act, "SetNetworkProfile", {"status": "Accepted"}
        )
    assert sent["connectionData"]["apn"] == apn
    assert "hunter2" not in json.dumps(command.arguments)


def marked(action: str) -> Any:
    return pytest.mark.ocpp("2.0.1", action)


@pytest.mark.parametrize(
    ("act", "action", "payload", "answer"),
    [
        pytest.param(
            Reset(type="immediate"),
            "Reset",
            {"type": "Immediate"},
            {"status": "Accepted"},
            marks=marked("Reset"),
        ),
        pytest.param(
            Reset(type="on_idle", evse=1),
            "Reset",
            {"type": "OnIdle", "evseId": 1},
            {"status": "Scheduled"},
            marks=marked("Reset"),
        ),
        pytest.param(
            Trigger(message="boot_notification"),
            "TriggerMessage",
            {"requestedMessage": "BootNotification"},
            {"status": "Rejected"},
            marks=marked("TriggerMessage"),
        ),
        pytest.param(
            Trigger(message="transaction", evse=1),
            "TriggerMessage",
            {"evse": {"id": 1}, "requestedMessage": "TransactionEvent"},
            {"status": "Accepted"},
            marks=marked("TriggerMessage"),
        ),
        pytest.param(
            ClearCache(), "ClearCache", {}, {"status": "Accepted"}, marks=marked("ClearCache")
        ),
        pytest.param(
            ChangeAvailability(operative=False, evse=1, connector=2),
            "ChangeAvailability",
            {"evse": {"id": 1, "connectorId": 2}, "operationalStatus": "Inoperative"},
            {"status": "Scheduled"},
            marks=marked("ChangeAvailability"),
        ),
        pytest.param(
            ReportQueue(),
            "GetTransactionStatus",
            {},
            {"messagesInQueue": True},
            marks=marked("GetTransactionStatus"),
        ),
        pytest.param(
            SetVariable(
                component="C",
                component_instance="i",
                evse=1,
                name="V",
                instance="j",
                attribute="Target",
                value="x",
            ),
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "attributeType": "Target",
                        "attributeValue": "x",
                        "component": {"name": "C", "instance": "i", "evse": {"id": 1}},
                        "variable": {"name": "V", "instance": "j"},
                    }
                ]
            },
            {
                "setVariableResult": [
                    {
                        "attributeStatus": "Rejected",
                        "attributeStatusInfo": {"reasonCode": "ReadOnly"},
                        "component": {"name": "C"},
                        "variable": {"name": "V"},
                    }
                ]
            },
            marks=marked("SetVariables"),
        ),
    ],
)
async def test_an_act_is_sent_in_its_words_and_its_answer_kept(
    server: Running, act: Command, action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    async with booted(server, "2.0.1") as cp:
        sent, row = await asked_and_answered(server, cp, act, action, answer)
    assert (sent, row.action, row.response) == (payload, action, answer)


async def test_what_201_cannot_say_is_not_sent_and_says_why(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        row = await done(server, await ask(server, Reset(type="soft")))
        assert cp.calls == []
    assert row.status is CommandStatus.TIMED_OUT


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (Reset(type="soft"), "on_idle or immediate"),
        (SetVariable(name="HeartbeatInterval", value="1"), "Component/Variable"),
        (Trigger(message="diagnostics_status"), "diagnostics_status"),
        (Trigger(message="heartbeat", extended=True), "heartbeat"),
    ],
)
def test_what_201_does_not_know_is_named(act: Command, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        OCPP201.encode(act)
