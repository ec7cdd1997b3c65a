"""One question to the contract service over HTTPS: bounded in time, in size and in address."""

import asyncio
import ssl
from collections.abc import AsyncIterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore2
import msgspec

from core.kernel.tls import shared_context
from core.webhooks.addresses import (
    DEFAULT_PORTS,
    CheckedUrl,
    ForbiddenAddress,
    check_addresses,
    check_url,
)
from core.webhooks.connections import (
    CONNECT_TIMEOUT_S,
    AnswerTooLarge,
    Connection,
    Resolver,
    open_connection,
    system_resolver,
)
from core.webhooks.networks import IPAddress

RESOLVER_THREADS: Final = 4
AT_ONCE: Final = 64
"""Questions under way in one process; more wait, within their own time."""


class ServiceFailed(Exception):
    """The service gave no answer that can be used; *reason* fits a reasonCode (20 characters)."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the service is, and what it is told to know us by.

    *allow_private*: it may be in this network, and without TLS.
    """

    url: str
    token: str | None
    timeout_s: float
    allow_private: bool


class Line:
    """What questions share: the resolver, the certificates to trust, how many there may be.

    Args:
        resolve: All addresses of a host name, or ``OSError``; the system's if not given.
        ssl_context: Certificates to trust; those of the system if not given.
    """

    def __init__(
        self, *, resolve: Resolver | None = None, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="contract-dns")
        self._resolve = resolve or system_resolver(self._threads)
        self._ssl_context = ssl_context or shared_context()
        self._room = asyncio.Semaphore(AT_ONCE)

    def close(self) -> None:
        """Leave look-ups that are under way to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, endpoint: Endpoint, path: str, question: Mapping[str, Any]) -> Any:
        """Return the JSON document that answers *question*.

        Raises:
            ServiceFailed: There was none within the time, or none that can be read.
        """
        try:
            async with asyncio.timeout(endpoint.timeout_s), self._room:
                status, body = await self._post(endpoint, path, msgspec.json.encode(question))
        except TimeoutError as exc:
            raise ServiceFailed("ServiceTimeout", "no answer in time") from exc
        except ForbiddenAddress as exc:
            raise ServiceFailed("AddressForbidden", exc.reason) from exc
        except AnswerTooLarge as exc:
            raise ServiceFailed("AnswerTooLarge", str(exc)) from exc
        except (
            httpcore2.TimeoutException,
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            OSError,
        ) as exc:
            raise ServiceFailed("ServiceUnreachable", type(exc).__name__) from exc
        if status != HTTPStatus.OK:
            raise ServiceFailed("ServiceError", f"HTTP status {status}")
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError) as exc:
            raise ServiceFailed("InvalidAnswer", "not JSON") from exc

    async def _post(self, endpoint: Endpoint, path: str, body: bytes) -> tuple[int, bytes]:
        url = endpoint.url.rstrip("/") + path
        checked = _private(url) if endpoint.allow_private else check_url(url)
        addresses = await self._addresses(checked)
        if not endpoint.allow_private:
            check_addresses(addresses)
        connection = open_connection(checked, addresses, self._ssl_context)
        try:
            return await _exchange(connection, checked, endpoint.token, body)
        finally:
            await connection.http.aclose()

    async def _addresses(self, checked: CheckedUrl) -> Sequence[IPAddress]:
        if checked.address is not None:
            return (checked.address,)
        return await self._resolve(checked.host)


async def _exchange(
    connection: Connection, checked: CheckedUrl, token: str | None, body: bytes
) -> tuple[int, bytes]:
    headers = [
        (b"Host", checked.host_header.encode()),
        (b"User-Agent", b"voltgate-contracts/1"),
        (b"Accept-Encoding", b"identity"),
        (b"Content-Type", b"application/json"),
        (b"Content-Length", str(len(body)).encode()),
    ]
    if token is not None:
        headers.append((b"Authorization", b"Bearer " + token.encode()))
    url = httpcore2.URL(
        scheme=checked.scheme.encode(),
        host=checked.host.encode(),
        port=checked.port,
        target=checked.target.encode(),
    )
    request = httpcore2.Request(
        "POST",
        url,
        headers=headers,
        content=body,
        extensions={"timeout": {"connect": CONNECT_TIMEOUT_S}},
    )
    response = await connection.http.handle_async_request(request)
    found = bytearray()
    if isinstance(response.stream, AsyncIterable):
        async for chunk in response.stream:
            found += chunk
    await response.aclose()
    return response.status, bytes(found)


def _private(url: str) -> CheckedUrl:
    """Return the parts of an address that an operator vouches for."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ForbiddenAddress("the URL cannot be read") from exc
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise ForbiddenAddress("the URL is not of the form https://host/path")
    try:
        address = ip_address(parts.hostname)
    except ValueError:
        address = None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return CheckedUrl(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or DEFAULT_PORTS[parts.scheme],
        target=target,
        address=address,
    )
