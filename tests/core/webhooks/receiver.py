"""A partner's server on loopback that can misbehave in every way."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from core.webhooks.answers import AttemptResult
from core.webhooks.networks import IPAddress
from core.webhooks.transport import Transport, post

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]

HOST = "hooks.partner.example"
HEADERS = {"content-type": "application/json", "webhook-id": "evt_1"}
BODY = b'{"type":"ping"}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Names:
    """A resolver whose answers a test can change; no name server is asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Sequence[IPAddress] = [ip_address(address) for address in addresses]
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[IPAddress]:
        self.asked.append(host)
        return self.addresses


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Records what came; *answers* write what goes back, the last one for all that follow."""

    answers: list[Answer]
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    server_names: list[str | None] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    failure: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                self.requests.append(await _read_request(reader))
                self.arrived.set()
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            self.failure.set()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(line, headers, body)


def saying(answer: bytes, *, close: bool = False) -> Answer:
    """Return an answer of these bytes, after which the connection may be closed."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        if close:
            await writer.drain()
            writer.close()

    return write


def endless(head: bytes, chunk: bytes) -> Answer:
    """Return an answer that goes on until the other side has had enough."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)

    return write


def stalling(head: bytes = b"") -> Answer:
    """Return an answer that stops after *head* and leaves the connection open."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await asyncio.Event().wait()

    return write


@asynccontextmanager
async def receiving(
    *answers: Answer, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Run a receiver on a free port of 127.0.0.1; whatever it hangs in is cancelled at the end."""
    receiver = Receiver(list(answers) or [saying(OK)])
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(receiver.serve(reader, writer)))

    if ssl_context is not None:
        ssl_context.sni_callback = lambda _object, name, _context: receiver.server_names.append(
            name
        )
    shutdown_s = None if ssl_context is None else 0.1  # the other side may keep it open
    server = await asyncio.start_server(
        accept, "127.0.0.1", 0, ssl=ssl_context, ssl_shutdown_timeout=shutdown_s
    )
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def deliver(
    transport: Transport,
    receiver: Receiver,
    *,
    timeout_s: float = 10,
    host: str = HOST,
    scheme: str = "http",
) -> AttemptResult:
    url = f"{scheme}://{host}:{receiver.port}/hook?tenant=7"
    return await post(transport, url, body=BODY, headers=HEADERS, timeout_s=timeout_s)
