"""One attempt to deliver a webhook: the only code that talks to partners' servers (S16).

It stands on the connection layer of httpx2, not on its client: so there are no redirects,
cookies, proxies, environment variables and content decoding to switch off, and no second URL
parser that could read an address in another way than the check did.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

import httpcore2

from core.kernel.tls import shared_context
from core.webhooks.addresses import CheckedUrl, ForbiddenAddress, check_addresses, check_url
from core.webhooks.answers import (
    EXCERPT_BYTES,
    AttemptError,
    AttemptResult,
    excerpt_of,
    parse_retry_after,
)
from core.webhooks.connections import (
    CONNECT_TIMEOUT_S,
    LOCALHOST,
    AnswerTooLarge,
    Connection,
    IdleConnections,
    NameNotResolved,
    Resolver,
    TlsFailed,
    key_of,
    open_connection,
    system_resolver,
)
from core.webhooks.networks import IPAddress

DEFAULT_TIMEOUT_S: Final = 10.0
MAX_TIMEOUT_S: Final = 30.0
RESOLVER_THREADS: Final = 16
USER_AGENT: Final = b"voltgate-webhooks/1"

# What an error of the connection layer is called in a delivery; the first match counts.
_ERRORS: Final[tuple[tuple[type[Exception], AttemptError, str | None], ...]] = (
    (TlsFailed, AttemptError.TLS_FAILED, None),
    (AnswerTooLarge, AttemptError.RESPONSE_TOO_LARGE, None),
    (NameNotResolved, AttemptError.NAME_NOT_RESOLVED, "the host name does not resolve"),
    (httpcore2.TimeoutException, AttemptError.TIMEOUT, "the connection was not made in time"),
    (httpcore2.ConnectError, AttemptError.CONNECT_FAILED, "the connection was refused or failed"),
    (httpcore2.NetworkError, AttemptError.CONNECTION_LOST, "the connection broke off"),
    (httpcore2.RemoteProtocolError, AttemptError.INVALID_RESPONSE, "the answer is not HTTP/1.1"),
    # After the handshake, such as the alert of a server that wants a client certificate.
    (ssl.SSLError, AttemptError.TLS_FAILED, "the TLS connection was ended with an error"),
    (OSError, AttemptError.CONNECTION_LOST, "the connection broke off"),
)
_NETWORK_ERRORS: Final = tuple(kind for kind, _, _ in _ERRORS)
# On a connection that was kept open: the other side may have closed it in the same moment.
_STALE: Final = (httpcore2.ReadError, httpcore2.WriteError, httpcore2.RemoteProtocolError)


class Transport:
    """What attempts share: resolver, certificates, open connections. Used as ``async with``.

    Args:
        resolve: All addresses of a host name, or ``OSError``; the system's resolver if not given.
        ssl_context: Certificates to trust; those of the system if not given.
        allow_insecure: Development: ``http`` receivers.
        allow_loopback: Development: receivers on this machine.
        monotonic: Clock of the durations, in seconds.
        unix: Wall clock for ``Retry-After`` dates, in Unix seconds.
    """

    def __init__(
        self,
        *,
        resolve: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        allow_insecure: bool = False,
        allow_loopback: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        unix: Callable[[], float] = time.time,
    ) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="webhook-dns")
        self.resolve = resolve or system_resolver(self._threads)
        self.ssl_context = ssl_context or shared_context()
        self.allow_insecure = allow_insecure
        self.allow_loopback = allow_loopback
        self.monotonic = monotonic
        self.unix = unix
        self.idle = IdleConnections()

    async def aclose(self) -> None:
        """Close the open connections; look-ups under way are left to end by themselves."""
        await self.idle.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


@dataclass(slots=True)
class _Answer:
    """What is known of the answer so far, kept when the attempt breaks off."""

    status_code: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)


async def post(
    transport: Transport,
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> AttemptResult:
    """Send *body* to *url* once and tell what came of it; no network fault raises.

    The address is checked anew, by name and by what it resolves to. Redirects are not followed.
    The status decides: of an answer longer than 64 KiB, or one that does not end in time, the
    status counts all the same, because the body is only read for the excerpt.

    Args:
        transport: Shared by all attempts of a worker.
        url: The endpoint's address as stored.
        body: The exact bytes that were signed.
        headers: Those of Standard Webhooks and ``content-type``; host, length, encoding and
            user agent are added.
        timeout_s: Whole attempt, name resolution included; at most 30.
    """
    started = transport.monotonic()
    answer = _Answer()
    error: AttemptError | None = None
    detail: str | None = None
    limit_s = min(timeout_s, MAX_TIMEOUT_S)
    try:
        async with asyncio.timeout(limit_s):
            await _exchange(transport, url, body=body, headers=headers, answer=answer)
    except ForbiddenAddress as exc:
        error, detail = AttemptError.FORBIDDEN_ADDRESS, exc.reason
    except TimeoutError:
        error, detail = AttemptError.TIMEOUT, f"no answer within {limit_s:g} s"
    except _NETWORK_ERRORS as exc:
        error, detail = _name(exc)
    if answer.status_code is not None:
        error, detail = _judge(answer.status_code)
    return AttemptResult(
        status_code=answer.status_code,
        duration_ms=round((transport.monotonic() - started) * 1000),
        excerpt=excerpt_of(bytes(answer.body)),
        error=error,
        detail=detail,
        retry_after_s=_retry_after(answer.headers, now_unix_s=transport.unix()),
    )


def _name(exc: Exception) -> tuple[AttemptError, str]:
    error, detail = next((code, text) for kind, code, text in _ERRORS if isinstance(exc, kind))
    return error, detail or str(exc)


def _judge(status_code: int) -> tuple[AttemptError | None, str | None]:
    if HTTPStatus.MULTIPLE_CHOICES <= status_code < HTTPStatus.BAD_REQUEST:
        return AttemptError.REDIRECT_REFUSED, "redirects are not followed"
    return None, None


def _retry_after(headers: Sequence[tuple[bytes, bytes]], *, now_unix_s: float) -> int | None:
    for name, value in headers:
        if name.lower() == b"retry-after":
            return parse_retry_after(value.decode("latin-1"), now_unix_s=now_unix_s)
    return None


async def _exchange(
    transport: Transport, url: str, *, body: bytes, headers: Mapping[str, str], answer: _Answer
) -> None:
    checked = check_url(
        url, allow_insecure=transport.allow_insecure, allow_loopback=transport.allow_loopback
    )
    addresses = await _resolve(transport, checked)
    check_addresses(addresses, allow_loopback=transport.allow_loopback)
    kept = await transport.idle.take(key_of(checked), addresses)
    if kept is not None:
        try:
            await _send(transport, kept, checked, body=body, headers=headers, answer=answer)
        except AnswerTooLarge:
            raise
        except _STALE:
            if answer.status_code is not None:
                raise
        else:
            return
    connection = open_connection(checked, addresses, transport.ssl_context)
    await _send(transport, connection, checked, body=body, headers=headers, answer=answer)


async def _resolve(transport: Transport, checked: CheckedUrl) -> Sequence[IPAddress]:
    if checked.address is not None:
        return (checked.address,)
    if checked.host == "localhost" or checked.host.endswith(".localhost"):
        return LOCALHOST  # RFC 6761 6.3: no name server is asked
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            addresses = await transport.resolve(checked.host)
    except OSError as exc:  # a look-up that takes too long is one, too
        raise NameNotResolved(checked.host) from exc
    if not addresses:
        raise NameNotResolved(checked.host)
    return addresses


async def _send(
    transport: Transport,
    connection: Connection,
    checked: CheckedUrl,
    *,
    body: bytes,
    headers: Mapping[str, str],
    answer: _Answer,
) -> None:
    try:
        response = await connection.http.handle_async_request(_request(checked, body, headers))
        answer.status_code = response.status
        answer.headers = response.headers
        stream = response.stream
        if isinstance(stream, AsyncIterable):
            async for chunk in stream:
                answer.body += chunk[: EXCERPT_BYTES - len(answer.body)]
        await response.aclose()
    finally:
        await transport.idle.give_back(connection)


def _request(checked: CheckedUrl, body: bytes, headers: Mapping[str, str]) -> httpcore2.Request:
    return httpcore2.Request(
        "POST",
        httpcore2.URL(
            scheme=checked.scheme.encode(),
            host=checked.host.encode(),
            port=checked.port,
            target=checked.target.encode(),
        ),
        headers=[
            (b"Host", checked.host_header.encode()),
            (b"User-Agent", USER_AGENT),
            (b"Accept-Encoding", b"identity"),
            (b"Content-Length", str(len(body)).encode()),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ],
        content=body,
        extensions={"timeout": {"connect": CONNECT_TIMEOUT_S}},
    )
