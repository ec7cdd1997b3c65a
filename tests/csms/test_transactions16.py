from collections.abc import Sequence
from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import frame_log, id_tokens, registry
from core.chargers.record_models import Quarantined
from core.kernel.page import Page
from core.sessions import queries
from core.sessions.models import MeterValue, Session
from csms import schemas
from csms.ocpp16.inbound import STATUSES
from csms.ocpp16.transactions import END_REASONS
from tests.csms.live import AT, RawCharger, Running, charger, closed

LATER = "2026-11-21T10:30:00Z"


async def sessions_of(server: Running) -> Sequence[Session]:
    async with server.db.transaction() as tx:
        return (await queries.list_sessions(tx, Page(limit=200), owner=None)).rows


async def session_of(server: Running, charger_id: str) -> Session:
    """Return the only session of a charger."""
    async with server.db.transaction() as tx:
        found = await queries.list_sessions(tx, Page(), owner=None, charger_id=charger_id)
    (session,) = found.rows
    return session


async def quarantined(server: Running, charger_id: str | None = None) -> Sequence[Quarantined]:
    async with server.db.transaction() as tx:
        return await frame_log.quarantined(tx, charger_id=charger_id, limit=200)


async def readings_of(server: Running, session_id: str) -> Sequence[MeterValue]:
    async with server.db.transaction() as tx:
        return await queries.meter_values_of(tx, session_id, after_number=0, limit=100)


def start(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "T1", "meterStart": 100, "timestamp": AT} | changes


def stop(transaction: Any, **changes: Any) -> dict[str, Any]:
    return {"transactionId": transaction, "meterStop": 900, "timestamp": LATER} | changes


async def started(cp: RawCharger, **changes: Any) -> int:
    answer = await cp.result("StartTransaction", start(**changes))
    return int(answer["transactionId"])


async def test_a_known_token_is_accepted_with_its_group(server: Running) -> None:
    await server.add_charger()
    async with server.db.transaction() as tx:
        await id_tokens.put(tx, CLI, "t1", group_token="FAMILY")
    async with charger(server) as cp:
        await cp.boot()
        expected = {"parentIdTag": "FAMILY", "status": "Accepted"}
        assert (await cp.result("Authorize", {"idTag": "t1"}))["idTagInfo"] == expected
        assert (await cp.result("Authorize", {"idTag": "x"}))["idTagInfo"]["status"] == "Invalid"
        answer = await cp.result("StartTransaction", start(idTag="t1"))
        assert answer["idTagInfo"] == expected
        answer = await cp.result("StopTransaction", stop(answer["transactionId"], idTag="T1"))
        assert answer == {"idTagInfo": expected}


async def test_i18_replays_with_new_ids_change_nothing(server: Running) -> None:
    await server.add_charger()
    meter = {
        "connectorId": 1,
        "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "150"}]}],
    }
    async with charger(server) as cp:
        await cp.boot()
        number = await started(cp)
        await cp.result("MeterValues", meter | {"transactionId": number})
        await cp.result("StopTransaction", stop(number))
        before = await sessions_of(server)
        for _ in range(2):
            assert await started(cp) == number
            await cp.result("MeterValues", meter | {"transactionId": number})
            await cp.result("StopTransaction", stop(number))
        assert await sessions_of(server) == before
        assert len(await readings_of(server, before[0].id)) == 1
    assert await quarantined(server) == []


@pytest.mark.parametrize("transaction", [0, -1])
async def test_i20_a_stop_without_an_id_finds_its_session(
    server: Running, transaction: int
) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        await started(cp)
        assert await cp.result("StopTransaction", stop(transaction)) == {}
        (session,) = await sessions_of(server)
        assert (session.is_open, session.energy_wh) == (False, 800)


IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    ("2^70", {"meterStart": 2**70}, "value_impossible"),
    ("negative", {"meterStart": -1}, "value_impossible"),
    ("timestamp x", {"timestamp": "x"}, "timestamp_unreadable"),
    ("connector 2^70", {"connectorId": 2**70}, "connector_impossible"),
    ("connector -1", {"connectorId": -1}, "connector_impossible"),
    ("token too long", {"idTag": "T" * 300}, "maxLength at /idTag"),
    ("register a text", {"meterStart": "lots"}, "type at /meterStart"),
    ("register NaN", {"meterStart": float("nan")}, "type at /meterStart"),
    ("reservation 2^70", {"reservationId": 2**70}, "value_impossible"),
    ("member unknown", {"colour": "red"}, "additionalProperties at /"),
]


async def test_i19_an_impossible_start_gets_its_transaction_and_is_quarantined(
    server: Running,
) -> None:
    for name, change, reason in IMPOSSIBLE:
        row = await server.add_charger(name.replace(" ", "-"))
        async with charger(server, row.identity) as cp:
            await cp.boot()
            number = await started(cp, **change)
            assert 0 < number < 2**31, name
            assert await started(cp, **change) == number, name
            await cp.result("StopTransaction", stop(number))
        session = await session_of(server, row.id)
        assert (session.number, session.is_open) == (number, False), name
        kept = await quarantined(server, row.id)
        assert reason in kept[-1].reasons, name
        assert '"StartTransaction"' in kept[-1].text, name


