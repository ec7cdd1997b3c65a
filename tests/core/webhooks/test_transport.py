"""S16: one attempt over real sockets, to receivers that behave and that do not."""

import asyncio
import gzip
import itertools
import socket
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address

import pytest

from core.webhooks.answers import AttemptError, AttemptResult
from core.webhooks.networks import IPAddress
from core.webhooks.transport import Transport, post
from tests.core.webhooks.receiver import (
    BODY,
    HEADERS,
    HOST,
    Answer,
    Names,
    deliver,
    endless,
    receiving,
    saying,
    stalling,
)

LOOPBACK = ip_address("127.0.0.1")


@pytest.fixture
async def names() -> Names:
    return Names("127.0.0.1")


@pytest.fixture
async def transport(names: Names) -> AsyncIterator[Transport]:
    ticks = itertools.count(step=0.25)
    async with Transport(
        resolve=names,
        allow_insecure=True,
        allow_loopback=True,
        monotonic=lambda: next(ticks),
        unix=lambda: 1_795_262_400.0,  # 2026-11-21T12:00:00Z
    ) as transport:
        yield transport


async def test_a_2xx_is_delivered(transport: Transport, names: Names) -> None:
    async with receiving() as receiver:
        result = await deliver(transport, receiver)
    assert result == AttemptResult(
        status_code=200, duration_ms=250, excerpt="ok", error=None, detail=None, retry_after_s=None
    )
    assert result.is_delivered
    assert names.asked == [HOST]
    (request,) = receiver.requests
    assert request.line == "POST /hook?tenant=7 HTTP/1.1"
    assert request.body == BODY
    assert request.headers == {
        "host": f"{HOST}:{receiver.port}",
        "user-agent": "voltgate-webhooks/1",
        "accept-encoding": "identity",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "webhook-id": "evt_1",
    }


@pytest.mark.parametrize(
    ("answer", "status_code", "error"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, None),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 410, None),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, None),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            302,
            AttemptError.REDIRECT_REFUSED,
        ),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, AttemptError.REDIRECT_REFUSED),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
            None,
            AttemptError.INVALID_RESPONSE,
        ),
        (b"", None, AttemptError.INVALID_RESPONSE),
        (b"HTTP/1.1 200", None, AttemptError.INVALID_RESPONSE),
        (b"220 smtp.partner.example ESMTP\r\n", None, AttemptError.INVALID_RESPONSE),
        (b"\x15\x03\x01\x00\x02\x02\x16", None, AttemptError.INVALID_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", None, AttemptError.INVALID_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", None, AttemptError.INVALID_RESPONSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", 200, None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 200, None),
    ],
)
async def test_every_answer_has_its_outcome(
    transport: Transport, answer: bytes, status_code: int | None, error: AttemptError | None
) -> None:
    async with receiving(saying(answer, close=True)) as receiver:
        result = await deliver(transport, receiver)
    assert (result.status_code, result.error) == (status_code, error)
    assert result.is_delivered == (status_code in {200, 204})
    assert result.is_gone == (status_code == 410)
    assert (result.detail is None) == (error is None)
    assert receiver.connections == 1, "nothing was followed or tried again"


