"""HTTP servers inside our own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 65_536
"""Of address and headers together, and of what follows a body in chunks."""
HEAD_WITHIN_S = 15.0
"""So long may somebody take to say what they want, from the connection or the first byte on."""
BODY_WITHIN_S = 90.0
"""So long may a body take; an upload has less (``partner_api.joining``)."""
_GRACE_S = 5
_TICK_S = 1
"""How often the header Date is made anew."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose requests are bounded in time, and their heads in size: uvicorn bounds neither.

    Without it one line that never ends fills the memory, and a few thousand connections that say
    nothing take all places (slow loris).
    """

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_body = False
    _has_completed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._within(HEAD_WITHIN_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_ease()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._has_completed = False
        super().data_received(data)
        if not self._in_body and not self._has_completed:  # all of it was a piece of a head
            self._count(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._timer is None:
            self._within(HEAD_WITHIN_S)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:  # what follows the last chunk: nobody reads it
            self._count(len(name) + len(value))
            return
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_bytes, self._in_body = 0, True
        self._within(BODY_WITHIN_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body, self._has_completed = False, True
        self._head_bytes = 0
        self._at_ease()
        super().on_message_complete()

    def _count(self, size_bytes: int) -> None:
        self._head_bytes += size_bytes
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def _within(self, seconds: float) -> None:
        self._at_ease()
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _at_ease(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, since the process has its own, and without its pauses.

    It would look ten times a second whether it shall end, and then give connections that do not
    exist a tenth of a second to go.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.ending = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        while not self.ending.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self.ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # idle connections are closed in the next turn of the loop
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: Any, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve the ASGI application *app* until the block is left; yield its base URL.

    Port 0 lets the system choose. Requests under way get some seconds to end.

    Raises:
        OSError: The address is in use or not ours.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name=f"http {port}")
    try:
        ready = asyncio.create_task(server.ready.wait())
        try:
            await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not server.ready.is_set():
            raise RuntimeError("the server ended before it began")  # its task says why
        yield f"http://{_shown(host)}:{listener.getsockname()[1]}"
    finally:
        server.ending.set()
        try:
            await task
        finally:
            listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
