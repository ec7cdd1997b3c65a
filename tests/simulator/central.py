"""A small central system that checks every frame of the simulator against the official schemas."""

import asyncio
import json
import ssl
import uuid
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import ocpp
from ocpp import messages
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

Payload = dict[str, Any]
VERSIONS = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1"}
PASSWORD = "open sesame"
ASKING = frozenset(
    {
        "DataTransfer",
        "GetCertificateStatus",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "SignCertificate",
    }
)
"""What is answered with a status."""
SILENCE = object()
"""An answer that never comes."""


@cache
def validator_of(kind: int, action: str, version: str) -> Any:
    """Return the validator of a schema; numbers are exact, as ``multipleOf`` needs them.

    The cache of the library is left alone: it does not tell float from Decimal.
    """
    name = f"{action}Response" if kind == 3 else action
    if kind == 2 and version != "1.6":
        name = f"{action}Request"
    folder = Path(ocpp.__file__).parent / f"v{version.replace('.', '')}" / "schemas"
    text = (folder / f"{name}.json").read_text(encoding="utf-8-sig")
    return cast("Any", messages).Draft4Validator(json.loads(text, parse_float=Decimal))


@dataclass
class Seen:
    """A CALL of a charger."""

    identity: str
    message_id: str
    action: str
    payload: Payload


@dataclass
class Central:
    """Remembers what it hears; answers can be replaced per action."""

    calls: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[Payload], Any]] = field(default_factory=dict)
    sockets: dict[str, ServerConnection] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    unchecked: set[str] = field(default_factory=set)
    """Actions too large to be checked against their schemas."""
    transactions: dict[str, int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    _pending: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _actions: dict[str, str] = field(default_factory=dict)

    def of(self, *actions: str, identity: str | None = None) -> list[Seen]:
        return [c for c in self.calls if c.action in actions and identity in {None, c.identity}]

    def statuses(self, connector: int = 1) -> list[str]:
        found = []
        for call in self.of("StatusNotification"):
            where = call.payload.get("evseId", call.payload["connectorId"])
            if where == connector:
                found.append(call.payload.get("status") or call.payload["connectorStatus"])
        return found

    async def until(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def ask(
        self,
        identity: str,
        action: str,
        payload: Payload | None = None,
        *,
        checked: bool = True,
    ) -> Payload:
        """Send a CALL to a charger; CALLERRORs come back as ``{"error": code}``."""
        if checked:
            version = VERSIONS[str(self.sockets[identity].subprotocol)]
            self._check(2, action, version, payload or {})
        message_id = str(uuid.uuid4())
        future = asyncio.get_running_loop().create_future()
        self._pending[message_id], self._actions[message_id] = future, action
        await self.sockets[identity].send(json.dumps([2, message_id, action, payload or {}]))
        async with asyncio.timeout(10):
            answer: Payload = await future
        return answer

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        identity = socket.request.path.rsplit("/", 1)[-1]
        self.sockets[identity] = socket
        self.changed.set()
        version = VERSIONS[str(socket.subprotocol)]
        try:
            async for raw in socket:
                await self._take(socket, identity, version, json.loads(raw))
                self.changed.set()
        except ConnectionClosed:
            pass

    async def _take(
        self, socket: ServerConnection, identity: str, version: str, frame: list[Any]
    ) -> None:
        kind, message_id, *rest = frame
        if kind == 2:
            action, payload = rest
            self._check(2, action, version, payload)
            self.calls.append(Seen(identity, message_id, action, payload))
            answer = self._answer(action, payload)
            if answer is SILENCE:
                return
            if isinstance(answer, str):
                await socket.send(json.dumps([4, message_id, answer, "", {}]))
            else:
                await socket.send(json.dumps([3, message_id, answer]))
            return
        action = self._actions.pop(message_id)
        if kind == 3:
            self._check(3, action, version, rest[0])
        future = self._pending.pop(message_id)
        future.set_result(rest[0] if kind == 3 else {"error": rest[0]})

    def _check(self, kind: int, action: str, version: str, payload: Payload) -> None:
        if action in self.unchecked:
            return
        exact = json.loads(json.dumps(payload), parse_float=Decimal)
        for error in validator_of(kind, action, version).iter_errors(exact):
            self.violations.append(f"{action}: {error.message}")

    def _answer(self, action: str, payload: Payload) -> Any:
        if action in self.answers:
            return self.answers[action](payload)
        now = datetime.now(UTC).isoformat()
        if action == "Authorize":
            name = "idTokenInfo" if "idToken" in payload else "idTagInfo"
            return {name: {"status": "Accepted"}}
        if action == "StartTransaction":
            key = json.dumps(payload, sort_keys=True)
            number = self.transactions.setdefault(key, len(self.transactions) + 1)
            return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
        usual = {
            "BootNotification": {"status": "Accepted", "currentTime": now, "interval": 300},
            "Heartbeat": {"currentTime": now},
            "Get15118EVCertificate": {"status": "Accepted", "exiResponse": "AAAA"},
        }
        return usual.get(action, {"status": "Accepted"} if action in ASKING else {})


def _guard(central: Central) -> Callable[[ServerConnection, Request], Response | None]:
    def check(socket: ServerConnection, request: Request) -> Response | None:
        identity = request.path.rsplit("/", 1)[-1]
        expected = f"{identity}:{central.passwords.get(identity, PASSWORD)}"
        given = request.headers.get("Authorization", "Basic ").removeprefix("Basic ")
        if b64decode(given).decode() == expected:
            return None
        return Response(HTTPStatus.UNAUTHORIZED, "Unauthorized", Headers())

    return check


@asynccontextmanager
async def running_central(
    tls: ssl.SSLContext | None = None, *, guarded: bool = True
) -> AsyncIterator[Central]:
    central = Central()
    protocols = [Subprotocol(name) for name in VERSIONS]
    server: Server = await serve(
        central._serve,
        "127.0.0.1",
        0,
        subprotocols=protocols,
        process_request=_guard(central) if guarded else None,
        ssl=tls,
        compression=None,
    )
    async with server:
        port = next(iter(server.sockets)).getsockname()[1]
        scheme = "wss://localhost" if tls else "ws://127.0.0.1"
        central.url = f"{scheme}:{port}/ocpp"
        yield central
