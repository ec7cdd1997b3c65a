from typing import Any

import pytest

from core.audit.service import CLI
from core.chargers import id_tokens, registry
from core.chargers.models import Connector
from csms import schemas
from csms.convert import convert
from csms.ocpp201 import messages as m
from csms.ocpp201.connector_status import CHARGING_STATES, STATUSES
from csms.ocpp201.transactions import END_REASONS, END_TRIGGERS, end_reason
from tests.csms.live import AT, RawCharger, Running, charger
from tests.csms.test_transactions16 import quarantined, readings_of, session_of, sessions_of

TOKEN = {"idToken": "T1", "type": "ISO14443"}


def event(kind: str, seq: int, *, minute: int = 0, state: str | None = None, **changes: Any) -> Any:
    info: dict[str, Any] = {"transactionId": "tx-1"}
    if state is not None:
        info["chargingState"] = state
    base = {
        "eventType": kind,
        "timestamp": f"2026-11-21T10:{minute:02}:00Z",
        "triggerReason": "ChargingStateChanged",
        "seqNo": seq,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 2},
    }
    return base | changes


def meter(value: object, context: str = "Sample.Periodic", **more: Any) -> list[dict[str, Any]]:
    return [{"timestamp": AT, "sampledValue": [{"value": value, "context": context} | more]}]


async def connector_of(server: Running) -> Connector:
    async with server.db.transaction() as tx:
        row = await registry.by_identity(tx, "CP-1")
        assert row is not None
        (connector,) = await registry.connectors_of(tx, row.id)
    return connector


async def report(cp: RawCharger, status: str, minute: int) -> None:
    payload = {
        "timestamp": f"2026-11-21T10:{minute:02}:30Z",
        "connectorStatus": status,
        "evseId": 1,
        "connectorId": 2,
    }
    assert await cp.result("StatusNotification", payload) == {}


