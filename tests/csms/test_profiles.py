"""The rules of a profile, and the counting of deviations, over real sockets."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from websockets import InvalidStatus
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from core.audit.service import CLI
from core.chargers import charger_profiles, compliance, login, registry
from core.commands.commands import Raw, ReportStatus, Unlock
from core.commands.states import CommandStatus
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.csms.live import AT, PASSWORD, Running, basic, charger, closed, running
from tests.csms.test_commands import ask, until
from tests.eventually import eventually

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


async def set_rules(server: Running, charger_id: str, rules: Mapping[str, Any]) -> None:
    async with server.db.transaction() as tx:
        await charger_profiles.put_own(tx, CLI, charger_id, rules)


async def counted(server: Running, charger_id: str, *codes: str) -> compliance.Report:
    """Wait until these deviations, and no others, are written."""

    async def probe() -> compliance.Report | None:
        async with server.db.transaction() as tx:
            report = await compliance.report(tx, charger_id)
        return report if {row.code for row, _ in report.deviations} == set(codes) else None

    return await eventually(probe)


async def test_a_changed_profile_takes_effect_on_the_open_socket(server: Running) -> None:
    known = await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        occupied = {**STATUS, "status": "Occupied"}
        assert (await cp.call("StatusNotification", occupied))[0] == 4
        aliases = {"StatusNotification/status": {"Occupied": "Charging"}}
        await set_rules(server, known.id, {"enum_aliases": aliases})

        async def served() -> bool:
            return bool((await cp.call("StatusNotification", occupied))[0] == 3)

        await eventually(served)
        async with server.db.transaction() as tx:
            [connector] = await registry.connectors_of(tx, known.id)
        assert connector.status == "charging"
        report = await counted(server, known.id, "enum_off_list")
    [(_, found)] = report.deviations
    assert found.action == "StatusNotification"
    assert "Occupied" in (found.excerpt or "")


async def test_a_profile_of_a_kind_fits_once_the_charger_has_said_what_it_is(
    server: Running,
) -> None:
    known = await server.add_charger()
    async with server.db.transaction() as tx:
        await charger_profiles.create(
            tx, CLI, name="V", vendor="vend*", rules={"ignore_unknown_members": True}
        )
    async with charger(server) as cp:
        odd = {**STATUS, "rssi": -70}
        assert (await cp.call("StatusNotification", odd))[0] == 4
        await cp.boot()
        assert (await cp.call("StatusNotification", odd))[0] == 3
    await counted(server, known.id, "call_before_boot", "unknown_member")


async def test_commands_wait_until_the_charger_has_settled(
    server: Running, clock: ShiftedClock
) -> None:
    known = await server.add_charger()
    await set_rules(server, known.id, {"settle_s": 100})
    async with charger(server, replies={"UnlockConnector": {"status": "Unlocked"}}) as cp:
        row = await ask(server, Unlock(evse=1, connector=1))
        assert (await cp.call("Heartbeat", {}))[0] == 3
        assert cp.calls == []
        clock.advance(101)
        await cp.result("Heartbeat", {})
        await until(server, row, CommandStatus.ANSWERED)


async def test_a_frame_that_the_charger_cannot_take_is_not_sent(server: Running) -> None:
    known = await server.add_charger()
    await set_rules(server, known.id, {"max_sent_bytes": 1_024})
    async with charger(server) as cp:
        payload = {"vendorId": "v", "data": "x" * 2_000}
        row = await ask(server, Raw(action="DataTransfer", payload=payload))
        async with asyncio.timeout(15):
            await until(server, row, CommandStatus.TIMED_OUT)
        assert not cp.calls_of("DataTransfer")


async def test_a_frame_beyond_the_profiles_limit_ends_the_socket_and_is_counted(
    server: Running,
) -> None:
    known = await server.add_charger()
    await set_rules(server, known.id, {"max_frame_bytes": 2_000})
    async with charger(server) as cp:
        await cp.boot()
        await cp.send([2, "1", "DataTransfer", {"vendorId": "v", "data": "x" * 5_000}])
        assert await closed(cp) == 1009
    await counted(server, known.id, "frame_too_large")


async def test_no_subprotocol_is_refused_unless_the_profile_says_which_is_meant(
    server: Running,
) -> None:
    known = await server.add_charger()
    url, headers = f"{server.csms.url}/CP-1", basic("CP-1", PASSWORD)
    with pytest.raises(InvalidStatus):
        await connect(url, additional_headers=headers)
    await set_rules(server, known.id, {"missing_subprotocol": "1.6"})
    async with connect(url, additional_headers=headers) as socket:
        assert socket.subprotocol is None
        await socket.send('[2,"1","Heartbeat",{}]')
        assert str(await socket.recv()).startswith('[3,"1"')
    wrong = [Subprotocol("ocpp1.5")]
    with pytest.raises(InvalidStatus):
        await connect(url, additional_headers=headers, subprotocols=wrong)
    await counted(server, known.id, "subprotocol_missing", "boot_missing")


async def test_a_charger_at_a_wrong_path_is_recorded(server: Running) -> None:
    await server.add_charger()
    url = server.csms.url.replace("/ocpp", "/ocppj/1.6")
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"{url}/CP-1", subprotocols=[Subprotocol("ocpp1.6")])
    assert caught.value.response.status_code == 404
    async with server.db.transaction() as tx:
        [refusal] = await login.refusals(tx, identity="CP-1")
    assert refusal.reason == "wrong_path"


async def test_what_is_wrong_with_frames_and_answers_is_counted(server: Running) -> None:
    known = await server.add_charger()
    async with charger(server, replies={"TriggerMessage": {"status": "Perhaps"}}) as cp:
        await cp.send("[2,")
        await cp.send([3, "nobody", {}])
        await cp.send([4, "nobody", "GenericError"])
        row = await ask(server, ReportStatus(evse=1))
        await until(server, row, CommandStatus.ANSWERED)
        token = {"idTag": "SECRETCARD", "connectorId": 1, "timestamp": "x", "meterStart": 0}
        await cp.result("StartTransaction", token)
    report = await counted(
        server,
        known.id,
        *("frame_malformed", "answer_unsolicited", "answer_incomplete", "answer_invalid"),
        *("timestamp_unreadable", "boot_missing"),
    )
    text = compliance.as_markdown(report)
    assert "SECRETCARD" not in text
    assert "SE********" in text


async def test_flooding_with_actions_leaves_no_rows(server: Running) -> None:
    known = await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        for number in range(70):
            await cp.call(f"Made{number}Up", {})
    report = await counted(server, known.id, "action_unknown")
    assert {row.action for row in report.checked} == {"BootNotification", "handshake", "other"}


async def test_the_report_of_a_connected_charger_is_right_within_seconds(
    server: Running, clock: ShiftedClock
) -> None:
    known = await server.add_charger()

    async def checked(action: str) -> int:
        async with server.db.transaction() as tx:
            report = await compliance.report(tx, known.id)
        assert "not connected" not in compliance.as_markdown(report)
        return {row.action: row.count for row in report.checked}.get(action, 0)

    async with charger(server) as cp:
        await cp.boot()
        await cp.result("Heartbeat", {})
        clock.advance(2)
        assert await eventually(lambda: checked("BootNotification")) == 1
        assert await eventually(lambda: checked("Heartbeat")) == 1
        conduct = server.csms.connections[known.id].conduct
        for _ in range(3):  # what was seen before is counted, and not written each time
            await cp.result("Heartbeat", {})
            assert conduct.due().is_empty

        async def caught_up() -> bool:
            return await checked("Heartbeat") == 4

        clock.advance(10)
        await eventually(caught_up)


async def test_what_was_counted_is_written_when_the_node_stops(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with running(db, settings, vault) as server:
        known = await server.add_charger()
        async with charger(server) as cp:
            await cp.boot()
            await cp.call("StatusNotification", {**STATUS, "timestamp": AT.removesuffix("Z")})
    async with db.transaction() as tx:
        report = await compliance.report(tx, known.id)
    assert [row.code for row, _ in report.deviations] == ["timestamp_without_zone"]
    assert {row.action for row in report.checked} >= {"BootNotification", "StatusNotification"}


async def test_a_boot_that_was_asked_for_is_no_deviation(server: Running) -> None:
    known = await server.add_charger()
    async with charger(server, replies={"TriggerMessage": {"status": "Accepted"}}) as cp:
        payload = {"requestedMessage": "BootNotification"}
        row = await ask(server, Raw(action="TriggerMessage", payload=payload))
        await until(server, row, CommandStatus.ANSWERED)
        await cp.boot()
        await cp.boot()
    report = await counted(server, known.id, "boot_repeated")
    assert report.deviations[0][1].count == 1


async def test_silence_is_counted_once_for_each_silence(
    db: Database, settings: Settings, vault: Vault
) -> None:
    quick = settings.model_copy(update={"heartbeat_interval": timedelta(seconds=1)})
    async with running(db, quick, vault) as server:
        known = await server.add_charger()
        async with charger(server) as cp:
            await cp.boot()
            report = await counted(server, known.id, "heartbeat_missing")
    assert report.deviations[0][1].count == 1
