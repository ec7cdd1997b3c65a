"""What operators have a charger keep free (OCPP 1.6 5.13, 5.2; 2.0.1 H01 to H04)."""

from datetime import timedelta
from typing import Any

import pytest

from core.audit.service import CLI
from core.commands.commands import CancelReservation
from core.kernel.errors import PlatformError
from core.kernel.times import rfc3339
from core.operations import holds
from core.operations.hold_models import Hold, HoldStatus
from tests.conformance.support import allow, asked_and_answered, booted, charger_of
from tests.csms.live import AT, RawCharger, Running
from tests.eventually import eventually

pytestmark = [pytest.mark.ocpp("1.6", "ReserveNow"), pytest.mark.ocpp("2.0.1", "ReserveNow")]
WHAT: dict[str, Any] = {
    "evse": None,
    "connector_type": None,
    "token": "0a0b0c0d",
    "token_kind": "ISO14443",
    "group_token": None,
    "group_kind": "Central",
}


async def held(
    server: Running, cp: RawCharger, *, answer: str = "Accepted", **what: Any
) -> tuple[dict[str, Any], Hold]:
    row = await charger_of(server)
    async with server.db.transaction() as tx:
        until = tx.now + timedelta(hours=1)
        hold, command = await holds.ask(tx, CLI, row, expires_at=until, **{**WHAT, **what})
    payload, _ = await asked_and_answered(server, cp, command, "ReserveNow", {"status": answer})
    return payload, await status_of(server, hold, not_=HoldStatus.PENDING)


async def status_of(server: Running, hold: Hold, *, not_: HoldStatus) -> Hold:
    async def probe() -> Hold | None:
        async with server.db.transaction() as tx:
            found = await holds.get(tx, hold.charger_id, hold.id)
        return found if found.status is not not_ else None

    return await eventually(probe)


async def test_any_connector_is_held_for_a_group(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        payload, hold = await held(server, cp, group_token="fleet")
        until = rfc3339(hold.expires_at)
        expected: dict[str, Any] = {
            "1.6": {
                "connectorId": 0,
                "expiryDate": until,
                "idTag": "0A0B0C0D",
                "parentIdTag": "FLEET",
                "reservationId": hold.reservation,
            },
            "2.0.1": {
                "id": hold.reservation,
                "expiryDateTime": until,
                "idToken": {"idToken": "0A0B0C0D", "type": "ISO14443"},
                "groupIdToken": {"idToken": "FLEET", "type": "Central"},
            },
        }
        assert payload == expected[version]
        assert hold.status is HoldStatus.ACTIVE


@pytest.mark.parametrize("version", ["2.0.1"])
async def test_any_connector_of_a_type_is_held(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        payload, _ = await held(server, cp, connector_type="cCCS2")
        assert (payload["connectorType"], "evseId" in payload) == ("cCCS2", False)


@pytest.mark.parametrize("answer", ["Faulted", "Occupied", "Rejected", "Unavailable"])
async def test_a_refusal_keeps_the_chargers_word(
    server: Running, version: str, answer: str
) -> None:
    async with booted(server, version) as cp:
        _, hold = await held(server, cp, evse=1, answer=answer)
        assert (hold.status, hold.reason) == (HoldStatus.REFUSED, answer)


@pytest.mark.ocpp("1.6", "CancelReservation")
@pytest.mark.ocpp("2.0.1", "CancelReservation")
@pytest.mark.parametrize(
    ("answer", "status"),
    [("Accepted", HoldStatus.CANCELLED), ("Rejected", HoldStatus.REMOVED)],
)
async def test_a_hold_is_released(
    server: Running, version: str, answer: str, status: HoldStatus
) -> None:
    async with booted(server, version) as cp:
        _, hold = await held(server, cp, evse=1)
        command = CancelReservation(reservation=hold.reservation)
        sent = {"status": answer}
        payload, _ = await asked_and_answered(server, cp, command, "CancelReservation", sent)
        assert payload == {"reservationId": hold.reservation}
        assert (await status_of(server, hold, not_=HoldStatus.ACTIVE)).status is status


@pytest.mark.ocpp("2.0.1", "ReservationStatusUpdate")
@pytest.mark.parametrize("version", ["2.0.1"])
@pytest.mark.parametrize("status", [HoldStatus.EXPIRED, HoldStatus.REMOVED])
async def test_a_station_reports_that_a_hold_is_over(
    server: Running, version: str, status: HoldStatus
) -> None:
    async with booted(server, version) as cp:
        _, hold = await held(server, cp)
        word = "Expired" if status is HoldStatus.EXPIRED else "Removed"
        told = {"reservationId": hold.reservation, "reservationUpdateStatus": word}
        assert await cp.result("ReservationStatusUpdate", told) == {}
        assert (await status_of(server, hold, not_=HoldStatus.ACTIVE)).status is status


@pytest.mark.ocpp("1.6", "StartTransaction")
@pytest.mark.ocpp("2.0.1", "TransactionEvent")
async def test_a_token_of_the_group_uses_the_hold(server: Running, version: str) -> None:
    await allow(server, "OTHER", group_token="FLEET")
    async with booted(server, version) as cp:
        _, hold = await held(server, cp, group_token="FLEET")
        if version == "1.6":
            await cp.result(
                "StartTransaction",
                {
                    "connectorId": 1,
                    "idTag": "OTHER",
                    "meterStart": 0,
                    "timestamp": AT,
                    "reservationId": hold.reservation,
                },
            )
        else:
            event = {
                "eventType": "Started",
                "timestamp": AT,
                "triggerReason": "Authorized",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "T"},
                "evse": {"id": 1, "connectorId": 1},
                "idToken": {"idToken": "OTHER", "type": "ISO14443"},
                "reservationId": hold.reservation,
            }
            await cp.result("TransactionEvent", event)
        found = await status_of(server, hold, not_=HoldStatus.ACTIVE)
        assert found.status is HoldStatus.USED


async def test_a_hold_ends_with_its_time(server: Running, version: str) -> None:
    async with booted(server, version) as cp:
        _, hold = await held(server, cp)
        server.db.clock.advance(3601)  # type: ignore[attr-defined]
        async with server.db.transaction() as tx:
            await holds.expire_overdue(tx)
        found = await status_of(server, hold, not_=HoldStatus.ACTIVE)
        assert found.status is HoldStatus.EXPIRED


@pytest.mark.parametrize(
    ("what", "detail"),
    [
        ({"token": "x" * 37}, "id_token has"),
        ({"token_kind": "Card"}, "id_token_kind is one of"),
        ({"connector_type": "Schuko"}, "connector_type is one of"),
        ({"group_token": "\x00"}, "group_token has"),
    ],
)
async def test_what_cannot_be_held_is_refused_precisely(
    server: Running, version: str, what: dict[str, Any], detail: str
) -> None:
    async with booted(server, version) as cp:
        with pytest.raises(PlatformError, match=detail):
            await held(server, cp, **what)
        await held(server, cp)
