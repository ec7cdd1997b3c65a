"""Sockets in memory: bytes arrive late but in order, connections break as the seed says."""

import asyncio
import contextvars
import itertools
import os
import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.simulation.loop import Owner, SimLoop

HOST: Final = "127.0.0.1"
_LOST_SYN_S: Final = 60.0
"""How long the operating system tries to connect to what does not answer."""
_HIGH_WATER: Final = 65_536
_silent_fd: int | None = None


def _never_readable() -> int:
    """Return a file descriptor that never has anything to read, for those who ask poll()."""
    global _silent_fd
    if _silent_fd is None:
        _silent_fd, _ = os.pipe()
    return _silent_fd


class Network:
    """Who listens where, and every connection that is open.

    Attributes:
        links: The open connections, oldest first.
        blocked: Ports that nothing reaches: who connects there waits in vain.
        slowness: What every latency is multiplied by.
    """

    loop: "SimLoop"

    def __init__(self, seed: str, note: Callable[..., None]) -> None:
        self._seed = seed
        self._numbers = itertools.count(1)
        self._note = note
        self.listeners: dict[int, Listener] = {}
        self.links: dict[Link, None] = {}
        self.blocked: set[int] = set()
        self.slowness = 1.0

    def listen(self, factory: Any, host: Any, port: Any, *, sock: Any = None, **_: Any) -> Any:
        listener = Listener(self, factory, sock.port if sock is not None else int(port))
        before = self.listeners.get(listener.port)
        if before is not None and not before.owner_is_dead():
            raise OSError(f"port {listener.port} is in use")
        if not listener.owner_is_dead():  # a killed process may still be about to begin with it
            self.listeners[listener.port] = listener
        return listener

    async def connect(self, factory: Any, host: str, port: int) -> tuple[Any, Any]:
        number = next(self._numbers)
        rng = random.Random(f"{self._seed}/link/{number}")  # noqa: S311 - a simulation
        if port in self.blocked:
            await asyncio.sleep(_LOST_SYN_S)
            raise TimeoutError(f"connect to port {port}")
        await asyncio.sleep(rng.uniform(0.0002, 0.004) * self.slowness)
        listener = self.listeners.get(port)
        if listener is None or listener.owner_is_dead():
            raise ConnectionRefusedError(111, f"connect to port {port}")
        link = Link(self, number, rng, port)
        self.links[link] = None
        server = End(link, listener.owner, listener.context)
        client = End(link, self.loop.owner(), contextvars.copy_context())
        client.peer, server.peer = server, client
        link.ends = (client, server)
        listener.context.copy().run(server.begin, listener.factory)
        client.begin(factory)
        self._note("connected", link=number, port=port, by=_name(client.owner))
        return client, client.get_protocol()

    def of(self, owner: "Owner | None") -> "list[Link]":
        return [link for link in self.links if any(end.owner is owner for end in link.ends)]

    def kill(self, owner: "Owner", *, silently: bool, until_s: float) -> None:
        """Take the network of a process away; *silently*: its peers do not hear of it at first.

        They do when they send something after *until_s*, when the machine is back.
        """
        for port, listener in list(self.listeners.items()):
            if listener.owner is owner:
                del self.listeners[port]
        for link in self.of(owner):
            for end in link.ends:
                if end.owner is owner:
                    end.vanish()
            if silently:
                link.mute(reset_at_s=until_s)
            else:
                link.cut()


class Link:
    """One connection: two ends, a direction each that keeps its order."""

    def __init__(self, network: Network, number: int, rng: random.Random, port: int) -> None:
        self.network = network
        self.number = number
        self.rng = rng
        self.port = port
        self.ends: tuple[End, End]
        self.is_mute = False
        self.stalled_until_s = 0.0

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other

    def cut(self) -> None:
        """Break it: what is on its way is lost, both ends hear of it."""
        self.is_mute = True
        for end in self.ends:
            self.network.loop.call_later(self._latency_s(), end.reset, context=end.context)
        self.network.links.pop(self, None)

    def mute(self, *, reset_at_s: float | None = None) -> None:
        """Let nothing through any more, and tell neither end, until *reset_at_s* if given."""
        self.is_mute = True
        if reset_at_s is not None:
            for end in self.ends:
                self.network.loop.call_at(reset_at_s, end.reset, context=end.context)

    def stall(self, seconds: float) -> None:
        """Deliver what is sent from now on only in *seconds*."""
        self.stalled_until_s = self.network.loop.time() + seconds

    def send(self, sender: "End", arrive: Callable[[], None]) -> None:
        """Let *arrive* happen at the other end, after all that was sent before."""
        if self.is_mute:
            return
        loop = self.network.loop
        at_s = max(loop.time() + self._latency_s(), self.stalled_until_s, sender.last_sent_s + 1e-6)
        sender.last_sent_s = at_s
        loop.call_at(at_s, self._pass, arrive, context=sender.peer.context)

    def _pass(self, arrive: Callable[[], None]) -> None:
        if not self.is_mute:
            arrive()

    def _latency_s(self) -> float:
        quick = self.rng.random() < 0.9
        seconds = self.rng.uniform(0.0002, 0.003) if quick else self.rng.uniform(0.003, 0.05)
        return seconds * self.network.slowness