@pytest.mark.parametrize(
    "answer",
    [
        stalling(),
        stalling(b"HTTP/1.1 200 OK\r\nContent-"),
        stalling(b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silence", "half a header", "interim answer"],
)
async def test_s16_slow_headers_end_with_the_time_of_the_attempt(
    transport: Transport, answer: Answer
) -> None:
    async with receiving(answer) as receiver:
        result = await deliver(transport, receiver, timeout_s=0.2)
    assert (result.status_code, result.error) == (None, AttemptError.TIMEOUT)
    assert result.detail == "no answer within 0.2 s"


@pytest.mark.parametrize(
    ("answer", "status_code", "error"),
    [
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 999), 200, None),
        (
            endless(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            500,
            None,
        ),
        (
            endless(b"HTTP/1.1 200 OK\r\n", b"X-Filler: xxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"),
            None,
            AttemptError.RESPONSE_TOO_LARGE,
        ),
        (
            endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
            None,
            AttemptError.RESPONSE_TOO_LARGE,
        ),
    ],
    ids=["body", "chunks", "headers", "interim answers"],
)
async def test_s16_no_more_than_64_kib_are_read(
    transport: Transport, answer: Answer, status_code: int | None, error: AttemptError | None
) -> None:
    """An endless answer ends the reading, not the time; the status counts if it was there."""
    async with receiving(answer) as receiver:
        result = await deliver(transport, receiver)
        await asyncio.wait_for(receiver.failure.wait(), 10)  # it was hung up on
    assert (result.status_code, result.error) == (status_code, error)
    assert len(result.excerpt) == (1024 if status_code == 200 else len(result.excerpt))
    assert len(result.excerpt) <= 1024


async def test_s16_a_compressed_answer_is_not_unpacked(transport: Transport) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    async with receiving(saying(head.encode() + bomb)) as receiver:
        result = await deliver(transport, receiver)
    assert result.is_delivered
    assert result.excerpt.startswith("\\x1f")
    assert len(result.excerpt) <= 4 * 1024


async def test_s19_control_characters_of_the_excerpt_are_escaped(transport: Transport) -> None:
    text = b"a\r\n\x00\x1b[2J\xe2\x80\xaeK\xc3\xb6ln\xff\xe2\x82\xac \\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n".encode()
    async with receiving(saying(head + text)) as receiver:
        result = await deliver(transport, receiver)
    assert result.excerpt == "a\\r\\n\\x00\\x1b[2J\\u202eK\u00f6ln\ufffd\u20ac \\n"


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("Sat, 21 Nov 2026 13:01:00 +0100", 60),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 5000, None),
        ("Sat, 99 Nov 2026 12:01:30 GMT", None),
        ("Sat, 21 Nov 99999 12:01:30 GMT", None),
    ],
)
async def test_retry_after_is_read_in_both_forms(
    transport: Transport, value: str, expected_s: int | None
) -> None:
    answer = f"HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n"
    async with receiving(saying(answer.encode())) as receiver:
        result = await deliver(transport, receiver)
    assert (result.status_code, result.retry_after_s) == (503, expected_s)


async def test_a_closed_port_is_connect_failed(transport: Transport) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, not listening: refused
        url = f"http://{HOST}:{bound.getsockname()[1]}/"
        result = await post(transport, url, body=BODY, headers=HEADERS)
    assert (result.status_code, result.error) == (None, AttemptError.CONNECT_FAILED)


async def test_the_second_address_is_tried_when_the_first_refuses(
    transport: Transport, names: Names
) -> None:
    names.addresses = [ip_address("127.0.0.2"), LOOPBACK]
    async with receiving() as receiver:
        assert (await deliver(transport, receiver)).is_delivered


async def test_a_connection_that_is_reset_is_connection_lost(transport: Transport) -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        linger_zero = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        writer.close()

    async with receiving(reset) as receiver:
        result = await deliver(transport, receiver)
    assert (result.status_code, result.error) == (None, AttemptError.CONNECTION_LOST)


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "x"), TimeoutError(), OSError()])
async def test_a_name_without_an_address(failure: OSError) -> None:
    async def resolve(host: str) -> Sequence[IPAddress]:
        raise failure

    async with Transport(resolve=resolve) as transport:
        result = await post(transport, f"https://{HOST}/", body=BODY, headers=HEADERS)
    assert (result.status_code, result.error) == (None, AttemptError.NAME_NOT_RESOLVED)


async def test_cancelling_an_attempt_cancels_it(transport: Transport) -> None:
    async with receiving(stalling()) as receiver:
        attempt = asyncio.ensure_future(deliver(transport, receiver))
        await receiver.arrived.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert transport.idle.by_key == {}
