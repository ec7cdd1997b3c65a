"""HTTP/1.1 as partners speak it, small enough to be broken at any byte."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from tests.simulation.network import HOST


class BrokenExchange(Exception):
    """No whole answer came: the request may or may not have been heard."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Request:
    headers: dict[str, str]
    body: bytes


async def call(
    port: int, method: str, path: str, *, key: str, body: Any = None, patience_s: float = 8.0
) -> Answer:
    """Make one request on a connection of its own.

    Raises:
        BrokenExchange: Nobody listens, the connection broke, or the answer took too long.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(patience_s):
            reader, writer = await asyncio.open_connection(HOST, port)
            content = b"" if body is None else json.dumps(body).encode()
            head = (
                f"{method} {path} HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {key}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
            )
            writer.write(head.encode() + content)
            status, headers, answered = await _message(reader)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as exc:
        raise BrokenExchange(type(exc).__name__) from exc
    finally:
        if writer is not None:
            writer.close()
    is_json = "json" in headers.get("content-type", "")
    return Answer(int(status.split()[1]), json.loads(answered) if is_json else None)


async def receive(reader: asyncio.StreamReader) -> Request:
    """Return the next request of a connection.

    Raises:
        OSError: The connection broke.
        asyncio.IncompleteReadError: It ended.
    """
    _, headers, body = await _message(reader)
    return Request(headers, body)


async def _message(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return head[0], headers, body
