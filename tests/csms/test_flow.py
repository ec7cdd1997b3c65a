from typing import Any

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.csms.live import AT, charger, running


async def test_a_16_charger_boots_and_charges(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with running(db, settings, vault) as server:
        await server.add_charger()
        async with charger(server) as cp:
            assert (await cp.boot())["status"] == "Accepted"
            status: dict[str, Any] = {
                "connectorId": 1,
                "errorCode": "NoError",
                "status": "Available",
            }
            assert await cp.result("StatusNotification", status) == {}
            start = {"connectorId": 1, "idTag": "T1", "meterStart": 10, "timestamp": AT}
            started = await cp.result("StartTransaction", start)
            assert started["idTagInfo"] == {"status": "Invalid"}
            assert started["transactionId"] > 0
            stop = {
                "transactionId": started["transactionId"],
                "meterStop": 20,
                "timestamp": AT,
            }
            assert await cp.result("StopTransaction", stop) == {}
            await cp.called("ChangeConfiguration")


async def test_a_201_charger_boots_and_charges(
    db: Database, settings: Settings, vault: Vault
) -> None:
    async with running(db, settings, vault) as server:
        await server.add_charger()
        async with charger(server, version="2.0.1") as cp:
            assert (await cp.boot())["status"] == "Accepted"
            event = {
                "eventType": "Started",
                "timestamp": AT,
                "triggerReason": "Authorized",
                "seqNo": 0,
                "transactionInfo": {"transactionId": "tx1", "chargingState": "Charging"},
                "evse": {"id": 1, "connectorId": 1},
                "idToken": {"idToken": "T1", "type": "ISO14443"},
                "meterValue": [{"timestamp": AT, "sampledValue": [{"value": 10}]}],
            }
            assert await cp.result("TransactionEvent", event) == {
                "idTokenInfo": {"status": "Unknown"}
            }
            event |= {"eventType": "Ended", "seqNo": 1}
            await cp.result("TransactionEvent", event)
            await cp.called("SetVariables")
