"""OCPP 1.6: configuration keys, availability, resets, triggers and the cache, as conversations.

OCA 1.6 CSMS: TC_010 hard reset, TC_013/TC_014 reset, TC_019 and TC_021 configuration, TC_054 and
TC_055 trigger, TC_061 clear cache.
"""

from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import inventory
from core.commands.commands import Command, ReportInventory
from core.commands.configuration import (
    ChangeAvailability,
    ClearCache,
    GetVariables,
    Reset,
    Trigger,
)
from core.commands.states import CommandStatus
from core.desired import availability, variables
from core.desired import service as desired
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from csms.ocpp16 import OCPP16
from tests.conformance.support import asked_and_answered, booted, charger_of, until
from tests.csms.live import AT, Running


async def want(server: Running, name: str, value: str) -> Desired:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        return await variables.wish(tx, server.vault, CLI, row, members={"name": name}, value=value)


async def settled(server: Running, wish: Desired, status: DesiredStatus) -> Desired:
    async def probe() -> Desired | None:
        async with server.db.transaction() as tx:
            found = await desired.get(tx, wish.id)
        return found if found.status is status else None

    return await until(probe)


@pytest.mark.ocpp("1.6", "ChangeConfiguration")
@pytest.mark.parametrize(
    ("said", "status", "reason"),
    [
        ("Accepted", DesiredStatus.ACCEPTED, None),
        ("RebootRequired", DesiredStatus.ACCEPTED, "RebootRequired"),
        ("NotSupported", DesiredStatus.REJECTED, "NotSupported"),
        ("Rejected", DesiredStatus.REJECTED, "Rejected"),
    ],
)
async def test_a_key_is_changed_and_the_answer_kept(
    server: Running, said: str, status: DesiredStatus, reason: str | None
) -> None:
    async with booted(server, replies={"ChangeConfiguration": {"status": said}}) as cp:
        wish = await want(server, "MeterValueSampleInterval", "60")
        call = await cp.called("ChangeConfiguration")
        assert call[3] == {"key": "MeterValueSampleInterval", "value": "60"}
        assert (await settled(server, wish, status)).reason == reason


@pytest.mark.ocpp("1.6", "ChangeConfiguration")
@pytest.mark.ocpp("1.6", "GetConfiguration")
async def test_another_value_in_a_report_is_drift_and_told_again(server: Running) -> None:
    """What a charger reports after its boot is compared with what it had accepted."""
    async with booted(server, replies={"ChangeConfiguration": {"status": "Accepted"}}) as cp:
        wish = await want(server, "HeartbeatInterval", "60")
        await settled(server, wish, DesiredStatus.ACCEPTED)
        key = {"key": "HeartbeatInterval", "readonly": False, "value": "300"}
        _, row = await asked_and_answered(
            server, cp, ReportInventory(request=1), "GetConfiguration", {"configurationKey": [key]}
        )
        assert row.status is CommandStatus.ANSWERED
        drifted = await settled(server, wish, DesiredStatus.DRIFTED)
        assert drifted.reported == {"value": "300"}
        async with server.db.transaction() as tx:
            again = await desired.retry(tx, CLI, wish.id)
        await cp.called("ChangeConfiguration", 2)
        await settled(server, again, DesiredStatus.ACCEPTED)


@pytest.mark.ocpp("1.6", "GetConfiguration")
async def test_named_keys_are_read_and_unknown_ones_leave_nothing(server: Running) -> None:
    act = GetVariables(variables=[{"name": "A"}, {"name": "Nonsense"}])
    answer = {
        "configurationKey": [{"key": "A", "readonly": True, "value": "1"}],
        "unknownKey": ["Nonsense"],
    }
    async with booted(server) as cp:
        sent, _ = await asked_and_answered(server, cp, act, "GetConfiguration", answer)
        assert sent == {"key": ["A", "Nonsense"]}
        row = await charger_of(server)

        async def stored() -> list[tuple[str, str | None, bool | None]]:
            async with server.db.transaction() as tx:
                found = await inventory.variables(tx, row.id)
            return [(one.variable, one.value, one.readonly) for one in found]

        assert await until(stored) == [("A", "1", True)]


