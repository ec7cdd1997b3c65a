import random
from typing import Any, cast

import pytest

from core.chargers import frame_log, inventory, registry
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from csms import schemas
from csms.actions import FROM_CHARGER
from csms.codes import Version
from csms.server import ADAPTERS
from tests.csms.live import AT, BOOT, Running, charger, running
from tests.csms.minimal import minimal


@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_every_action_of_a_charger_has_a_handler(adapter: Any) -> None:
    assert adapter.routes.keys() == FROM_CHARGER[cast(Version, adapter.version)]


async def test_every_action_is_answered_as_its_schema_says(server: Running, version: str) -> None:
    known = cast(Version, version)
    await server.add_charger()
    async with charger(server, version=version) as cp:
        await cp.boot()
        for action in sorted(FROM_CHARGER[known]):
            answer = await cp.result(action, minimal(known, action))
            assert schemas.validate_response(known, action, answer) is None, (action, answer)


async def test_all_calls_of_a_charger_are_answered_in_their_order(
    server: Running, version: str
) -> None:
    known = cast(Version, version)
    await server.add_charger()
    async with charger(server, version=version) as cp:
        await cp.boot()
        actions = random.Random(1).choices(sorted(FROM_CHARGER[known]), k=60)  # noqa: S311
        for number, action in enumerate(actions):
            await cp.send([2, f"o{number}", action, minimal(known, action)])
        await cp.until(lambda: len(cp.answers) == len(actions) + 1)
        assert [frame[1] for frame in cp.answers[1:]] == [f"o{n}" for n in range(len(actions))]


async def test_a_201_charger_is_not_served_before_its_first_boot(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        for action in ("Heartbeat", "TransactionEvent"):
            answer = await cp.call(action, minimal("2.0.1", action))
            assert answer[2] == "SecurityError"
        assert (await cp.call("Nonsense", {}))[2] == "NotImplemented"
        assert (await cp.boot())["status"] == "Accepted"
        await cp.result("Heartbeat", {})
    async with charger(server, version="2.0.1") as cp:  # a mere reconnect
        await cp.result("Heartbeat", {})


async def test_a_16_charger_may_report_its_status_before_it_boots(server: Running) -> None:
    row = await server.add_charger()
    async with charger(server) as cp:
        status = {"connectorId": 2, "errorCode": "NoError", "status": "Charging", "timestamp": AT}
        assert await cp.result("StatusNotification", status) == {}
        async with server.db.transaction() as tx:
            (connector,) = await registry.connectors_of(tx, row.id)
        assert (connector.evse, connector.status) == (2, "charging")


async def test_the_heartbeat_interval_is_jittered_by_a_tenth(server: Running, version: str) -> None:
    await server.add_charger()
    async with charger(server, version=version) as cp:
        intervals = {(await cp.boot())["interval"] for _ in range(8)}
    assert len(intervals) > 1
    assert all(270 <= interval <= 330 for interval in intervals)


async def test_a_boot_asks_for_what_has_to_be_known_once_and_after_its_answer(
    server: Running, version: str
) -> None:
    names = {
        "1.6": ["ChangeConfiguration", "GetConfiguration", "TriggerMessage"],
        "2.0.1": ["SetVariables", "GetBaseReport", "TriggerMessage"],
    }[version]
    replies: dict[str, Any] = {
        "ChangeConfiguration": {"status": "Accepted"},
        "GetConfiguration": {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
                {"key": "AuthorizationKey", "readonly": False, "value": "do-not-store-this"},
            ]
        },
        "SetVariables": {
            "setVariableResult": [
                {
                    "attributeStatus": "Accepted",
                    "component": {"name": "TxCtrlr"},
                    "variable": {"name": "EVConnectionTimeOut"},
                }
            ]
        },
        "GetBaseReport": {"status": "Accepted"},
    }
    row = await server.add_charger(connectors=[registry.ConnectorSpec(evse=1)])
    async with charger(server, version=version, replies=replies) as cp:
        for number in range(3):  # impatient
            await cp.send([2, f"b{number}", "BootNotification", BOOT[version]])
        _, _, _, asked = await cp.called("TriggerMessage")
        await cp.until(lambda: len(cp.answers) == 3)
        place = {} if version == "1.6" else {"evse": {"id": 1, "connectorId": 1}}
        assert asked == place | {"requestedMessage": "StatusNotification"}
        actions = [call[2] for call in cp.calls]
        assert set(actions) == set(names)
        assert actions.count("TriggerMessage") == 1
        first_call = next(i for i, text in enumerate(cp.texts) if text.startswith("[2,"))
        assert any(text.startswith('[3,"b') for text in cp.texts[:first_call])
        if version == "1.6":
            async with server.db.transaction() as tx:
                stored = await inventory.variables(tx, row.id)
            assert {one.variable: one.value for one in stored} == {
                "AuthorizationKey": "***",
                "HeartbeatInterval": "300",
            }


async def test_a_report_is_stored_as_variables(server: Running) -> None:
    row = await server.add_charger()
    report = {
        "requestId": 1,
        "generatedAt": AT,
        "seqNo": 0,
        "reportData": [
            {
                "component": {"name": "EVSE", "evse": {"id": 1}},
                "variable": {"name": "Power", "instance": "max"},
                "variableAttribute": [{"value": "22000", "mutability": "ReadOnly"}],
            },
            {
                "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 2}},
                "variable": {"name": "Available"},
                "variableAttribute": [{"type": "Target", "value": "true"}],
            },
        ],
    }
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        assert await cp.result("NotifyReport", report) == {}
    async with server.db.transaction() as tx:
        stored = await inventory.variables(tx, row.id)
    assert {(v.component, v.variable, v.attribute, v.value, v.readonly) for v in stored} == {
        ("EVSE@1", "Power[max]", "Actual", "22000", True),
        ("Connector@1.2", "Available", "Target", "true", False),
    }


async def test_what_a_charger_says_of_itself_is_kept(server: Running, version: str) -> None:
    row = await server.add_charger()
    async with charger(server, version=version) as cp:
        await cp.boot()
    async with server.db.transaction() as tx:
        found = await registry.get(tx, row.id)
    assert (found.vendor, found.model, found.ocpp_version) == ("Vendor", "Model", version)
    assert found.booted_at is not None


async def test_frames_of_both_directions_are_logged_without_their_secrets(
    server: Running,
) -> None:
    row = await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        secret = {"vendorId": "v", "data": "password=hunter22"}
        await cp.result("DataTransfer", secret)
        await cp.called("ChangeConfiguration")
        await cp.send("[nonsense")
        await cp.result("Heartbeat", {})
    await server.frame_log.flush()
    async with server.db.transaction() as tx:
        frames = await frame_log.search(tx, charger_id=row.id, limit=200)
    kinds = {(frame.direction, frame.kind, frame.action) for frame in frames}
    assert {
        ("in", "call", "BootNotification"),
        ("out", "result", "BootNotification"),
        ("out", "call", "ChangeConfiguration"),
        ("in", "unreadable", None),
    } <= kinds
    assert not any("hunter22" in frame.text for frame in frames)


async def test_no_frame_is_logged_where_the_log_is_off(
    db: Database, settings: Settings, vault: Vault
) -> None:
    off = settings.model_copy(update={"frame_log": False})
    async with running(db, off, vault) as server:
        await server.add_charger()
        async with charger(server) as cp:
            await cp.boot()
        await server.frame_log.flush()
        async with db.transaction() as tx:
            assert await frame_log.search(tx) == []
