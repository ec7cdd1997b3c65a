"""Too many at once, too slow, too much: a stampede of chargers, and partners without manners."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from websockets.exceptions import InvalidHandshake

from benchmarks.charger import Charger
from core.chargers import registry
from tests.core.webhooks.receiver import Receiver as Odd
from tests.core.webhooks.receiver import endless, stalling
from tests.crash.outages import goes_on
from tests.crash.stage import ACTOR, Stage
from tests.crash.workload import working
from tests.world import PASSWORD

AT_ONCE: Final = 500
BACK_WITHIN_S: Final = 120.0
SLOW: Final = 60
"""Connections of each kind of partner without manners."""
DRIP_S: Final = 0.2
CHUNK: Final = b"x" * 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Stampede:
    """What it came to: how many chargers, in how many seconds they were back, tries they took."""

    chargers: int
    first_s: float
    back_s: float
    tries: int


async def register_herd(on: Stage, count: int) -> Sequence[str]:
    """Register chargers of a herd; return their identities."""
    names = [f"HERD-{number}" for number in range(count)]
    for begin in range(0, count, AT_ONCE):
        async with on.db.transaction() as tx:
            for name in names[begin : begin + AT_ONCE]:
                await registry.register(
                    tx, on.vault, ACTOR, identity=name, password=PASSWORD, station_id=on.station_id
                )
    return names


async def stampede(on: Stage, names: Sequence[str]) -> Stampede:
    """Kill the node under its herd; measure until all are connected and booted again."""
    herd = [Charger(on.node.ocpp_url, name, PASSWORD) for name in names]
    began = time.monotonic()
    tries = await _all_in(herd)
    first_s = time.monotonic() - began
    try:
        await on.node.kill()
        await _all_out(herd)
        herd = [Charger(on.node.ocpp_url, name, PASSWORD) for name in names]
        starting = asyncio.create_task(on.node.start())
        began = time.monotonic()
        tries = await _all_in(herd)
        back_s = time.monotonic() - began
        await starting
    finally:
        await _all_out(herd)
    return Stampede(chargers=len(names), first_s=first_s, back_s=back_s, tries=tries)


async def _all_in(herd: Sequence[Charger]) -> int:
    """Connect and boot all at once; each tries until it is in. Return how many tries it took."""
    async with asyncio.timeout(BACK_WITHIN_S):
        return sum(await asyncio.gather(*(_in(charger) for charger in herd)))


async def _in(charger: Charger) -> int:
    tries = 0
    while True:
        tries += 1
        try:
            await charger.__aenter__()
            await charger.boot()
        except (OSError, InvalidHandshake, TimeoutError):
            await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311 - as chargers spread
        else:
            return tries


async def _all_out(herd: Sequence[Charger]) -> None:
    await asyncio.gather(*(one.__aexit__(None) for one in herd), return_exceptions=True)


# Partners.


async def never_ending_body(on: Stage) -> None:
    """A request whose body comes byte by byte, for ever."""
    head = "Content-Type: application/json\r\nContent-Length: 60000\r\n"
    async with _speaking(on, f"POST /v1/start_charge HTTP/1.1\r\nHost: x\r\n{head}\r\n") as writer:
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(DRIP_S)


async def endless_chunks(on: Stage) -> None:
    """A request whose body never ends, as fast as it is read."""
    head = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    async with _speaking(on, f"POST /v1/start_charge HTTP/1.1\r\nHost: x\r\n{head}\r\n") as writer:
        while True:
            writer.write(b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK))
            await writer.drain()


async def half_a_request(on: Stage) -> None:
    """A head that never ends."""
    async with _speaking(on, "GET /v1/sessions HTTP/1.1\r\nHost: x\r\n") as writer:
        while True:
            writer.write(b"X-More: 1\r\n")
            await writer.drain()
            await asyncio.sleep(DRIP_S)


async def reader_who_does_not_read(on: Stage) -> None:
    """Requests by the dozen on one connection, whose answers nobody takes."""
    key = on.api.headers["authorization"]
    request = f"GET /v1/events?limit=200 HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n\r\n"
    async with _speaking(on, request * 50):
        await asyncio.Event().wait()


RUDENESS: Final[tuple[Callable[[Stage], Awaitable[None]], ...]] = (
    never_ending_body,
    endless_chunks,
    half_a_request,
    reader_who_does_not_read,
)


@asynccontextmanager
async def _speaking(on: Stage, head: str) -> AsyncIterator[asyncio.StreamWriter]:
    _, writer = await asyncio.open_connection("127.0.0.1", on.node.api_port)
    try:
        writer.write(head.encode())
        await writer.drain()
        yield writer
    finally:
        writer.transport.abort()


async def bear_rude_partners(
    on: Stage,
    rng: random.Random,
    *,
    each: int = SLOW,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Let a crowd be rude in each way, beside receivers that hang and answer without end.

    Whoever has manners has to be served meanwhile: charges go on, and their webhooks come.
    """
    async with _odd_receivers(on), working(on, rng) as workload:
        for way in RUDENESS:
            crowd = [asyncio.create_task(_again(way, on)) for _ in range(each)]
            try:
                await goes_on(on, workload, after=f"{each} times {way.__name__}")
            finally:
                for one in crowd:
                    one.cancel()
                await asyncio.gather(*crowd, return_exceptions=True)
            tell(way.__name__)


async def _again(way: Callable[[Stage], Awaitable[None]], on: Stage) -> None:
    """Come back whenever one is thrown out."""
    while True:
        with contextlib.suppress(OSError, httpx2.HTTPError):
            await way(on)
        await asyncio.sleep(DRIP_S)


@asynccontextmanager
async def _odd_receivers(on: Stage) -> AsyncIterator[None]:
    """Endpoints of the same partner that hang, and that answer without end."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    answers = {"hanging": stalling(), "stalling": stalling(head), "endless": endless(head, CHUNK)}
    made: list[str] = []
    servers: list[asyncio.Server] = []
    held: set[asyncio.Task[None]] = set()
    for answer in answers.values():
        server = await asyncio.start_server(_held(Odd([answer]), held), "127.0.0.1", 0)
        servers.append(server)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        body = {"url": url, "event_types": ["*"]}
        response = await on.api.post("/v1/webhook_endpoints", json=body)
        made.append(response.json()["id"])
    try:
        yield
    finally:
        for endpoint_id in made:
            await on.api.delete(f"/v1/webhook_endpoints/{endpoint_id}")
        for server in servers:
            server.close()
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)


def _held(odd: Odd, held: set[asyncio.Task[None]]) -> Any:
    """Return what serves as *odd* does, in tasks that can be ended."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        held.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await odd.serve(reader, writer)

    return serve
