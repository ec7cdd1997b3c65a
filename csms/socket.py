"""A charger's WebSocket: `websockets` speaks the protocol, messages are handed over as they arrive.

The library's own way to read has a task wait for each message, and its way to write goes through an
asynchronous context; together they cost a heartbeat a fifth of its time (``docs/adr/0033``). So the
few methods by which its protocol's events come and its bytes go are taken from here.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from websockets import ConnectionClosed
from websockets.asyncio.server import ServerConnection
from websockets.frames import DATA_OPCODES, CloseCode, Frame, Opcode
from websockets.protocol import OPEN, Event

from core.chargers.models import Charger
from csms.adapter import Adapter

FRAGMENTS_AT_MOST: Final = 4_096
"""Of one message; an empty one costs its sender two bytes, and us a hundred."""
EARLY_AT_MOST: Final = 16
"""Messages that may wait until the charger is registered; then its socket is not read."""

Message = str | bytes
Hear = Callable[[Message], None]


class Socket(ServerConnection):
    """A connection that remembers who was let in, and from where.

    Its messages go to who ``listen``s; ``recv`` and iterating are not for it.

    Attributes:
        tolerated: Deviations of the handshake.
        serials: Serial numbers of the certificates on which the login stands.
        is_held: Whether the socket is not read now.
    """

    __slots__ = (
        "_early",
        "_end",
        "_failing",
        "_fragments",
        "_hear",
        "_is_pinged",
        "_is_silent",
        "adapter",
        "address",
        "charger",
        "is_held",
        "serials",
        "tolerated",
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.charger: Charger | None = None
        self.adapter: Adapter | None = None
        self.address = ""
        self.tolerated: tuple[str, ...] = ()
        self.serials: frozenset[str] = frozenset()
        self.is_held = False
        self._hear: Hear | None = None
        self._end: Callable[[ConnectionClosed], None] | None = None
        self._early: list[Message] | None = []
        self._fragments: list[Frame] | None = None
        self._failing: asyncio.Task[None] | None = None
        self._is_silent = self._is_pinged = False

    def forget_handshake(self) -> None:
        """Let go of the headers, 5 KB of every socket, and of the charger as it was at the door."""
        self.charger = None
        for message in (self.request, self.response):
            if message is not None:
                message.headers.clear()

    def listen(self, hear: Hear, end: Callable[[ConnectionClosed], None]) -> None:
        """Hand over each message as soon as it is whole, those that came before at once.

        If many came before, the socket is held: the caller has it read on.

        Args:
            end: Called once, when the socket is closed and nothing more will be heard.
        """
        early, self._early = self._early or (), None
        self._hear, self._end = hear, end
        for message in early:
            hear(message)
        if self.connection_lost_waiter.done():
            end(self.close_exc)

    def hold(self) -> None:
        """Stop reading; what was read already is still handed over."""
        if not self.is_held and not self.transport.is_closing():
            self.is_held = True
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read on after ``hold``."""
        if self.is_held and not self.transport.is_closing():
            self.is_held = False
            self.transport.resume_reading()

    def keep_alive(self, *, pings: bool) -> None:
        """Ping a peer that has said nothing since the last time; close if it did not answer.

        Args:
            pings: Whether this peer can be pinged.
        """
        was_silent, self._is_silent = self._is_silent and not self.is_held, True
        if self.protocol.state is not OPEN:
            if was_silent:  # it goes on with neither the closing handshake nor the TCP one
                self.transport.abort()
        elif not (was_silent and pings):
            self._is_pinged = False
        elif self._is_pinged:
            self._fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
        else:
            self._is_pinged = True
            self.protocol.send_ping(b"")
            try:
                self.send_data()
            except OSError as error:
                self.set_connection_exc(error)
                self.transport.abort()

    async def say(self, text: str) -> None:
        """Send a message; return once it is written, or waits in a buffer that is not full.

        Raises:
            ConnectionClosed: The socket is closed, or about to be.
        """
        if self.protocol.state is not OPEN:
            await self.send(text)
            return
        self.protocol.send_text(text.encode())
        try:
            self.send_data()
            if self.paused or self.transport.is_closing():
                await self.drain()
        except OSError as exc:
            self.set_connection_exc(exc)
            self.transport.abort()
            await asyncio.shield(self.connection_lost_waiter)
            raise self.close_exc from exc

    # What the library calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.recv_messages = _UNREAD  # type: ignore[assignment]

    def process_event(self, event: Event) -> None:
        self._is_silent = False
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif self._failing is None:
            self._receive(event)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        end, self._end, self._hear = self._end, None, None  # who listens has this socket, too
        if end is not None:
            end(self.close_exc)

    def _receive(self, frame: Frame) -> None:
        data = frame.data
        is_text = frame.opcode is Opcode.TEXT
        if self._fragments is not None or not frame.fin:
            fragments = self._fragments = self._fragments or []
            fragments.append(frame)
            if len(fragments) > FRAGMENTS_AT_MOST:
                self._fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            if not frame.fin or self._failing is not None:
                return
            data = b"".join(one.data for one in fragments)
            is_text = fragments[0].opcode is Opcode.TEXT
            self._fragments = None
        try:
            message = str(data, "utf-8") if is_text else bytes(data)
        except UnicodeDecodeError as exc:
            self._fail(CloseCode.INVALID_DATA, f"{exc.reason} at position {exc.start}")
            return
        if self._hear is not None:
            self._hear(message)
        elif self._early is not None:
            self._early.append(message)
            if len(self._early) >= EARLY_AT_MOST:
                self.hold()

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Close for what cannot be a message; nothing more is heard."""
        self._failing = self.loop.create_task(self.close(code, reason))


class _Unread:
    """What stands for the library's queue of messages, of which no socket here has one."""

    def close(self) -> None:
        """End a stream that nobody reads."""


_UNREAD: Final = _Unread()
