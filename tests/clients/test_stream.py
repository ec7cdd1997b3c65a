"""The stream of events: goes on where it was, and says so when it cannot."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
from voltgate_client import AsyncVoltgate, AuthenticationFailed, Voltgate, models

from core.kernel.db import Database
from ops.http import serving
from partner_api import app as partner_app
from partner_api.app import PartnerApp
from partner_api.problems import example
from tests.clients.test_models import event
from tests.partner_api.scenes import Party, Place

STREAM = {"content-type": "text/event-stream"}


class Broken(httpx2.AsyncByteStream):
    """What comes before a connection breaks."""

    def __init__(self, *parts: str) -> None:
        self.parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part.encode()
        raise httpx2.ReadError("connection reset")


def sent(seq: int, city: str = "K\u00f6ln\u2028") -> str:
    body = event("station.melted", {"city": city}).replace(b'"seq":7', b'"seq":%d' % seq)
    return f"event: station.melted\ndata: {body.decode()}\nid: {seq}\n\n"


def client_of(
    answer: Callable[[httpx2.Request], httpx2.Response], slept: list[float]
) -> AsyncVoltgate:
    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
    return AsyncVoltgate("k", "http://api.test", http=http, sleep=sleep, chance=lambda: 0.0)


async def test_a_broken_connection_is_made_anew_where_it_was() -> None:
    answers: list[httpx2.Response | Exception] = [
        httpx2.Response(200, headers=STREAM, stream=Broken(": connected\nid: 40\nretry: 2000\n\n")),
        httpx2.ConnectError("refused"),
        httpx2.Response(503, json=example("overloaded")),
        httpx2.Response(200, headers=STREAM, stream=Broken("id: 40\n\n", sent(41), sent(42)[:-9])),
        httpx2.Response(200, headers=STREAM, content=": ping\n\n" + sent(42)),
        httpx2.Response(200, headers=STREAM, content=sent(43)),
    ]
    asked: list[str | None] = []
    slept: list[float] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers.get("last-event-id"))
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    seen = []
    async with client_of(answer, slept).events.stream() as stream:
        async for one in stream:
            assert one.data.object == {"city": "K\u00f6ln\u2028"}
            seen.append(one.seq)
            if one.seq == 43:
                break
        assert stream.after_seq == 42, "the last one that was dealt with"
    assert seen == [41, 42, 43]
    assert asked == [None, "40", "40", "40", "41", "42"]
    assert slept == [0.5, 1, 2, 0.5, 0.5]


async def test_who_may_not_listen_is_told() -> None:
    slept: list[float] = []
    client = client_of(
        lambda request: httpx2.Response(401, json=example("invalid_credentials")), slept
    )
    with pytest.raises(AuthenticationFailed):
        async for _ in client.events.stream(after_seq=7):
            pass
    assert slept == []


async def test_over_a_real_socket_threads_and_tasks_hear_the_same(
    app: PartnerApp, db: Database, partner: Party, place: Place
) -> None:
    async with serving(app, host="127.0.0.1", port=0) as url:

        def follow() -> list[str]:
            with Voltgate(partner.key, url) as client, client.events.stream(after_seq=0) as stream:
                started = client.start_charge(connector_id=place.connector_id)
                assert started.cancel().wait().status == "cancelled"
                for one in stream:
                    if isinstance(one.data.object, models.Operation):
                        return [started.id, one.data.object.id, str(one.seq)]
            return []

        operation_id, seen_id, seq = await asyncio.to_thread(follow)
        assert seen_id == operation_id

        async with (
            AsyncVoltgate(partner.key, url) as client,
            client.events.stream(after_seq=int(seq) - 1) as stream,
        ):
            async for one in stream:
                assert one.seq == int(seq)
                break
        partner_app.release(app)
