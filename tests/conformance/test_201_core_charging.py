"""OCPP 2.0.1: transactions as a charging station tells them, online and after being offline.

OCPP 2.0.1 E01 to E14; OCA 2.0.1 CSMS: TC_E transactions, TC_B reboot in mid transaction.
"""

from typing import Any

import pytest

from core.commands.commands import ReportTransaction
from core.sessions.states import StopReason
from csms.ocpp201.transactions import END_REASONS
from tests.conformance.support import (
    allow,
    asked_and_answered,
    booted,
    quarantined,
    sessions_of,
    the_session,
)
from tests.csms.live import RawCharger, Running

pytestmark = pytest.mark.ocpp("2.0.1", "TransactionEvent")

TOKEN = {"idToken": "T1", "type": "ISO14443"}


def event(kind: str, seq: int, trigger: str, **more: Any) -> dict[str, Any]:
    info = {"transactionId": "tx-1"} | more.pop("info", {})
    minute = 10 + seq
    return {
        "eventType": kind,
        "timestamp": f"2026-11-21T10:{minute}:00Z",
        "triggerReason": trigger,
        "seqNo": seq,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
    } | more


def meter(wh: float, context: str) -> list[dict[str, Any]]:
    sample = {"value": wh, "context": context, "measurand": "Energy.Active.Import.Register"}
    return [{"timestamp": "2026-11-21T10:10:00Z", "sampledValue": [sample]}]


def whole(*, plug_first: bool = True) -> list[dict[str, Any]]:
    """Return the events of a regular session."""
    first = ("CablePluggedIn", {}) if plug_first else ("Authorized", {"idToken": TOKEN})
    second = ("Authorized", {"idToken": TOKEN}) if plug_first else ("CablePluggedIn", {})
    charging = {"info": {"chargingState": "Charging"}}
    end = {"info": {"stoppedReason": "Local"}, "idToken": TOKEN}
    return [
        event("Started", 0, first[0], meterValue=meter(1000, "Transaction.Begin"), **first[1]),
        event("Updated", 1, second[0], **second[1]),
        event("Updated", 2, "ChargingStateChanged", **charging),
        event("Updated", 3, "MeterValuePeriodic", meterValue=meter(4500, "Sample.Periodic")),
        event("Ended", 4, "StopAuthorized", meterValue=meter(8000, "Transaction.End"), **end),
    ]


async def tell(cp: RawCharger, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [await cp.result("TransactionEvent", one) for one in events]


@pytest.mark.ocpp("2.0.1", "Authorize")
@pytest.mark.ocpp("2.0.1", "StatusNotification")
@pytest.mark.parametrize("plug_first", [True, False], ids=["plug first", "id token first"])
async def test_a_regular_session(server: Running, *, plug_first: bool) -> None:
    await allow(server, "T1")
    async with booted(server, "2.0.1") as cp:
        occupied = {
            "timestamp": "2026-11-21T10:00:00Z",
            "connectorStatus": "Occupied",
            "evseId": 1,
            "connectorId": 1,
        }
        assert await cp.result("StatusNotification", occupied) == {}
        told = await cp.result("Authorize", {"idToken": TOKEN})
        assert told["idTokenInfo"]["status"] == "Accepted"
        events = whole(plug_first=plug_first)
        answers = await tell(cp, events)
    for sent, answer in zip(events, answers, strict=True):
        assert ("idTokenInfo" in answer) is ("idToken" in sent)
        assert answer.get("idTokenInfo", {}).get("status", "Accepted") == "Accepted"
    session = await the_session(server)
    assert (session.energy_wh, session.stop_reason) == (7000, StopReason.DRIVER)
    assert session.transaction_ref == "tx-1"


async def test_the_vehicle_disconnects_and_the_session_ends(server: Running) -> None:
    await allow(server, "T1")
    async with booted(server, "2.0.1") as cp:
        info = {"info": {"stoppedReason": "EVDisconnected", "chargingState": "Idle"}}
        await tell(cp, [*whole()[:4], event("Ended", 4, "EVCommunicationLost", **info)])
    assert (await the_session(server)).stop_reason == StopReason.VEHICLE_DISCONNECTED


@pytest.mark.parametrize("reason", sorted(END_REASONS))
async def test_each_stopped_reason_ends_the_session(server: Running, reason: str) -> None:
    async with booted(server, "2.0.1") as cp:
        info = {"info": {"stoppedReason": reason}}
        await tell(cp, [whole()[0], event("Ended", 1, "AbnormalCondition", **info)])
    session = await the_session(server)
    assert not session.is_open
    assert session.stop_reason is not None


async def test_events_from_offline_are_taken_in_their_own_time(server: Running) -> None:
    await allow(server, "T1")
    async with booted(server, "2.0.1") as cp:
        await tell(cp, [one | {"offline": True} for one in whole()])
    session = await the_session(server)
    assert (session.energy_wh, session.is_open) == (7000, False)
    assert session.ended_at is not None
    assert (session.ended_at - session.started_at).total_seconds() == 240


async def test_events_told_twice_or_late_change_nothing(server: Running) -> None:
    """I18, E12: repeated with new message ids, then as offline events, then in another order."""
    await allow(server, "T1")
    async with booted(server, "2.0.1") as cp:
        await tell(cp, whole())
        before = await sessions_of(server)
        await tell(cp, whole())
        await tell(cp, [one | {"offline": True} for one in whole()])
        await tell(cp, list(reversed(whole())))
    assert await sessions_of(server) == before
    assert await quarantined(server) == []


async def test_an_end_without_a_beginning_is_a_session_too(server: Running) -> None:
    async with booted(server, "2.0.1") as cp:
        await tell(cp, [whole()[-1]])
    assert not (await the_session(server)).is_open


@pytest.mark.ocpp("2.0.1", "GetTransactionStatus")
@pytest.mark.parametrize(
    "answer",
    [
        {"ongoingIndicator": True, "messagesInQueue": False},
        {"ongoingIndicator": True, "messagesInQueue": True},
        {"ongoingIndicator": False, "messagesInQueue": False},
        {"messagesInQueue": False},
    ],
)
async def test_the_status_of_a_transaction_is_asked(
    server: Running, answer: dict[str, Any]
) -> None:
    """OCPP 2.0.1 E14."""
    async with booted(server, "2.0.1") as cp:
        await tell(cp, whole()[:3])
        question = ReportTransaction(transaction_ref="tx-1", evse=1)
        sent, row = await asked_and_answered(server, cp, question, "GetTransactionStatus", answer)
    assert sent == {"transactionId": "tx-1"}
    assert row.response == answer