async def test_the_status_of_a_connector_follows_its_transaction(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()

        async def is_shown(expected: str) -> None:
            connector = await connector_of(server)
            assert (connector.evse, connector.connector, connector.status) == (1, 2, expected)

        await report(cp, "Occupied", 0)
        await is_shown("preparing")
        steps = [
            (event("Started", 0, minute=1, state="EVConnected"), "preparing"),
            (event("Updated", 1, minute=2, state="Charging", idToken=TOKEN), "charging"),
            (event("Updated", 2, minute=3, state="SuspendedEV"), "suspended_ev"),
            (event("Updated", 3, minute=4, state="SuspendedEVSE"), "suspended_evse"),
            (
                event("Updated", 4, minute=5, state="EVConnected", triggerReason="StopAuthorized"),
                "finishing",
            ),
            (event("Ended", 5, minute=6), "finishing"),
        ]
        for number, (message, expected) in enumerate(steps, start=1):
            await cp.result("TransactionEvent", message)
            await is_shown(expected)
            await report(cp, "Occupied", number)
            await is_shown(expected)
        await report(cp, "Available", 7)
        await is_shown("available")


async def test_after_the_end_the_vehicle_is_there_or_not(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        for number, (trigger, expected) in enumerate(
            [
                ("EVDeparted", "available"),
                ("EVConnectTimeout", "available"),
                ("RemoteStop", "finishing"),
            ]
        ):
            info = {"transactionId": f"tx-{number}"}
            idle = {"transactionInfo": info | {"chargingState": "Idle"}}
            minute = 2 * number
            await cp.result("TransactionEvent", event("Started", 0, minute=minute) | idle)
            assert (await connector_of(server)).status == "preparing"
            ended = event("Ended", 1, minute=minute + 1, triggerReason=trigger)
            await cp.result("TransactionEvent", ended | {"transactionInfo": info})
            assert (await connector_of(server)).status == expected


async def test_energy_comes_from_the_marked_registers(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        kwh = {"unitOfMeasure": {"unit": "kWh"}}
        begin = meter(1, "Transaction.Begin", **kwh)
        end = meter(1500, "Transaction.End", unitOfMeasure={"multiplier": 0})
        await cp.result("TransactionEvent", event("Started", 0, meterValue=begin, idToken=TOKEN))
        power: dict[str, Any] = {"measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}}
        await cp.result(
            "TransactionEvent", event("Updated", 1, minute=1, meterValue=meter(11_000, **power))
        )
        last = [*meter(1400), *end]
        last[0]["timestamp"] = "2026-11-21T10:01:00Z"
        last[1]["timestamp"] = "2026-11-21T10:02:00Z"
        await cp.result("TransactionEvent", event("Ended", 2, minute=2, meterValue=last))
        (session,) = await sessions_of(server)
        assert (session.meter_start_wh, session.meter_stop_wh, session.energy_wh) == (
            1000,
            1500,
            500,
        )
        assert 11_000 in {one.power_w for one in await readings_of(server, session.id)}


async def test_i18_an_event_that_is_repeated_as_offline_is_the_same(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        for kind, seq in (("Started", 0), ("Updated", 1), ("Ended", 2)):
            message = event(kind, seq, minute=seq, meterValue=meter(100 * seq))
            await cp.result("TransactionEvent", message)
        before = await sessions_of(server)
        for kind, seq in (("Ended", 2), ("Started", 0), ("Updated", 1)):
            message = event(kind, seq, minute=seq, meterValue=meter(100 * seq), offline=True)
            await cp.result("TransactionEvent", message)
        assert await sessions_of(server) == before
    assert await quarantined(server) == []


async def test_i18_an_event_with_the_same_number_and_other_content_is_quarantined(
    server: Running,
) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        await cp.result("TransactionEvent", event("Started", 0))
        await cp.result("TransactionEvent", event("Started", 0, meterValue=meter(5)))
    (kept,) = await quarantined(server)
    assert kept.reasons == "same_key_other_content"


IMPOSSIBLE: list[dict[str, Any]] = [
    {"seqNo": -1},
    {"seqNo": 2**70},
    {"seqNo": 1.5},
    {"timestamp": "x"},
    {"evse": {"id": 2**70}},
    {"evse": {"id": 1, "connectorId": -3}},
    {"triggerReason": "Boredom"},
    {"eventType": "Begun"},
    {"meterValue": meter(float("nan"))},
    {"meterValue": meter(2**70)},
    {"meterValue": meter("12")},
    {"transactionInfo": {"transactionId": ""}},
    {"transactionInfo": {"transactionId": "x" * 40}},
    {"transactionInfo": {"transactionId": "tx", "remoteStartId": 2**70}},
    {"transactionInfo": {"transactionId": "tx", "stoppedReason": "Boredom"}},
    {"idToken": {"idToken": "x" * 40, "type": "Central"}},
    {"idToken": {"idToken": "x", "type": "Cookie"}},
    {"reservationId": 2**70},
]


async def test_i19_impossible_content_is_acknowledged_and_quarantined(server: Running) -> None:
    for number, change in enumerate(IMPOSSIBLE):
        row = await server.add_charger(f"CP-{number}")
        async with charger(server, row.identity, "2.0.1") as cp:
            await cp.boot()
            for kind in ("Started", "Updated", "Ended"):
                answer = await cp.result("TransactionEvent", event(kind, len(kind)) | change)
                assert schemas.validate_response("2.0.1", "TransactionEvent", answer) is None
        await session_of(server, row.id)
        assert len(await quarantined(server, row.id)) >= 3, change


async def test_tokens_are_judged_and_those_that_stop_do_not_start(server: Running) -> None:
    await server.add_charger()
    async with server.db.transaction() as tx:
        await id_tokens.put(tx, CLI, "T1", group_token="FAMILY")
        await id_tokens.put(tx, CLI, "BAD", blocked=True)
    group = {"idToken": "FAMILY", "type": "Central"}
    accepted = {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()

        async def authorize(token: str, kind: str = "ISO14443") -> str:
            answer = await cp.result("Authorize", {"idToken": {"idToken": token, "type": kind}})
            return str(answer["idTokenInfo"]["status"])

        assert await authorize("t1") == "Accepted"
        assert await authorize("bad") == "Blocked"
        assert await authorize("nobody") == "Unknown"
        assert await authorize("", "NoAuthorization") == "Invalid"
        assert await cp.result("TransactionEvent", event("Started", 0, idToken=TOKEN)) == accepted
        bad = {"idToken": "BAD", "type": "ISO14443"}
        stopper = event("Updated", 1, triggerReason="StopAuthorized", idToken=bad)
        answer = await cp.result("TransactionEvent", stopper)
        assert answer == {"idTokenInfo": {"status": "Blocked"}}
        (session,) = await sessions_of(server)
        assert (session.token, session.verdict) == ("T1", "accepted")


async def test_meter_values_of_an_evse_belong_to_its_session(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        await cp.result("TransactionEvent", event("Started", 0, state="Charging"))
        for _ in range(2):
            payload = {"evseId": 1, "meterValue": meter(70)}
            assert await cp.result("MeterValues", payload) == {}
        assert await cp.result("MeterValues", {"evseId": 0, "meterValue": meter(70)}) == {}
        (session,) = await sessions_of(server)
        assert [one.energy_wh for one in await readings_of(server, session.id)] == [70]


async def test_a_reservation_that_nobody_knows_is_acknowledged(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        for number in (5, 2**70, 0):
            payload = {"reservationId": number, "reservationUpdateStatus": "Removed"}
            assert await cp.result("ReservationStatusUpdate", payload) == {}


async def test_a_status_of_an_impossible_place_is_quarantined(server: Running) -> None:
    await server.add_charger()
    async with charger(server, version="2.0.1") as cp:
        await cp.boot()
        base = {"timestamp": "x", "connectorStatus": "Faulted", "evseId": 1, "connectorId": 2}
        assert await cp.result("StatusNotification", base | {"evseId": 2**70}) == {}
        assert await cp.result("StatusNotification", base) == {}
        assert await cp.result("StatusNotification", base | {"evseId": 0, "connectorId": 0}) == {}
        connector = await connector_of(server)
        assert (connector.status, connector.error_code) == ("faulted", "Faulted")
    assert len(await quarantined(server)) == 3


def test_every_value_of_the_schema_has_a_meaning() -> None:
    definitions = schemas._schema("2.0.1", "TransactionEvent", "request")["definitions"]
    assert set(definitions["ReasonEnumType"]["enum"]) == set(END_REASONS)
    assert set(END_TRIGGERS) < set(definitions["TriggerReasonEnumType"]["enum"])
    assert set(definitions["ChargingStateEnumType"]["enum"]) == set(CHARGING_STATES)
    definitions = schemas._schema("2.0.1", "StatusNotification", "request")["definitions"]
    assert {*STATUSES, "Occupied"} == set(definitions["ConnectorStatusEnumType"]["enum"])


@pytest.mark.parametrize(
    ("trigger", "stopped", "expected"),
    [
        ("StopAuthorized", None, "local"),
        ("RemoteStop", None, "remote"),
        ("RemoteStop", "Remote", "remote"),
        ("EVDeparted", "EVDisconnected", "vehicle_disconnected"),
        ("UnlockCommand", "Other", "unlocked"),
        ("AbnormalCondition", "GroundFault", "charger_fault"),
        ("AbnormalCondition", "EmergencyStop", "emergency"),
        ("MeterValuePeriodic", None, "local"),
        ("ChargingStateChanged", "StoppedByEV", "vehicle_full"),
    ],
)
def test_why_it_ended(trigger: str, stopped: str | None, expected: str) -> None:
    payload = event("Ended", 1, triggerReason=trigger)
    if stopped is not None:
        payload["transactionInfo"]["stoppedReason"] = stopped
    assert end_reason(convert(payload, m.TransactionEvent)) == expected
