"""The same wishes of a central system in the words of both versions."""

from datetime import UTC, datetime, timedelta

from simulator import SimulatedCharger
from tests.simulator.central import Central, Payload


def is16(charger: SimulatedCharger) -> bool:
    return charger.station.config.version == "1.6"


async def remote_start(
    central: Central, charger: SimulatedCharger, token: str = "TAG", *, connector: int = 1
) -> str:
    if is16(charger):
        payload: Payload = {"connectorId": connector, "idTag": token}
        answer = await central.ask(charger.identity, "RemoteStartTransaction", payload)
    else:
        payload = {
            "evseId": connector,
            "idToken": {"idToken": token, "type": "Central"},
            "remoteStartId": 7,
        }
        answer = await central.ask(charger.identity, "RequestStartTransaction", payload)
    return str(answer["status"])


async def remote_stop(central: Central, charger: SimulatedCharger, transaction_id: str) -> str:
    if is16(charger):
        payload: Payload = {"transactionId": int(transaction_id)}
        answer = await central.ask(charger.identity, "RemoteStopTransaction", payload)
    else:
        payload = {"transactionId": transaction_id}
        answer = await central.ask(charger.identity, "RequestStopTransaction", payload)
    return str(answer["status"])


async def reserve(
    central: Central, charger: SimulatedCharger, *, seconds: float, token: str = "TAG"
) -> str:
    until = (charger.station.clock.now() + timedelta(seconds=seconds)).astimezone(UTC)
    expiry = until.isoformat()
    if is16(charger):
        payload: Payload = {
            "connectorId": 1,
            "expiryDate": expiry,
            "idTag": token,
            "reservationId": 5,
        }
    else:
        payload = {
            "evseId": 1,
            "expiryDateTime": expiry,
            "idToken": {"idToken": token, "type": "Central"},
            "id": 5,
        }
    answer = await central.ask(charger.identity, "ReserveNow", payload)
    return str(answer["status"])


def ends(central: Central) -> list[tuple[str, datetime]]:
    """Return reason and time of every end the central system heard of."""
    found = []
    for call in central.of("StopTransaction", "TransactionEvent"):
        payload = call.payload
        if payload.get("eventType") in {"Started", "Updated"}:
            continue
        reason = payload.get("reason") or payload["transactionInfo"]["stoppedReason"]
        found.append((reason, datetime.fromisoformat(payload["timestamp"])))
    return found


def starts(central: Central) -> list[Payload]:
    return [
        call.payload
        for call in central.of("StartTransaction", "TransactionEvent")
        if call.payload.get("eventType", "Started") == "Started"
    ]