class End(asyncio.Transport):
    """One end of a connection, as protocols see it."""

    peer: "End"

    def __init__(self, link: Link, owner: "Owner | None", context: contextvars.Context) -> None:
        super().__init__()
        self.link = link
        self.owner = owner
        self.context = context.copy()
        self.last_sent_s = 0.0
        self._loop = link.network.loop
        self._inbox: deque[Callable[[], None]] = deque()
        self._is_paused = False
        self._is_closing = False
        self._is_closed = False
        self._has_ended = False
        self._unread_bytes = 0
        self._is_full = False
        self._high, self._low = _HIGH_WATER, _HIGH_WATER // 4

    def begin(self, factory: Callable[[], Any]) -> None:
        self._protocol: Any = factory()
        self._protocol.connection_made(self)

    # What the other end and the network do.

    def reset(self) -> None:
        if not self._is_closed:
            self._is_closing = True
            self._lose(ConnectionResetError(104, "Connection reset by peer"))

    def vanish(self) -> None:
        """Be gone without a word to the protocol: its process is dead."""
        self._is_closing = self._is_closed = True
        self._inbox.clear()

    def _take(self, act: Callable[[], None]) -> None:
        if self._is_closed:
            self._loop.call_later(0.001, self.peer.reset, context=self.peer.context)
        elif self._is_paused or self._inbox:
            self._inbox.append(act)
        else:
            act()

    def _read(self, data: bytes) -> None:
        if self._is_closed:
            return
        self.peer.was_read(len(data))
        try:
            self._protocol.data_received(data)
        except Exception as exc:  # noqa: BLE001 - as every transport of asyncio does it
            message = {"message": "data_received failed", "exception": exc, "transport": self}
            self._loop.call_exception_handler(message)
            self.abort()

    def _read_end(self) -> None:
        if not self._is_closed and not self._protocol.eof_received():
            self.close()

    def was_read(self, count: int) -> None:
        self._unread_bytes -= count
        if self._is_full and self._unread_bytes <= self._low:
            self._is_full = False
            self._loop.call_soon(self._resume_writing, context=self.context)

    def _resume_writing(self) -> None:
        if not self._is_closed:
            self._protocol.resume_writing()

    # What the protocol does.

    def write(self, data: Any) -> None:
        if self._is_closing or self._has_ended or not data:
            return
        data = bytes(data)
        self._unread_bytes += len(data)
        peer = self.peer
        pieces = [data]
        if len(data) > 1 and self.link.rng.random() < 0.05:
            at = self.link.rng.randrange(1, len(data))
            pieces = [data[:at], data[at:]]
        for piece in pieces:
            self.link.send(self, partial(peer._take, partial(peer._read, piece)))
        if self._unread_bytes > self._high and not self._is_full:
            self._is_full = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        if not self._has_ended and not self._is_closing:
            self._has_ended = True
            self.link.send(self, partial(self.peer._take, self.peer._read_end))

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if self._is_closing:
            return
        self.write_eof()
        self._is_closing = True
        self._loop.call_soon(self._lose, None, context=self.context)

    def abort(self) -> None:
        if self._is_closed:
            return
        self._is_closing = True
        self.link.send(self, self.peer.reset)
        self._loop.call_soon(self._lose, None, context=self.context)

    def _lose(self, exc: Exception | None) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._inbox.clear()
        if self.peer._is_closed:
            self.link.network.links.pop(self.link, None)
        self._protocol.connection_lost(exc)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._loop.call_soon(self._empty_inbox, context=self.context)

    def _empty_inbox(self) -> None:
        while self._inbox and not self._is_paused and not self._is_closed:
            self._inbox.popleft()()

    def is_reading(self) -> bool:
        return not self._is_paused and not self._is_closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = _HIGH_WATER if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        return self._unread_bytes

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        port, number = self.link.port, 40_000 + self.link.number
        is_client = self.link.ends[0] is self
        match name:
            case "peername":
                return (HOST, port if is_client else number)
            case "sockname":
                return (HOST, number if is_client else port)
            case "socket":
                return FakeSocket(self, self.get_extra_info("sockname")[1])
        return default

    @property
    def has_news(self) -> bool:
        """Whether a read would not wait."""
        return self._is_closing or bool(self._inbox)


class FakeSocket:
    """What protocols ask of a socket besides reading and writing."""

    family = 2
    type = 1

    def __init__(self, end: End | None, port: int) -> None:
        self._end = end
        self.port = port

    def fileno(self) -> int:
        return -1 if self._end is None or self._end.has_news else _never_readable()

    def getsockname(self) -> tuple[str, int]:
        return (HOST, self.port)

    def getpeername(self) -> tuple[str, int]:
        if self._end is None:
            raise OSError("not connected")
        address: tuple[str, int] = self._end.get_extra_info("peername")
        return address

    def setsockopt(self, *_: Any) -> None:
        pass

    def close(self) -> None:
        pass


class Listener:
    """A server, as ``create_server`` returns it."""

    def __init__(self, network: Network, factory: Any, port: int) -> None:
        self._network = network
        self.factory = factory
        self.port = port
        self.owner = network.loop.owner()
        self.context = contextvars.copy_context()
        self.sockets = (FakeSocket(None, port),)

    def owner_is_dead(self) -> bool:
        return self.owner is not None and self.owner.is_dead()

    def close(self) -> None:
        if self._network.listeners.get(self.port) is self:
            del self._network.listeners[self.port]

    async def wait_closed(self) -> None:
        pass

    def is_serving(self) -> bool:
        return self._network.listeners.get(self.port) is self

    def get_loop(self) -> "SimLoop":
        return self._network.loop

    async def start_serving(self) -> None:
        pass


def _name(owner: "Owner | None") -> str:
    return "-" if owner is None else owner.name
