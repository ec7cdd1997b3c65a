"""A TCP proxy of our own between the platform and a service, which does to it what networks do."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

CHUNK: Final = 65_536
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class FaultProxy:
    """Passes bytes on, unless told otherwise; faults hold for the connections of that moment.

    Attributes:
        port: Where it listens, on loopback.
        accepted: How many connections there have been.
        delay_s: What each piece is late by.
    """

    def __init__(self, target: Path) -> None:
        """*target*: the Unix socket of the service."""
        self.port = 0
        self.accepted = 0
        self.delay_s = 0.0
        self._target = target
        self._refuses = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._left: int | None = None
        self._pairs: set[_Pair] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect one client to the service until one of them ends."""
        self.accepted += 1
        if self._refuses:
            _reset(writer)
            return
        try:
            there = await asyncio.open_unix_connection(str(self._target))
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, there[1])
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_on(reader, there[1], pair, counted=True))
                tasks.create_task(self._pass_on(there[0], writer, pair, counted=False))
        finally:
            self._pairs.discard(pair)
            pair.end()

    async def _pass_on(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        pair: "_Pair",
        *,
        counted: bool,
    ) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK):
                await self._flows.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if counted and self._is_used_up(len(data)):
                    target.write(data[: len(data) // 2])
                    await target.drain()
                    pair.reset()
                    return
                target.write(data)
                await target.drain()
        pair.end()

    def _is_used_up(self, count: int) -> bool:
        if self._left is None:
            return False
        self._left -= count
        if self._left > 0:
            return False
        self._left = None
        return True

    def cut(self) -> None:
        """Reset every connection; new ones are made at once."""
        for pair in list(self._pairs):
            pair.reset()

    def cut_after(self, count: int) -> None:
        """Reset a connection in the middle of a statement, when *count* more bytes went out."""
        self._left = count

    def refuse(self) -> None:
        """Reset every connection, and each that is tried."""
        self._refuses = True
        self.cut()

    def stall(self) -> None:
        """Pass nothing on; connections stay open, and new ones are accepted."""
        self._flows.clear()

    def go_on(self) -> None:
        """Be a network again."""
        self._refuses, self.delay_s, self._left = False, 0.0, None
        self._flows.set()


class _Pair:
    """The two ends of one connection."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self._ends = ends

    def reset(self) -> None:
        for end in self._ends:
            _reset(end)

    def end(self) -> None:
        for end in self._ends:
            end.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN, where there is TCP."""
    with suppress(OSError):
        raw = writer.get_extra_info("socket")
        if raw is not None and raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


@asynccontextmanager
async def proxied(target: Path) -> AsyncIterator[FaultProxy]:
    """Run a proxy in front of a Unix socket until the block is left."""
    proxy = FaultProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.go_on()
        server.close()
        proxy.cut()


Fault = Callable[[FaultProxy], None]
