"""Just enough HTTP/1.1 for a load generator: a client of the API and a webhook receiver."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Self, cast
from urllib.parse import urlsplit

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
NO_CONTENT: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
SERVER_ERROR: Final = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


class ApiClient:
    """One kept connection to the partner API. Used as ``async with``; one request at a time."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._head = (
            f"Host: {address.netloc}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\n"
        )

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the document of an answer."""
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(text)}\r\n\r\n"
        self._writer.write(head.encode() + text)
        answer = await self._reader.readuntil(_END)
        found = _LENGTH.search(answer)
        document = await self._reader.readexactly(int(found[1])) if found else b""
        return int(answer[9:12]), json.loads(document) if document else None

    async def must(self, method: str, path: str, body: Any = None) -> Any:
        """Return the document of an answer that is a success.

        Raises:
            RuntimeError: It is not.
        """
        status, document = await self.request(method, path, body)
        if status >= 300:  # noqa: PLR2004 - HTTP: what is not a 2xx
            raise RuntimeError(f"{method} {path}: {status} {document}")
        return document


class _Receiver(asyncio.Protocol):
    """Answers every POST once its body is complete."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's derives from none

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(_END)) >= 0:
            found = _LENGTH.search(self._buffer, 0, head + 2)
            end = head + len(_END) + (int(found[1]) if found else 0)
            if len(self._buffer) < end:
                return
            request, self._buffer = self._buffer[:end], self._buffer[end:]
            answer = self._answer(request)
            if answer is not None and self._transport is not None:
                self._transport.write(answer)


@asynccontextmanager
async def receiving(on_delivery: Callable[[bytes], None]) -> AsyncIterator[str]:
    """Receive webhooks until the block is left; yields where to send them.

    *on_delivery* is told each request as it came. All are answered with 204.
    """

    def take(request: bytes) -> bytes:
        on_delivery(request)
        return NO_CONTENT

    async with answering(take) as url:
        yield url


@asynccontextmanager
async def answering(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[str]:
    """Receive webhooks until the block is left; yields where to send them.

    *answer* returns what a request is answered with; ``None``: nothing at all.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Receiver(answer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}/webhooks"
