"""The HTTP server in our own event loop: how it starts, and how it ends."""

import asyncio
import socket

import httpx2
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from ops.http import serving
from tests.eventually import eventually


class Slow:
    """An ASGI application that answers when it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


async def refused(url: str) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(url).port)
    except ConnectionError:  # reset, if it was waiting to be accepted
        return True
    writer.close()
    return False


async def test_a_request_under_way_is_answered_though_no_other_is_accepted() -> None:
    app = Slow()

    async def answer_late(url: str) -> None:
        await eventually(lambda: refused(url))
        app.may_answer.set()

    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        async with serving(app, host="127.0.0.1", port=0) as url:
            request = asyncio.create_task(client.get(url))
            await app.asked.wait()
            late = asyncio.create_task(answer_late(url))
        await late
        answer = await request
    assert (answer.status_code, answer.text) == (200, "done")
    assert answer.headers["connection"] == "close"


async def test_idle_connections_are_closed_at_the_end_and_the_port_is_free() -> None:
    app = Slow()
    app.may_answer.set()
    async with serving(app, host="127.0.0.1", port=0) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(url).port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\ndate: " in head
    assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"0\r\n\r\n")
    writer.close()
    assert await refused(url)


async def test_a_server_ends_even_if_nobody_ever_asked_it() -> None:
    async with serving(Slow(), host="127.0.0.1", port=0):
        pass


async def test_an_address_in_use_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            async with serving(Slow(), host="127.0.0.1", port=taken.getsockname()[1]):
                pass


async def test_a_server_that_cannot_begin_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cannot(*_: object) -> None:
        raise OSError("no more of it")

    monkeypatch.setattr(uvicorn.Server, "startup", cannot)
    async with asyncio.timeout(20):
        with pytest.raises(OSError, match="no more of it"):
            async with serving(Slow(), host="127.0.0.1", port=0):
                pass


async def counting(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how long the body was."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


@pytest.mark.parametrize("length", [70_000, 200_000, 1_000_000])
async def test_a_body_that_comes_in_one_piece_is_no_head_that_is_too_long(length: int) -> None:
    async with (
        serving(counting, host="127.0.0.1", port=0) as url,
        httpx2.AsyncClient(trust_env=False, verify=False) as client,
    ):
        for _ in range(2):  # on one connection
            answer = await client.post(url, content=b"x" * length)
            assert (answer.status_code, answer.text) == (200, str(length))