@pytest.mark.ocpp("1.6", "ChangeAvailability")
@pytest.mark.ocpp("1.6", "StatusNotification")
async def test_a_connector_in_use_goes_out_of_service_later_and_stays_there(
    server: Running,
) -> None:
    """``Scheduled`` is accepted; what it reports afterwards is compared."""
    async with booted(server, replies={"ChangeAvailability": {"status": "Scheduled"}}) as cp:
        row = await charger_of(server)
        async with server.db.transaction() as tx:
            wish = await availability.wish(tx, CLI, row, operative=False, evse=1)
        call = await cp.called("ChangeAvailability")
        assert call[3] == {"connectorId": 1, "type": "Inoperative"}
        assert (await settled(server, wish, DesiredStatus.ACCEPTED)).reason == "Scheduled"
        for status, after in (
            ("Charging", DesiredStatus.ACCEPTED),
            ("Unavailable", DesiredStatus.ACCEPTED),
            ("Available", DesiredStatus.DRIFTED),
        ):
            payload = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": AT}
            await cp.result("StatusNotification", payload)
            await settled(server, wish, after)


@pytest.mark.parametrize(
    ("act", "action", "payload", "said"),
    [
        pytest.param(
            Reset(type="immediate"),
            "Reset",
            {"type": "Hard"},
            "Accepted",
            marks=pytest.mark.ocpp("1.6", "Reset"),
        ),
        pytest.param(
            Reset(type="soft"),
            "Reset",
            {"type": "Soft"},
            "Rejected",
            marks=pytest.mark.ocpp("1.6", "Reset"),
        ),
        pytest.param(
            Trigger(message="status", evse=1),
            "TriggerMessage",
            {"connectorId": 1, "requestedMessage": "StatusNotification"},
            "Accepted",
            marks=pytest.mark.ocpp("1.6", "TriggerMessage"),
        ),
        pytest.param(
            Trigger(message="diagnostics_status"),
            "TriggerMessage",
            {"requestedMessage": "DiagnosticsStatusNotification"},
            "NotImplemented",
            marks=pytest.mark.ocpp("1.6", "TriggerMessage"),
        ),
        pytest.param(
            Trigger(message="log_status"),
            "ExtendedTriggerMessage",
            {"requestedMessage": "LogStatusNotification"},
            "Accepted",
            marks=pytest.mark.ocpp("1.6", "ExtendedTriggerMessage"),
        ),
        pytest.param(
            Trigger(message="heartbeat", extended=True),
            "ExtendedTriggerMessage",
            {"requestedMessage": "Heartbeat"},
            "Accepted",
            marks=pytest.mark.ocpp("1.6", "ExtendedTriggerMessage"),
        ),
        pytest.param(
            ClearCache(),
            "ClearCache",
            {},
            "Accepted",
            marks=pytest.mark.ocpp("1.6", "ClearCache"),
        ),
        pytest.param(
            ChangeAvailability(operative=True),
            "ChangeAvailability",
            {"connectorId": 0, "type": "Operative"},
            "Accepted",
            marks=pytest.mark.ocpp("1.6", "ChangeAvailability"),
        ),
    ],
)
async def test_an_act_is_sent_in_its_words_and_its_answer_kept(
    server: Running, act: Command, action: str, payload: dict[str, Any], said: str
) -> None:
    async with booted(server) as cp:
        sent, row = await asked_and_answered(server, cp, act, action, {"status": said})
    assert (sent, row.action, row.response) == (payload, action, {"status": said})


@pytest.mark.ocpp("1.6", "Reset")
@pytest.mark.ocpp("1.6", "BootNotification")
async def test_a_reset_charger_boots_again_and_is_told_what_is_wanted(server: Running) -> None:
    """OCA TC_013: after the reset the charger boots, and is served as before."""
    async with booted(server) as cp:
        await asked_and_answered(
            server, cp, Reset(type="immediate"), "Reset", {"status": "Accepted"}
        )
    await want(server, "A", "1")
    replies = {"ChangeConfiguration": {"status": "Accepted"}}
    async with booted(server, replies=replies) as cp:
        row = await charger_of(server)

        async def accepted() -> bool:
            async with server.db.transaction() as tx:
                await desired.reconcile(tx, row)
                found = await desired.find(tx, row.id, variables.NAME, "a")
            return found is not None and found.attempts > 0

        assert await until(accepted)


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (Reset(type="on_idle"), "cannot wait"),
        (Reset(type="immediate", evse=1), "whole charge point"),
        (Trigger(message="transaction"), "transaction"),
        (GetVariables(variables=[{"component": "A", "name": "B"}]), "no components"),
        (ChangeAvailability(operative=True, evse=1, connector=2), "one connector"),
    ],
)
def test_what_16_cannot_say_is_not_sent(act: Command, word: str) -> None:

    with pytest.raises(ValueError, match=word):
        OCPP16.encode(act)
