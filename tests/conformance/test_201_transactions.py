"""Transactions of OCPP 2.0.1 as charging stations tell them: E01 to E15."""

from typing import Any

import pytest

from core.audit.service import CLI
from core.commands.commands import ReportTransaction, StartCharging
from core.partners import service as partners
from core.sessions import queries
from core.sessions.models import Session
from core.sessions.states import DataQuality, SessionStatus
from core.sessions.transcript import TransactionMessage, told
from csms import schemas
from tests.conformance.support import (
    QUIET,
    allow,
    asked_and_answered,
    booted,
    connectors_of,
    idle,
    quarantined,
    sessions_of,
    the_session,
    until,
)
from tests.csms.live import RawCharger, Running
from tests.csms.test_transactions201 import TOKEN, event, meter

V = "2.0.1"
ACCEPTED = {"idTokenInfo": {"status": "Accepted"}}
NOBODY = {"idToken": "", "type": "NoAuthorization"}


async def tell(cp: RawCharger, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    answers = [await cp.result("TransactionEvent", message) for message in messages]
    for answer in answers:
        assert schemas.validate_response("2.0.1", "TransactionEvent", answer) is None
    return answers


async def transcript(server: Running, session: Session) -> list[TransactionMessage]:
    async with server.db.transaction() as tx:
        return list(await told(tx, session.id, after=0, limit=200))


def without_place(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "evse"}


START_POINTS: dict[str, dict[str, Any]] = {
    "ParkingBayOccupancy": {"triggerReason": "EVDetected"},
    "EVConnected": {"triggerReason": "CablePluggedIn", "state": "EVConnected"},
    "Authorized": {"triggerReason": "Authorized", "idToken": TOKEN},
    "DataSigned": {"triggerReason": "SignedDataReceived", "idToken": TOKEN, "state": "EVConnected"},
    "PowerPathClosed": {
        "triggerReason": "ChargingStateChanged",
        "idToken": TOKEN,
        "state": "EVConnected",
    },
    "EnergyTransfer": {
        "triggerReason": "ChargingStateChanged",
        "idToken": TOKEN,
        "state": "Charging",
    },
}


@pytest.mark.ocpp(V, "TransactionEvent")
@pytest.mark.parametrize("point", START_POINTS)
async def test_e01_whatever_begins_a_transaction_it_ends_the_same(
    server: Running, point: str
) -> None:
    await allow(server, "T1")
    async with booted(server, V) as cp:
        started = event("Started", 0, meterValue=meter(100), **START_POINTS[point])
        (answer,) = await tell(cp, started)
        assert answer == (ACCEPTED if "idToken" in started else {})
        if "idToken" not in started:
            (answer,) = await tell(
                cp, event("Updated", 1, triggerReason="Authorized", idToken=TOKEN, minute=1)
            )
            assert answer == ACCEPTED
        await tell(
            cp,
            event("Updated", 2, state="Charging", minute=2, meterValue=meter(100)),
            event("Ended", 3, minute=3, meterValue=meter(400, "Transaction.End")),
        )
        session = await the_session(server)
    assert (session.token, session.verdict, session.energy_wh) == ("T1", "accepted", 300)
    assert session.billable


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_e01_a_transaction_may_begin_before_its_evse_is_known(server: Running) -> None:
    """TxStartPoint Authorized: nobody has plugged in yet."""
    await allow(server, "T1")
    async with booted(server, V) as cp:
        started = event("Started", 0, triggerReason="Authorized", idToken=TOKEN)
        await tell(cp, without_place(started))
        session = await the_session(server)
        assert (session.connector_id, session.status) == (None, SessionStatus.PENDING)
        plugged = event("Updated", 1, triggerReason="CablePluggedIn", state="EVConnected", minute=1)
        await tell(cp, plugged)
        (place,) = [
            one for one in await connectors_of(server) if (one.evse, one.connector) == (1, 2)
        ]
        session = await the_session(server)
        assert (session.connector_id, session.is_current) == (place.id, True)
        assert place.status == "preparing"
        rest = event("Updated", 2, state="Charging", minute=2)
        await tell(cp, without_place(rest), without_place(event("Ended", 3, minute=3)))
        session = await the_session(server)
    assert (session.connector_id, session.is_current) == (place.id, False)


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_e02_a_driver_who_is_known_only_later_owns_the_session_from_then(
    server: Running,
) -> None:
    async with server.db.transaction() as tx:
        partner = await partners.create_partner(tx, CLI, name="P")
    await allow(server, "T1", partner_id=partner.id)
    async with booted(server, V) as cp:
        await tell(cp, event("Started", 0, triggerReason="CablePluggedIn", state="EVConnected"))
        assert (await the_session(server)).partner_id is None
        later = event("Updated", 1, triggerReason="Authorized", idToken=TOKEN, minute=1)
        assert await tell(cp, later) == [ACCEPTED]
        assert (await the_session(server)).partner_id == partner.id


@pytest.mark.ocpp(V, "TransactionEvent")
@pytest.mark.parametrize("status", ["Blocked", "Unknown"])
async def test_e05_a_token_that_is_not_accepted_is_answered_so_and_never_billed(
    server: Running, status: str
) -> None:
    if status == "Blocked":
        await allow(server, "T1", blocked=True)
    async with booted(server, V) as cp:
        (answer,) = await tell(cp, event("Started", 0, idToken=TOKEN, state="EVConnected"))
        assert answer["idTokenInfo"]["status"] in {status, "Invalid"}
        gone = event("Ended", 1, minute=1, triggerReason="Deauthorized")
        gone["transactionInfo"]["stoppedReason"] = "DeAuthorized"
        assert await tell(cp, gone) == [{}]
        session = await the_session(server)
    assert (session.stop_reason, session.billable) == ("deauthorized", False)


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_an_answer_has_id_token_info_where_a_token_was_sent_and_never_otherwise(
    server: Running,
) -> None:
    await allow(server, "T1")
    async with booted(server, V) as cp:
        for seq, kind in enumerate(["Started", "Updated", "Ended"]):
            base: dict[str, Any] = {"transactionInfo": {"transactionId": "with"}}
            (answer,) = await tell(cp, event(kind, seq, minute=seq, idToken=TOKEN) | base)
            assert answer == ACCEPTED
            base = {"transactionInfo": {"transactionId": "without"}, "evse": {"id": 2}}
            assert await tell(cp, event(kind, seq, minute=seq) | base) == [{}]
            base = {"transactionInfo": {"transactionId": "nobody"}, "evse": {"id": 3}}
            (answer,) = await tell(cp, event(kind, seq, minute=seq, idToken=NOBODY) | base)
            assert set(answer) == {"idTokenInfo"}


@pytest.mark.ocpp(V, "TransactionEvent")
@pytest.mark.parametrize(
    ("trigger", "stopped", "reason"),
    [
        ("StopAuthorized", "Local", "driver"),
        ("EVCommunicationLost", "EVDisconnected", "vehicle_disconnected"),
        ("EVDeparted", "EVDisconnected", "vehicle_disconnected"),
        ("EVConnectTimeout", "Timeout", "other"),
        ("Deauthorized", "DeAuthorized", "deauthorized"),
        ("EnergyLimitReached", "EnergyLimitReached", "limit_energy"),
        ("TimeLimitReached", "TimeLimitReached", "limit_time"),
        ("ChargingStateChanged", "SOCLimitReached", "vehicle_full"),
        ("ChargingStateChanged", "StoppedByEV", "vehicle_full"),
        ("ResetCommand", "ImmediateReset", "reboot"),
        ("AbnormalCondition", "PowerLoss", "power_loss"),
        ("AbnormalCondition", "EmergencyStop", "emergency"),
        ("UnlockCommand", "Other", "other"),
    ],
)
async def test_e06_e07_e09_whatever_ends_a_transaction_is_told_in_one_word(
    server: Running, trigger: str, stopped: str, reason: str
) -> None:
    await allow(server, "T1")
    async with booted(server, V) as cp:
        await tell(cp, event("Started", 0, idToken=TOKEN, state="Charging"))
        ended = event("Ended", 1, minute=1, triggerReason=trigger, idToken=TOKEN)
        ended["transactionInfo"]["stoppedReason"] = stopped
        await tell(cp, ended)
        assert (await the_session(server)).stop_reason == reason


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_e04_e08_e12_a_transaction_that_happened_offline_is_one_session(
    server: Running,
) -> None:
    await allow(server, "T1")
    async with booted(server, V) as cp:
        await tell(
            cp,
            event("Started", 0, offline=True, idToken=TOKEN, meterValue=meter(0)),
            event("Updated", 1, offline=True, state="Charging", minute=1),
            event("Ended", 2, offline=True, minute=2, meterValue=meter(900, "Transaction.End")),
        )
        session = await the_session(server)
        assert (session.energy_wh, session.billable) == (900, True)
        marks = [one.raw.get("offline") for one in await transcript(server, session)]
    assert marks == [True, True, True]


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_e10_e11_a_vehicle_that_leaves_and_comes_back_goes_on(server: Running) -> None:
    async with booted(server, V) as cp:
        statuses = []
        for seq, state in enumerate(
            ["Charging", "SuspendedEV", "SuspendedEVSE", "Idle", "EVConnected", "Charging"]
        ):
            kind = "Started" if seq == 0 else "Updated"
            await tell(cp, event(kind, seq, state=state, minute=seq))
            statuses.append((await the_session(server)).status.value)
    assert statuses == ["charging", "suspended", "suspended", "finishing", "pending", "charging"]


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_e12_a_gap_of_seq_no_is_flagged_and_filled(server: Running) -> None:
    async with booted(server, V) as cp:
        await tell(
            cp,
            event("Started", 0, meterValue=meter(0, "Transaction.Begin")),
            event("Updated", 1, minute=1),
            event("Ended", 4, minute=4, meterValue=meter(900, "Transaction.End")),
        )
        session = await the_session(server)
        assert "sequence_gap" in session.flags
        assert session.data_quality is DataQuality.METER_GAP
        await tell(cp, event("Updated", 3, minute=3, offline=True))
        assert "sequence_gap" in (await the_session(server)).flags
        await tell(cp, event("Updated", 2, minute=2, offline=True))
        session = await the_session(server)
        assert "sequence_gap" not in session.flags
        assert session.data_quality is DataQuality.OK


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_e13_every_trigger_reason_is_accepted_in_every_event(server: Running) -> None:
    definitions = schemas._schema(V, "TransactionEvent", "request")["definitions"]
    triggers = definitions["TriggerReasonEnumType"]["enum"]
    async with booted(server, V) as cp:
        for trigger in triggers:
            info = {"transactionInfo": {"transactionId": trigger}}
            for seq, kind in enumerate(["Started", "Updated", "Ended"]):
                message = event(kind, seq, minute=seq, triggerReason=trigger) | info
                assert await tell(cp, message) == [{}]
        found = await sessions_of(server)
    assert {one.transaction_ref for one in found} == set(triggers)
    assert {one.status for one in found} == {SessionStatus.ENDED}
    assert await quarantined(server) == []


@pytest.mark.ocpp(V, "BootNotification")
@pytest.mark.ocpp(V, "GetTransactionStatus")
@pytest.mark.ocpp(V, "TransactionEvent")
@pytest.mark.parametrize("ongoing", [True, False])
async def test_e14_after_a_boot_a_station_is_asked_whether_its_transaction_goes_on(
    server: Running, *, ongoing: bool
) -> None:
    """One that goes on is no longer in doubt; one that does not waits for its end."""
    answer = {"ongoingIndicator": ongoing, "messagesInQueue": False}
    async with booted(server, V, replies={"GetTransactionStatus": answer}) as cp:
        await tell(cp, event("Started", 0, state="Charging"))
        cp.replies |= QUIET
        await cp.boot()
        _, _, _, payload = await cp.called("GetTransactionStatus")
        assert payload == {"transactionId": "tx-1"}

        async def is_settled() -> bool:
            return ((await the_session(server)).suspect_since is None) is ongoing

        await idle(server)
        await until(is_settled)


@pytest.mark.ocpp(V, "GetTransactionStatus")
async def test_e14_an_operator_may_ask_too(server: Running) -> None:
    async with booted(server, V) as cp:
        payload, row = await asked_and_answered(
            server,
            cp,
            ReportTransaction(transaction_ref="tx-9", evse=1),
            "GetTransactionStatus",
            {"messagesInQueue": False},
        )
        assert (payload, row.status) == ({"transactionId": "tx-9"}, "answered")


@pytest.mark.ocpp(V, "TransactionEvent")
async def test_phases_and_cable_are_kept_as_they_were_told(server: Running) -> None:
    async with booted(server, V) as cp:
        more: dict[str, Any] = {
            "numberOfPhasesUsed": 3,
            "cableMaxCurrent": 32,
            "customData": {"vendorId": "v", "x": 1},
        }
        started = event("Started", 0, **more)
        started["transactionInfo"]["timeSpentCharging"] = 5
        await tell(cp, started)
        (kept,) = await transcript(server, await the_session(server))
    assert kept.raw == started
    assert (kept.action, kept.seq) == ("TransactionEvent", 0)


@pytest.mark.ocpp(V, "RequestStartTransaction")
@pytest.mark.ocpp(V, "TransactionEvent")
async def test_f01_the_remote_start_id_goes_out(server: Running) -> None:
    async with booted(server, V) as cp:
        command = StartCharging(evse=1, connector=1, token="ABCDEFGH23456789", remote_start_id=99)
        payload, _ = await asked_and_answered(
            server, cp, command, "RequestStartTransaction", {"status": "Accepted"}
        )
        assert payload["remoteStartId"] == 99
        started = event("Started", 0, triggerReason="RemoteStart")
        started["transactionInfo"]["remoteStartId"] = 99
        assert await tell(cp, started) == [{}]
        (message,) = await transcript(server, await the_session(server))
    assert message.raw["transactionInfo"]["remoteStartId"] == 99


async def test_a_transcript_comes_in_pages(server: Running) -> None:
    async with booted(server, V) as cp:
        await tell(cp, *(event("Updated", seq, minute=seq) for seq in range(5)))
        session = await the_session(server)
        async with server.db.transaction() as tx:
            rest = await told(tx, session.id, after=3, limit=10)
            assert [one.seq for one in rest] == [3, 4]
            assert await queries.get_session(tx, session.id, owner=None) == session
