"""What comes over a real socket from somebody who does not mean well: refused; life goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from ops import http
from ops.http import MAX_HEAD_BYTES, serving
from tests.partner_api.asgi import ask
from tests.partner_api.furnished import Furnished

OK = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
REFUSED = {
    "two lengths": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
    b"Content-Length: 3\r\n\r\n{}x",
    "length and chunks": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an encoding that is none": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"GET /healthz HTTP/1.1\r\nHost: a\r\n X-A: b\r\n\r\n",
    "a line feed alone": b"GET /healthz HTTP/1.1\nHost: a\n\n",
    "a carriage return alone": b"GET /healthz HTTP/1.1\rHost: a\r\r",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: \x00\r\n\r\n",
    "NUL in the address": b"GET /healthz\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "no name": b"GET /healthz HTTP/1.1\r\n: a\r\n\r\n",
    "no method": b" /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "a method that is none": b"EVIL /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",
    "a length that is none": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\n"
    b"Content-Length: 0x2\r\n\r\n{}",
    "a negative length": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\n"
    b"Content-Length: -2\r\n\r\n{}",
    "a length beyond numbers": b"POST /v1/start_charge HTTP/1.1\r\nHost: a\r\n"
    b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "noise": bytes(range(256)),
}
ENDLESS = {
    "an address": (b"GET /", b"a" * 4096),
    "a header": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: ", b"a" * 4096),
    "headers": (b"GET /healthz HTTP/1.1\r\nHost: a\r\n", b"X-A: b\r\n" * 512),
    "what follows the last chunk": (
        b"POST /v1/terms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X-A: b\r\n" * 512,
    ),
}
SILENT = {
    "nothing": b"",
    "half a line": b"GET /hea",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: a\r\n",
    "half a body": b"POST /v1/partner_applications HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
    "half of the second": OK + b"GET /hea",
}


@dataclass(frozen=True, slots=True)
class Socket:
    host: str
    port: int

    async def say(self, *texts: bytes) -> bytes:
        """Return all that comes back, until the other side hangs up."""
        async with self.connected() as (reader, writer):
            for text in texts:
                writer.write(text)
            return await reader.read()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            async with asyncio.timeout(20):
                yield reader, writer
        finally:
            writer.close()

    async def is_alive(self) -> bool:
        closing = OK.replace(b"Host: a\r\n", b"Host: a\r\nConnection: close\r\n")
        return (await self.say(closing)).startswith(b"HTTP/1.1 200")


@pytest.fixture
async def served(furnished: Furnished) -> AsyncIterator[Socket]:
    async with serving(furnished.app, host="127.0.0.1", port=0) as url:
        parts = urlsplit(url)
        yield Socket(parts.hostname or "", parts.port or 0)


async def test_what_two_readers_could_take_for_two_things_is_refused(served: Socket) -> None:
    """No second request hides in a first one; the connection ends."""
    for what, text in REFUSED.items():
        answer = await served.say(text, OK)
        assert answer.startswith(b"HTTP/1.1 400"), (what, answer)
        assert answer.count(b"HTTP/1.1") == 1, what
    assert await served.is_alive()


async def test_a_head_that_does_not_end_is_cut_off(served: Socket) -> None:
    for what, (begin, more) in ENDLESS.items():
        async with served.connected() as (reader, writer):
            writer.write(begin)
            reading, sent = asyncio.create_task(reader.read()), 0
            while not reading.done() and not writer.is_closing():
                writer.write(more)
                sent += len(more)
                assert sent < 256 * MAX_HEAD_BYTES, what
                with suppress(OSError):  # it has hung up
                    await writer.drain()
                await asyncio.sleep(0)
            await asyncio.gather(reading, return_exceptions=True)
    assert await served.is_alive()


async def test_who_says_nothing_more_is_hung_up_on(
    served: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "HEAD_WITHIN_S", 0.1)
    monkeypatch.setattr(http, "BODY_WITHIN_S", 0.1)
    with capture_logs() as logs:
        for text in SILENT.values():
            await served.say(text)
    assert await served.is_alive()
    assert [line for line in logs if line["event"] == "request_failed"] == []


async def test_hosts_and_forms_of_the_address_change_nothing(
    served: Socket, furnished: Furnished
) -> None:
    """The caller is who has the key; no answer is built from what the host header says."""
    key = furnished.scene.live.key.encode()
    for line, host in (
        (b"GET /v1/partner", b"evil.example"),
        (b"GET http://evil.example/v1/partner", b"a"),
        (b"GET /v1/partner", b"127.0.0.1:1\r\nX-Forwarded-Host: evil.example"),
        (
            b"GET /v1/partner",
            b"a\r\nX-Forwarded-Prefix: /evil.example\r\nForwarded: host=evil",
        ),
        (b"GET /v1/nothing", b"evil.example"),
    ):
        head = line + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n"
        answer = await served.say(head + b"Authorization: Bearer " + key + b"\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 404")), answer
        assert b"evil" not in answer
        assert b"access-control" not in answer.lower()


async def test_odd_ways_to_show_a_key_show_none(furnished: Furnished) -> None:
    key = furnished.scene.live.key
    other = furnished.scene.their_live.key
    for headers in (
        [("authorization", f"Bearer {key}"), ("authorization", f"Bearer {other}")],
        [("authorization", f"Bearer {key}"), ("authorization", f"Bearer {key}")],
        [("authorization", f"Bearer {key}"), ("authorization", "")],
        [("authorization", f"Bearer {key}, Bearer {other}")],
        [("authorization", f"Bearer {key},")],
        [("authorization", f"Bearer\t{key}")],
        [("authorization", f"Bearer \xa0{key}")],
        [("authorization", f"Bearer {key}\xa0")],
        [("authorization", f'Bearer "{key}"')],
        [("authorization", f"Basic {key}")],
        [("authorization", f"Token {key}")],
        [("authorization", key)],
        [("x-api-key", key)],
        [("proxy-authorization", f"Bearer {key}")],
        [("cookie", f"key={key}; authorization=Bearer {key}")],
    ):
        answer = await ask(furnished.app, "GET", "/v1/partner", headers=headers)
        assert (answer.status, answer.json()["code"]) == (401, "invalid_credentials"), headers
        assert key[-43:] not in answer.body.decode()
    for query in (f"key={key}", f"authorization=Bearer%20{key}", f"access_token={key}"):
        answer = await ask(furnished.app, "GET", f"/v1/partner?{query}")
        assert answer.status == 401
        assert key[-43:] not in answer.body.decode()


async def test_methods_are_what_they_are(furnished: Furnished) -> None:
    """HEAD, OPTIONS, TRACE and made-up ones are refused; no header turns one into another."""
    side = furnished.scene.live
    path = f"/v1/webhook_endpoints/{side.has.endpoint_id}"
    for method in ("HEAD", "OPTIONS", "TRACE", "PUT", "CONNECT", "get", "Get", "PURGE", "PROPFIND"):
        headers = [("origin", "https://evil.example"), ("access-control-request-method", "DELETE")]
        answer = await furnished.ask(side, method, path, headers=headers)
        assert answer.status == 405, method
        assert answer.header("allow") == "DELETE, GET, PATCH"
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]
    for name in ("x-http-method-override", "x-method-override", "x-http-method"):
        headers = [(name, "DELETE")]
        answer = await furnished.ask(side, "GET", path, headers=headers)
        assert (answer.status, answer.json()["id"]) == (200, side.has.endpoint_id)
        assert (await furnished.ask(side, "GET", f"{path}?_method=DELETE")).status == 400


async def test_headers_that_others_obey_are_not_obeyed(furnished: Furnished) -> None:
    """One answer whatever is asked of its form; a condition on a write is no condition here."""
    side = furnished.scene.live
    path = f"/v1/stations/{side.has.station_id}"
    plain = await furnished.ask(side, "GET", path)
    for name, value in (
        ("range", "bytes=0-3"),
        ("accept", "text/html"),
        ("accept", "application/xml;q=1, */*;q=0"),
        ("accept-encoding", "gzip, br"),
        ("accept-language", "../../etc/passwd"),
        ("if-match", '"nothing"'),
        ("if-none-match", '"'),
        ("if-none-match", "W/"),
        ("if-none-match", ',,"a",,'),
        ("if-modified-since", "yesterday"),
        ("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("expect", "200-maybe"),
        ("origin", "null"),
        ("x-original-url", "/operator/v1/partners"),
        ("x-rewrite-url", "/operator/v1/partners"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
    ):
        answer = await furnished.ask(side, "GET", path, headers=[(name, value)])
        assert (answer.status, answer.body) == (200, plain.body), (name, value)
        names = [known for known, _ in answer.headers]
        assert names == [known for known, _ in plain.headers]
