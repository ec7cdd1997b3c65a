"""A machine that has no disk left, no descriptors left, or a clock that somebody sets."""

import asyncio
import contextlib
import ctypes
import itertools
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx2

from tests.crash.outages import goes_on
from tests.crash.stage import Stage
from tests.crash.workload import working
from tests.partner_api.joining import png

FULL_S: Final = 1.0
BLOCK: Final = bytes(65_536)
SIZE_MIB: Final = 48
DESCRIPTORS: Final = 120
"""A node with a few chargers needs about half of them."""
GREEDY: Final = 400
HELD_S: Final = 1.5
HOUR_S: Final = 3600
_libc: Final = ctypes.CDLL(None, use_errno=True)


class NoMount(Exception):
    """This process may not mount a file system."""


@contextlib.contextmanager
def small_disk(at: Path, *, mib: int = SIZE_MIB) -> Iterator[Path]:
    """Mount a file system of *mib* MiB at *at* until the block is left.

    Raises:
        NoMount: That needs root.
    """
    at.mkdir()
    options = f"size={mib}m,mode=755".encode()
    if _libc.mount(b"tmpfs", bytes(at), b"tmpfs", 0, options):
        raise NoMount(os.strerror(ctypes.get_errno()))
    try:
        yield at
    finally:
        _libc.umount2(bytes(at), 2)  # MNT_DETACH: what has died may not be gone yet


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no byte free on *disk* while the block goes on, whoever frees some."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(BLOCK)
        with contextlib.suppress(OSError):
            while True:
                file.write(b"\0")
    try:
        yield
    finally:
        ballast.unlink()


async def fill_again_and_again(
    on: Stage,
    disk: Path,
    rng: random.Random,
    *,
    times: int,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Let the disk with database, pictures and documents be full for a while, *times* times.

    Returns:
        How many requests were refused for that.
    """
    refused = 0
    async with working(on, rng) as workload:
        for number in range(times):
            with filled(disk):
                refused += await _ask_for_room(on, for_s=FULL_S)
            await goes_on(on, workload, after="a full disk")
            tell(f"round {number + 1}")
    await on.at_rest()
    return refused


async def _ask_for_room(on: Stage, *, for_s: float) -> int:
    """Have pictures stored; whatever the answer, it comes, and is no success that is none."""
    refused = 0
    loop = asyncio.get_running_loop()
    end_s = loop.time() + for_s
    while loop.time() < end_s:
        with contextlib.suppress(httpx2.HTTPError):
            response = await on.operator.post(
                f"/operator/v1/stations/{on.station_id}/pictures", content=png()
            )
            assert response.status_code == httpx2.codes.CREATED or response.is_server_error, (
                response.text
            )
            refused += response.is_server_error
            if response.status_code == httpx2.codes.CREATED:
                picture_id = response.json()["id"]
                await on.operator.delete(
                    f"/operator/v1/stations/{on.station_id}/pictures/{picture_id}"
                )
        await asyncio.sleep(for_s / 20)
    return refused


async def exhaust_descriptors(
    on: Stage,
    rng: random.Random,
    *,
    times: int,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Hold more connections open than the node may have descriptors, *times* times.

    Returns:
        How many connections the node did not take.
    """
    untaken = 0
    async with working(on, rng) as workload:
        for number in range(times):
            async with _greedy(on) as taken:
                await asyncio.sleep(HELD_S)
                if on.node.is_dead:
                    on.wrong.append("the node did not live through: no descriptors")
                    await on.node.start()
                untaken += GREEDY - taken
            await goes_on(on, workload, after="no descriptors")
            tell(f"round {number + 1}")
    await on.at_rest()
    return untaken


@asynccontextmanager
async def _greedy(on: Stage) -> AsyncIterator[int]:
    """Hold connections to every port of the node; yield how many it has spoken to."""
    ports = itertools.cycle((on.node.api_port, on.node.ocpp_port, on.node.operator_port))
    ends: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for port in itertools.islice(ports, GREEDY):
        with contextlib.suppress(OSError):
            ends.append(await asyncio.open_connection("127.0.0.1", port))
    try:
        yield sum([await _is_taken(*end) for end in ends[:: GREEDY // 20]]) * (GREEDY // 20)
    finally:
        for _, writer in ends:
            writer.transport.abort()


async def _is_taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Tell whether somebody answers at the other end; the backlog of the kernel does not."""
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        async with asyncio.timeout(HELD_S / 10):
            return bool(await reader.read(1))
    except (TimeoutError, OSError):
        return False


async def set_the_clock(
    on: Stage,
    shift: Path,
    rng: random.Random,
    *,
    times: int,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Let somebody set the wall clock of the node by an hour, back or forth, *times* times.

    A receiver refuses what was signed an hour ago, so the clock is right again after each jump.
    """
    async with working(on, rng) as workload:
        for number in range(times):
            hours = rng.choice((-1, 1))
            await asyncio.to_thread(shift.write_text, str(hours * HOUR_S))
            await goes_on(on, workload, after=f"a clock set by {hours} h")
            await asyncio.to_thread(shift.write_text, "0")
            await goes_on(on, workload, after="a clock set right")
            tell(f"jump {number + 1}")
    await on.at_rest()
    on.receiver.forged = 0  # what was signed at the wrong hour, and again later
