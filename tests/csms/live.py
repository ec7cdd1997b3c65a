"""A server on a real socket, and a charger that says exactly what a test tells it."""

import asyncio
import base64
import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from websockets import ConnectionClosed
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from core.audit.service import CLI
from core.chargers import registry
from core.chargers.frame_log import FrameLog
from core.chargers.models import Charger
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from csms.server import Csms, listen

PASSWORD = "correct-horse-battery"
SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
AT = "2026-11-21T10:00:00Z"

BOOT: dict[str, dict[str, Any]] = {
    "1.6": {"chargePointVendor": "Vendor", "chargePointModel": "Model"},
    "2.0.1": {"chargingStation": {"model": "Model", "vendorName": "Vendor"}, "reason": "PowerUp"},
}


@dataclass
class Running:
    """The server and what it stands on."""

    db: Database
    settings: Settings
    vault: Vault
    frame_log: FrameLog
    csms: Csms

    async def add_charger(self, identity: str = "CP-1", **values: Any) -> Charger:
        async with self.db.transaction() as tx:
            values = {"password": PASSWORD, **values}
            charger, _ = await registry.register(tx, self.vault, CLI, identity=identity, **values)
        return charger


@asynccontextmanager
async def running(db: Database, settings: Settings, vault: Vault) -> AsyncIterator[Running]:
    async with (
        FrameLog(db) as frame_log,
        listen(db, settings, vault, frame_log, db.clock, random.Random(1)) as csms,  # noqa: S311,
    ):
        yield Running(db, settings, vault, frame_log, csms)


def basic(user: str, password: str | bytes) -> dict[str, str]:
    raw = password.encode() if isinstance(password, str) else password
    return {"Authorization": f"Basic {base64.b64encode(user.encode() + b':' + raw).decode()}"}


@dataclass
class RawCharger:
    """Sends what it is told; keeps calls of the server apart from answers.

    Calls of the server are answered by *replies* (action to payload), else left unanswered.
    """

    socket: ClientConnection
    version: str
    replies: dict[str, Any] = field(default_factory=dict)
    calls: list[list[Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    answers: list[list[Any]] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    async def read(self) -> None:
        async for text in self.socket:
            frame = json.loads(text)
            async with self._changed:
                self.texts.append(str(text))
                (self.calls if frame[0] == 2 else self.answers).append(frame)
                self._changed.notify_all()
            if frame[0] == 2 and frame[2] in self.replies:
                await self.socket.send(json.dumps([3, frame[1], self.replies[frame[2]]]))

    async def send(self, frame: Any) -> None:
        await self.socket.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> list[Any]:
        """Send a CALL and return the answer's frame."""
        message_id = message_id or f"m{next(self._ids)}"
        count = len(self.to(message_id))
        await self.send([2, message_id, action, payload])
        await self.until(lambda: len(self.to(message_id)) > count)
        return self.to(message_id)[-1]

    async def result(self, action: str, payload: Any) -> dict[str, Any]:
        """Send a CALL and return the CALLRESULT's payload."""
        answer = await self.call(action, payload)
        assert answer[0] == 3, answer
        found: dict[str, Any] = answer[2]
        return found

    async def boot(self) -> dict[str, Any]:
        return await self.result("BootNotification", BOOT[self.version])

    async def called(self, action: str, count: int = 1) -> list[Any]:
        """Wait for the server's CALL of *action*."""
        await self.until(lambda: len(self.calls_of(action)) >= count)
        return self.calls_of(action)[count - 1]

    async def until(self, is_so: Any) -> None:
        async with asyncio.timeout(40), self._changed:
            await self._changed.wait_for(is_so)

    def to(self, message_id: str) -> list[list[Any]]:
        return [answer for answer in self.answers if answer[1] == message_id]

    def calls_of(self, action: str) -> list[list[Any]]:
        return [call for call in self.calls if call[2] == action]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()


@asynccontextmanager
async def charger(
    server: Running,
    identity: str = "CP-1",
    version: str = "1.6",
    *,
    password: str | bytes | None = PASSWORD,
    replies: dict[str, Any] | None = None,
) -> AsyncIterator[RawCharger]:
    """A charger that is connected, and says nothing by itself."""
    async with (
        connect(
            f"{server.csms.url}/{identity}",
            subprotocols=[Subprotocol(SUBPROTOCOLS[version])],
            additional_headers=None if password is None else basic(identity, password),
            compression=None,
            ping_interval=None,
        ) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        raw = RawCharger(socket=socket, version=version, replies=replies or {})
        reading = tasks.create_task(_quietly(raw))
        try:
            yield raw
        finally:
            await socket.close()
            await reading


async def _quietly(raw: RawCharger) -> None:
    try:
        await raw.read()
    except ConnectionClosed:
        return


async def closed(cp: RawCharger) -> int | None:
    """Wait for the end of the socket; return its code."""
    async with asyncio.timeout(40):
        await cp.socket.wait_closed()
    return cp.socket.close_code