async def test_i19_an_impossible_stop_ends_its_session_and_is_quarantined(
    server: Running,
) -> None:
    nan = [{"timestamp": AT, "sampledValue": [{"value": "NaN"}]}]
    changes: list[dict[str, Any]] = [
        {"meterStop": 2**70},
        {"meterStop": -5},
        {"meterStop": "900"},
        {"timestamp": "soon"},
        {"reason": "Bored"},
        {"transactionData": nan},
        {"transactionData": "none"},
    ]
    for number, change in enumerate(changes):
        row = await server.add_charger(f"CP-{number}")
        async with charger(server, row.identity) as cp:
            await cp.boot()
            transaction = await started(cp)
            assert await cp.result("StopTransaction", stop(transaction, **change)) == {}
        assert not (await session_of(server, row.id)).is_open, change
        (kept,) = await quarantined(server, row.id)
        assert kept.action == "StopTransaction", change


async def test_i19_a_stop_for_an_impossible_transaction_is_kept(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        assert await cp.result("StopTransaction", stop(2**70)) == {}
        assert await cp.result("StopTransaction", stop(77)) == {}
        assert [session.status for session in await sessions_of(server)] == ["invalid", "invalid"]


async def test_a_transaction_message_without_its_structure_gets_its_code(server: Running) -> None:
    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        answer = await cp.call("StartTransaction", {"connectorId": 1})
        assert answer[2] == "ProtocolError"
        answer = await cp.call("MeterValues", {"connectorId": 1, "meterValue": 5})
        assert answer[2] == "TypeConstraintViolation"
        answer = await cp.call("StopTransaction", {"transactionId": 1, "meterStop": 1})
        assert answer[2] == "ProtocolError"
    assert await quarantined(server) == []


async def test_meter_values_are_stored_with_their_units_and_as_they_came(server: Running) -> None:
    await server.add_charger()
    samples = [
        {"value": "0.3", "unit": "kWh"},
        {"value": "7.4", "unit": "kW", "measurand": "Power.Active.Import"},
        {"value": "x", "measurand": "SoC"},
    ]
    async with charger(server) as cp:
        await cp.boot()
        number = await started(cp)
        for transaction in ({"transactionId": number}, {}, {"transactionId": None}):
            value = [{"timestamp": "2026-11-21T10:10:00", "sampledValue": samples}]
            answer = await cp.result(
                "MeterValues", {"connectorId": 1, "meterValue": value} | transaction
            )
            assert answer == {}
        (session,) = await sessions_of(server)
        first, *_ = await readings_of(server, session.id)
        assert (first.energy_wh, first.power_w, first.soc_percent) == (300, 7400, None)
        assert {"naive_timestamp", "value_impossible"} <= set(first.flags)
        assert first.samples == samples
        assert first.at.isoformat() == "2026-11-21T10:10:00+00:00"


async def test_connector_0_speaks_for_the_charger(server: Running) -> None:
    row = await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        status = {"connectorId": 0, "errorCode": "GroundFailure", "status": "Faulted"}
        assert await cp.result("StatusNotification", status) == {}
        meter = {"connectorId": 0, "meterValue": [{"timestamp": AT, "sampledValue": []}]}
        assert await cp.result("MeterValues", meter) == {}
        async with server.db.transaction() as tx:
            assert await registry.connectors_of(tx, row.id) == []


async def test_a_status_of_an_impossible_connector_is_quarantined(server: Running) -> None:
    row = await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        status = {"connectorId": 2**70, "errorCode": "NoError", "status": "Available"}
        assert await cp.result("StatusNotification", status) == {}
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        assert await cp.result("StatusNotification", status | {"timestamp": "x"}) == {}
        async with server.db.transaction() as tx:
            (connector,) = await registry.connectors_of(tx, row.id)
        assert connector.status == "available"
    assert [row.reasons for row in await quarantined(server)] == [
        "timestamp_unreadable",
        "connector_impossible",
    ]


def test_every_reason_and_status_of_the_schema_has_a_meaning() -> None:
    reasons = schemas._schema("1.6", "StopTransaction", "request")["properties"]["reason"]
    assert set(reasons["enum"]) == set(END_REASONS)
    status = schemas._schema("1.6", "StatusNotification", "request")["properties"]["status"]
    assert set(status["enum"]) == set(STATUSES)


async def test_a_message_that_cannot_be_handled_is_kept_or_the_socket_closed(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong here, a charger never believes that something is stored that is not."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    await server.add_charger()
    async with charger(server) as cp:
        await cp.boot()
        monkeypatch.setattr("core.sessions.ending.end", broken)
        monkeypatch.setattr("core.sessions.service.start", broken)
        monkeypatch.setattr("core.chargers.status.report", broken)
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        assert (await cp.call("StatusNotification", status))[2] == "InternalError"
        assert await cp.result("StopTransaction", stop(5)) == {}
        assert [row.reasons for row in await quarantined(server)] == ["not_handled"]
        await cp.send([2, "s", "StartTransaction", start()])
        assert await closed(cp) == 1011
        assert cp.to("s") == []
