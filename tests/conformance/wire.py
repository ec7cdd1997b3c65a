"""What really crossed the sockets of a test, seen at the charger's end."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from unittest.mock import patch

from websockets.asyncio.client import ClientConnection

from csms import schemas
from csms.codes import Version

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

Direction = Literal["from_charger", "from_server"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame; *frame* is ``None`` where the text is no JSON array."""

    socket: int
    version: Version
    direction: Direction
    text: str
    frame: list[Any] | None

    @property
    def action(self) -> str | None:
        """Return the action of a CALL."""
        if self.frame is None or len(self.frame) < 4 or self.frame[0] != 2:
            return None
        return self.frame[2] if isinstance(self.frame[2], str) else None


@dataclass
class Wire:
    """The frames of a test in their order, of raw chargers and of simulated ones alike."""

    seen: list[Seen] = field(default_factory=list)

    def calls(self, version: str | None = None) -> set[tuple[str, str]]:
        """Return (version, action) of every CALL in either direction."""
        found = {(one.version, one.action) for one in self.seen if one.action is not None}
        return {pair for pair in found if version in (None, pair[0])}

    def from_server(self, action: str | None = None) -> list[Seen]:
        """Return what the server sent: everything, or its CALLs of *action*."""
        sent = [one for one in self.seen if one.direction == "from_server"]
        return [one for one in sent if action in (None, one.action)]

    def check_the_server(self) -> None:
        """Assert that each frame of the server is as the official schema and OCPP-J have it.

        It is compact JSON, its payload is valid, members stand in the order of the schema.
        """
        asked: dict[tuple[int, str], str] = {}
        for one in self.seen:
            if one.direction == "from_charger":
                if one.action is not None and one.frame is not None:
                    asked[one.socket, str(one.frame[1])] = one.action
            else:
                _check(one, asked)


@contextmanager
def watched() -> Iterator[Wire]:
    """Record the frames of every client socket of this process."""
    wire = Wire()
    send, recv = ClientConnection.send, ClientConnection.recv

    async def sending(self: ClientConnection, message: Any, **more: Any) -> None:
        wire.seen.append(_seen(self, "from_charger", message))  # an answer may come before the end
        await send(self, message, **more)

    async def receiving(self: ClientConnection, **more: Any) -> Any:
        message = await recv(self, **more)
        wire.seen.append(_seen(self, "from_server", message))
        return message

    with (
        patch.object(ClientConnection, "send", sending),
        patch.object(ClientConnection, "recv", receiving),
    ):
        yield wire


def _seen(socket: ClientConnection, direction: Direction, message: Any) -> Seen:
    version: Version = "2.0.1" if socket.subprotocol == "ocpp2.0.1" else "1.6"
    text = message if isinstance(message, str) else repr(message)
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        frame = None
    return Seen(id(socket), version, direction, text, frame if isinstance(frame, list) else None)


def _check(one: Seen, asked: dict[tuple[int, str], str]) -> None:
    assert one.frame is not None, one.text
    assert not re.search(r"\s", _STRING.sub("", one.text)), f"not compact: {one.text}"
    match one.frame:
        case [2, str(message_id), str(action), dict(payload)]:
            assert 0 < len(message_id) <= 36
            assert schemas.validate_outgoing(one.version, action, payload) is None, one.text
            _check_order(one, action, payload, kind="request")
        case [3, str(message_id), dict(payload)]:
            action = asked[one.socket, message_id]
            assert schemas.validate_response(one.version, action, payload) is None, one.text
            _check_order(one, action, payload, kind="response")
        case [4, str(), str(), str(description), dict()]:
            assert len(description) <= 255
        case _:
            raise AssertionError(one.text)


def _check_order(one: Seen, action: str, payload: dict[str, Any], *, kind: schemas.Kind) -> None:
    ordered = schemas.order_members(one.version, action, payload, kind=kind)
    assert json.dumps(ordered) == json.dumps(payload), f"members out of order: {one.text}"


def marked(pairs: list[tuple[Any, ...]]) -> set[tuple[Version, str]]:
    """Return the (version, action) of the markers of a test."""
    return {(cast(Version, version), str(action)) for version, action in pairs}
