"""Partners who follow statuses by the stream, and what each has heard of them."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from benchmarks.servers import Target
from benchmarks.wire import ApiClient

LOOK_S: Final = 0.1
"""How often it is looked whether all have heard everything."""
_STATE: Final = re.compile(rb'"connector_id":"([^"]+)".*?"seq":(\d+)')


@dataclass(slots=True)
class Heard:
    """What one partner has heard: the newest number of each connector, and how many statuses.

    *on_status* is told the connector of each status as it comes.
    """

    on_status: Callable[[bytes], None] | None = None
    newest: dict[bytes, int] = field(default_factory=dict)
    count: int = 0

    def hear(self, text: bytes) -> None:
        """Take note of the status in an event or a webhook."""
        found = _STATE.search(text)
        if found is None:
            return
        self.count += 1
        self.newest[found[1]] = max(self.newest.get(found[1], 0), int(found[2]))
        if self.on_status is not None:
            self.on_status(found[1])


async def truth(target: Target) -> dict[bytes, int]:
    """Return the newest number of every connector, as the first partner reads it."""
    newest: dict[bytes, int] = {}
    after, has_more = 0, True
    async with ApiClient(target.ready.api_url, target.ready.api_key) as api:
        while has_more:
            page = await api.must("GET", f"/v1/statuses?after_seq={after}")
            newest |= {row["connector_id"].encode(): row["seq"] for row in page["data"]}
            after, has_more = page["next_seq"], page["has_more"]
    return newest


async def all_heard(known: dict[bytes, int], heard: Sequence[Heard]) -> None:
    """Wait until every partner knows the newest number of every connector."""
    for one in heard:
        while one.newest != known:  # noqa: ASYNC110 - what arrives rings for nobody
            await asyncio.sleep(LOOK_S)


async def open_streams(stack: AsyncExitStack, target: Target, heard: Sequence[Heard]) -> None:
    """Let every partner follow the status stream until the stack is left."""
    for key, one in zip(target.ready.api_keys, heard, strict=True):
        task = asyncio.create_task(_follow(target.ready.api_url, key, one))
        stack.push_async_callback(_cancel, task)


async def _follow(url: str, key: str, heard: Heard) -> None:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(
            f"GET /v1/statuses/stream HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {key}\r\n\r\n".encode()
        )
        while line := await reader.readline():
            if line.startswith(b"data: "):
                heard.hear(line)
    finally:
        writer.close()
        await writer.wait_closed()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
