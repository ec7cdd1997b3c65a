"""A01 in both versions: the key goes out, the charger comes back with it."""

import pytest

from core.audit.service import CLI
from core.certificates import key_change
from core.chargers import frame_log, registry
from core.chargers.models import Charger
from tests.conformance.support import booted
from tests.csms.live import PASSWORD, Running, basic, charger
from tests.csms.test_handshake import refused
from tests.eventually import eventually

RESULT = {
    "component": {"name": "SecurityCtrlr"},
    "variable": {"name": "BasicAuthPassword"},
}


def said(version: str, status: str) -> dict[str, object]:
    if version == "1.6":
        return {"ChangeConfiguration": {"status": status}}
    return {"SetVariables": {"setVariableResult": [{"attributeStatus": status, **RESULT}]}}


async def the_charger(server: Running) -> Charger:
    async with server.db.transaction() as tx:
        found = await registry.by_identity(tx, "CP-1")
    assert found is not None
    return found


async def key_sent(server: Running, version: str, status: str) -> str:
    """Change the key of a charger that answers *status*; return the key on the wire."""
    action = "ChangeConfiguration" if version == "1.6" else "SetVariables"
    async with booted(server, version, replies=said(version, status)) as cp:
        row = await the_charger(server)
        async with server.db.transaction() as tx:
            await key_change.rotate(tx, server.vault, CLI, row.id)
        sent = (await cp.called(action))[3]

        async def settled() -> bool:
            async with server.db.transaction() as tx:
                wish = await key_change.state(tx, row.id)
            return wish is not None and wish.status not in {"pending", "sent"}

        await eventually(settled)
    if version == "1.6":
        assert sent["key"] == "AuthorizationKey"
        return str(sent["value"])
    [data] = sent["setVariableData"]
    assert {name: data[name] for name in RESULT} == RESULT
    return str(data["attributeValue"])


@pytest.mark.ocpp("1.6", "ChangeConfiguration")
@pytest.mark.ocpp("2.0.1", "SetVariables")
async def test_a_charger_that_accepts_comes_back_with_the_new_key_only(
    server: Running, version: str
) -> None:
    key = await key_sent(server, version, "Accepted")
    assert len(bytes.fromhex(key)) == 20
    url = f"{server.csms.url}/CP-1"
    assert (await refused(url, basic("CP-1", PASSWORD))).status_code == 401
    async with charger(server, version=version, password=bytes.fromhex(key)) as cp:
        assert (await cp.boot())["status"] == "Accepted"


@pytest.mark.ocpp("1.6", "ChangeConfiguration")
@pytest.mark.ocpp("2.0.1", "SetVariables")
async def test_a_charger_that_refuses_keeps_the_old_key_only(server: Running, version: str) -> None:
    key = await key_sent(server, version, "Rejected")
    assert (await refused(f"{server.csms.url}/CP-1", basic("CP-1", key))).status_code == 401
    async with charger(server, version=version, password=PASSWORD) as cp:
        assert (await cp.boot())["status"] == "Accepted"


@pytest.mark.ocpp("1.6", "ChangeConfiguration")
@pytest.mark.ocpp("2.0.1", "SetVariables")
async def test_the_key_is_neither_in_the_database_nor_in_the_frame_log(
    server: Running, version: str
) -> None:
    key = await key_sent(server, version, "Accepted")
    row_id = (await the_charger(server)).id
    async with server.db.transaction() as tx:
        wish = await key_change.state(tx, row_id)
        assert wish is not None
        assert key not in repr(wish)
        row = await registry.by_identity(tx, "CP-1")
        assert key not in repr(row)

    async def logged() -> bool:
        async with server.db.transaction() as tx:
            action = "ChangeConfiguration" if version == "1.6" else "SetVariables"
            frames = await frame_log.search(tx, charger_id=row_id, action=action, limit=50)
        assert not [frame for frame in frames if key in frame.text]
        return any("AuthorizationKey" in one.text or "BasicAuth" in one.text for one in frames)

    await eventually(logged)
