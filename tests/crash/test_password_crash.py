"""A01: ``kill -9`` at every gap of a password change; the charger always gets in again."""

import asyncio
import json
from pathlib import Path

import pytest
from websockets import ConnectionClosed, InvalidHandshake
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from core.audit.service import CLI
from core.certificates import key_change
from core.chargers import registry
from core.chargers.models import Charger
from core.kernel.crypto import Vault
from core.kernel.db import Database
from tests.crash.node import Node, node
from tests.csms.live import BOOT, PASSWORD, basic
from tests.eventually import eventually

GAPS = {
    "csms.claimed.set_password": "old",
    "csms.written.set_password": "new",
    "csms.answered.set_password": "new",
    "password.answered": "new",
}
"""Each place, and which key the charger has when the node dies there."""


@pytest.fixture
def backend() -> str:
    """One database is enough: what differs between them is tested without processes."""
    return "sqlite"


class KeyTaker:
    """A charger that takes a new key, and dials with the one it has."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/CP-1"
        self.key: str = PASSWORD
        self.is_in = asyncio.Event()

    async def dial(self) -> None:
        """Be connected once, until the socket ends."""
        async with connect(
            self.url,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=basic("CP-1", self.key),
            ping_interval=None,
        ) as socket:
            await socket.send(json.dumps([2, "boot", "BootNotification", BOOT["1.6"]]))
            self.is_in.set()
            async for text in socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    await socket.send(json.dumps(self._answer(frame)))

    def _answer(self, frame: list[object]) -> list[object]:
        _, message_id, action, payload = frame
        assert isinstance(payload, dict)
        if action == "ChangeConfiguration" and payload["key"] == "AuthorizationKey":
            self.key = payload["value"]
            return [3, message_id, {"status": "Accepted"}]
        return [4, message_id, "NotSupported", "", {}]

    async def dial_until_in(self) -> None:
        while not self.is_in.is_set():
            try:
                await self.dial()
            except (OSError, InvalidHandshake, ConnectionClosed):
                await asyncio.sleep(0)


async def the_charger(db: Database) -> Charger:
    async with db.transaction() as tx:
        found = await registry.by_identity(tx, "CP-1")
    assert found is not None
    return found


@pytest.mark.timeout(90)
@pytest.mark.parametrize(("gap", "key"), GAPS.items())
async def test_a01_a_killed_node_locks_nobody_out(
    database_url: str, db: Database, vault: Vault, tmp_path: Path, gap: str, key: str
) -> None:
    async with db.transaction() as tx:
        row, _ = await registry.register(tx, vault, CLI, identity="CP-1", password=PASSWORD)
    async with node(database_url, tmp_path) as running:
        await running.start(gap)
        charger = KeyTaker(running.ocpp_url)
        dialling = asyncio.create_task(charger.dial_until_in())
        await eventually(lambda: is_booted(db), within_s=15)
        async with db.transaction() as tx:
            await key_change.rotate(tx, vault, CLI, row.id)
        await running.died()
        await asyncio.gather(dialling, return_exceptions=True)
        await running.start()
        assert (charger.key != PASSWORD) == (key == "new")
        await came_back(charger, running, db)
        after = await the_charger(db)
        is_decided = after.next_credential is None
        assert is_decided == (key == "new")


async def is_booted(db: Database) -> bool:
    row = await the_charger(db)
    return row.online and row.booted_at is not None


async def came_back(charger: KeyTaker, running: Node, db: Database) -> None:
    before = (await the_charger(db)).epoch
    charger.is_in.clear()
    dialling = asyncio.create_task(charger.dial())
    await charger.is_in.wait()

    async def held() -> bool:
        row = await the_charger(db)
        return row.online and row.epoch > before

    await eventually(held, within_s=15)
    await running.stop()
    await asyncio.gather(dialling, return_exceptions=True)
