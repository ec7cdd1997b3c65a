"""The server, the charger under test on a real socket, and a good charger beside it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from websockets import ConnectionClosed
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from core.audit.service import CLI
from core.chargers import id_tokens
from core.commands import service as commands
from core.commands.commands import Raw
from core.commands.states import Priority
from core.doctor.service import examine
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import PlatformError
from core.kernel.settings import Settings
from csms import inbound, protocol
from csms.actions import TO_CHARGER
from csms.codes import Version
from csms.connection import Connection
from csms.redact import is_plain, redact_frame
from csms.turns import Asked
from tests.csms.live import AT, SUBPROTOCOLS, RawCharger, Running, basic, charger, running
from tests.fuzz.mutants import Text, mutated, written
from tests.fuzz.oracle import is_understood
from tests.fuzz.payloads import valid
from tests.fuzz.stored import unstorable

IDENTITY = "FUZZ"
GOOD = "GOOD"
PASSWORD = "correct-horse-battery"
MAX_PENDING = 60
"""Frames sent ahead of their answers over a socket."""


@dataclass
class Fuzzed:
    """A charger's socket whose frames the caller makes up; it answers our calls with nonsense."""

    socket: ClientConnection
    version: Version
    rng: random.Random
    answers: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    is_closed: bool = False

    async def read(self) -> None:
        try:
            async for message in self.socket:
                text = str(message)
                if text.startswith("[2,"):
                    await self._reply(text)
                else:
                    self.answers.append(text)
                    self.changed.set()
        except ConnectionClosed:
            pass
        finally:
            self.is_closed = True
            self.changed.set()

    async def _reply(self, text: str) -> None:
        _, message_id, action, _ = json.loads(text)
        if self.rng.random() < 0.3:
            await self.socket.send(written([4, message_id, "NotSupported", "", {}]))
            return
        payload: Any = valid(self.rng, self.version, action, odd=0.1, kind="response")
        if self.rng.random() < 0.5:
            payload = mutated(self.rng, payload)
        answer = written([3, message_id, payload])
        if not is_understood(answer):  # it would only make us wait for the time to be over
            answer = written([3, message_id, {}])
        await self.socket.send(answer)


@dataclass
class Stage:
    """Everything a round of fuzzing needs.

    Attributes:
        connection: The server's end of the socket of the charger under test.
    """

    server: Running
    version: Version
    fuzzed: Fuzzed
    good: RawCharger
    connection: Connection

    async def answer(self, text: Text) -> str | None:
        """Return what the server answers, by its functions and without the socket."""
        node, peer = self.connection._node, self.connection._peer
        redact_frame(text)
        try:
            frame = protocol.decode(text, rules=peer.adapter.rules)
        except protocol.MalformedFrame as exc:
            if exc.code is None or exc.message_id is None:
                return None
            return protocol.encode_error(exc.message_id, exc.code, exc.reason)
        if isinstance(frame, protocol.Call):
            asked = Asked(frame, str(text), 0.0, is_plain(str(text)))
            return await inbound.answer(node, peer, asked)
        return None

    async def ask(self, rng: random.Random) -> None:
        """Ask the charger under test something; it answers with nonsense."""
        action = rng.choice(sorted(TO_CHARGER[self.version]))
        payload = valid(rng, self.version, action, odd=0)
        async with self.server.db.transaction() as tx:
            try:
                await commands.enqueue(
                    tx,
                    charger=self.connection._peer.charger,
                    command=Raw(action=action, payload=payload),
                    priority=Priority.OPERATOR,
                    expires_at=tx.now + timedelta(minutes=1),
                    timeout_s=0.5,
                    requested_by="fuzz",
                )
            except PlatformError:  # it has not answered the last ones yet
                return

    async def good_beats(self) -> None:
        """Assert that the other charger is served as ever."""
        answer = await self.good.call("Heartbeat", {})
        assert answer[0] == 3, answer
        self.good.answers.clear()
        self.good.texts.clear()

    async def findings(self) -> list[str]:
        """Return what is wrong in the database: invariants, and values that cannot be stored."""
        async with self.server.db.transaction() as tx:
            broken = await examine(tx)
        said = [f"{one.invariant} {one.title}: {list(one.rows)[:3]}" for one in broken]
        return said + await unstorable(self.server.db)


@asynccontextmanager
async def staged(
    db: Database, settings: Settings, vault: Vault, version: Version, seed: str
) -> AsyncIterator[Stage]:
    """A booted charger to be fuzzed and a good one with a session, on a server of their own."""
    fast = settings.model_copy(update={"frames_per_second": 1_000_000})
    async with running(db, fast, vault) as server:
        row = await server.add_charger(IDENTITY)
        await server.add_charger(GOOD)
        async with db.transaction() as tx:
            for token in ("T1", "T2"):
                await id_tokens.put(tx, CLI, token, group_token="FAMILY")
            await id_tokens.put(tx, CLI, "BLOCKED", blocked=True)
        async with charger(server, GOOD, "1.6") as good, _fuzzed(server, version, seed) as fuzzed:
            await good.boot()
            start = {"connectorId": 1, "idTag": "T1", "meterStart": 0, "timestamp": AT}
            await good.result("StartTransaction", start)
            boot = valid(random.Random(seed), version, "BootNotification", odd=0)  # noqa: S311
            await fuzzed.socket.send(written([2, "boot", "BootNotification", boot]))
            while not fuzzed.answers:
                await fuzzed.changed.wait()
            fuzzed.answers.clear()
            yield Stage(server, version, fuzzed, good, server.csms.connections[row.id])


@asynccontextmanager
async def _fuzzed(server: Running, version: Version, seed: str) -> AsyncIterator[Fuzzed]:
    async with (
        connect(
            f"{server.csms.url}/{IDENTITY}",
            subprotocols=[Subprotocol(SUBPROTOCOLS[version])],
            additional_headers=basic(IDENTITY, PASSWORD),
            compression=None,
            ping_interval=None,
            max_size=2**22,
        ) as socket,
        asyncio.TaskGroup() as tasks,
    ):
        fuzzed = Fuzzed(socket, version, random.Random(seed))  # noqa: S311
        reading = tasks.create_task(fuzzed.read())
        try:
            yield fuzzed
        finally:
            await socket.close()
            await reading
