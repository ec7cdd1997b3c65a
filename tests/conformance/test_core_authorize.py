"""Authorize: accepted, invalid, blocked, expired, in a group.

OCA 1.6 CSMS: TC_023 start with an invalid, a blocked and an expired id tag. OCPP 2.0.1 C01, C09.
"""

from datetime import timedelta
from typing import Any

import pytest

from tests.conformance.support import allow, booted, sessions_of
from tests.csms.live import AT, Running


async def verdict(cp: Any, token: str) -> dict[str, Any]:
    if cp.version == "1.6":
        answer = await cp.result("Authorize", {"idTag": token})
        found: dict[str, Any] = answer["idTagInfo"]
    else:
        answer = await cp.result("Authorize", {"idToken": {"idToken": token, "type": "ISO14443"}})
        found = answer["idTokenInfo"]
    return found


async def listed(server: Running) -> None:
    await allow(server, "GOOD")
    await allow(server, "BLOCKED", blocked=True)
    async with server.db.transaction() as tx:
        long_ago = tx.now - timedelta(days=1)
    await allow(server, "EXPIRED", expires_at=long_ago)
    await allow(server, "CHILD", group_token="PARENT")


@pytest.mark.ocpp("1.6", "Authorize")
@pytest.mark.ocpp("2.0.1", "Authorize")
@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("GOOD", "Accepted"),
        ("good", "Accepted"),
        ("STRANGER", "Invalid"),
        ("BLOCKED", "Blocked"),
        ("EXPIRED", "Expired"),
    ],
)
async def test_each_token_gets_its_verdict(
    server: Running, version: str, token: str, status: str
) -> None:
    await listed(server)
    async with booted(server, version) as cp:
        found = (await verdict(cp, token))["status"]
    unknown = {"1.6": "Invalid", "2.0.1": "Unknown"}
    assert found in ({status, unknown[version]} if token == "STRANGER" else {status})


@pytest.mark.ocpp("1.6", "Authorize")
@pytest.mark.ocpp("2.0.1", "Authorize")
async def test_the_group_of_a_token_is_told(server: Running, version: str) -> None:
    await listed(server)
    async with booted(server, version) as cp:
        found = await verdict(cp, "CHILD")
    assert found["status"] == "Accepted"
    group = found["parentIdTag"] if version == "1.6" else found["groupIdToken"]["idToken"]
    assert group == "PARENT"


@pytest.mark.ocpp("1.6", "Authorize")
@pytest.mark.ocpp("1.6", "StartTransaction")
@pytest.mark.parametrize("token", ["STRANGER", "BLOCKED", "EXPIRED"])
async def test_a_16_transaction_with_a_bad_tag_gets_its_number_and_the_verdict(
    server: Running, token: str
) -> None:
    """OCPP 1.6 4.8: the charge point decides what becomes of it, and may report it later."""
    await listed(server)
    async with booted(server) as cp:
        await verdict(cp, token)
        start = {"connectorId": 1, "idTag": token, "meterStart": 0, "timestamp": AT}
        answer = await cp.result("StartTransaction", start)
    assert answer["transactionId"] > 0
    assert answer["idTagInfo"]["status"] != "Accepted"
    assert len(await sessions_of(server)) == 1
