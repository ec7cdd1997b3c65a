"""Connections to partners' servers: our own name resolution, a pinned address, a bounded answer."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

import httpcore2

from core.webhooks.addresses import CheckedUrl
from core.webhooks.networks import IPAddress

CONNECT_TIMEOUT_S: Final = 5.0
MAX_ANSWER_BYTES: Final = 65_536
# A name may have many addresses: all are checked, this many are tried.
ADDRESSES_TRIED: Final = 4
KEEP_ALIVE_S: Final = 10.0
IDLE_PER_HOST: Final = 64
IDLE_IN_ALL: Final = 512

Resolver = Callable[[str], Awaitable[Sequence[IPAddress]]]
Key = tuple[str, str, int]

LOCALHOST: Final[tuple[IPAddress, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class NameNotResolved(httpcore2.ConnectError):
    """The host name has no address, or the name servers did not say in time."""


class TlsFailed(httpcore2.ConnectError):
    """The handshake failed, or the certificate is not the one of this host name."""


class AnswerTooLarge(httpcore2.ReadError):
    """More than 64 KiB came, headers and framing included."""


def system_resolver(executor: ThreadPoolExecutor) -> Resolver:
    """Return a resolver that asks the operating system on threads of its own.

    A partner's hanging name server then holds up other look-ups of webhooks at worst, never what
    else runs on the default threads.
    """

    async def resolve(host: str) -> Sequence[IPAddress]:
        # The final dot keeps the search list of resolv.conf (internal domains) out of it.
        found = await asyncio.get_running_loop().run_in_executor(
            executor, lambda: socket.getaddrinfo(f"{host}.", None, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))

    return resolve


class _BoundedStream(httpcore2.AsyncNetworkStream):
    """A stream that reads no more than its connection may, and sends a request in one piece."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream, owner: "PinnedBackend") -> None:
        self._inner = inner
        self._owner = owner
        self._unsent: list[bytes] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._unsent:
            request = b"".join(self._unsent)
            self._unsent.clear()
            await self._inner.write(request, timeout)
        left = self._owner.bytes_left
        if left <= 0:
            raise AnswerTooLarge(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        data = await self._inner.read(min(max_bytes, left), timeout)
        self._owner.bytes_left -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._unsent.append(buffer)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        try:
            inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except httpcore2.ConnectError as exc:
            raise TlsFailed(_tls_reason(exc.__cause__)) from exc
        except asyncio.CancelledError:  # the one case in which it does not close itself
            await self._inner.aclose()
            raise
        return _BoundedStream(inner, self._owner)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _tls_reason(cause: BaseException | None) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate was refused: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError) and cause.reason:
        return f"the TLS handshake failed: {cause.reason}"
    return "the TLS handshake failed"


class PinnedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the checked addresses only, whatever host name it is given."""

    def __init__(self, addresses: Sequence[IPAddress]) -> None:
        self._addresses = addresses[:ADDRESSES_TRIED]
        self._inner = httpcore2.AnyIOBackend()
        self.bytes_left = MAX_ANSWER_BYTES
        self.connected_to: IPAddress | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (CONNECT_TIMEOUT_S if timeout is None else timeout)
        failure: Exception = httpcore2.ConnectError("the name has no address")
        for tried, address in enumerate(self._addresses):
            # An even share of what is left, so that one dead address does not use up all of it.
            share_s = (deadline - loop.time()) / (len(self._addresses) - tried)
            try:
                stream = await self._inner.connect_tcp(
                    str(address), port, timeout=max(share_s, 0), socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
                failure = exc
            else:
                self.connected_to = address
                return _BoundedStream(stream, self)
        raise failure


@dataclass(frozen=True, slots=True)
class Connection:
    """One HTTP/1.1 connection to one host name at one checked address."""

    key: Key
    backend: PinnedBackend
    http: httpcore2.AsyncHTTPConnection


def open_connection(
    checked: CheckedUrl, addresses: Sequence[IPAddress], ssl_context: ssl.SSLContext
) -> Connection:
    """Return a connection that will be made, to one of *addresses*, when it is first used."""
    backend = PinnedBackend(addresses)
    http = httpcore2.AsyncHTTPConnection(
        origin=httpcore2.Origin(
            scheme=checked.scheme.encode(), host=checked.host.encode(), port=checked.port
        ),
        ssl_context=ssl_context,
        keepalive_expiry=KEEP_ALIVE_S,
        network_backend=backend,
    )
    return Connection(key_of(checked), backend, http)


def key_of(checked: CheckedUrl) -> Key:
    """Return what two attempts must share to share a connection: scheme, host name, port."""
    return (checked.scheme, checked.host, checked.port)


@dataclass(slots=True)
class IdleConnections:
    """Open connections that wait for the next attempt to the same host name."""

    by_key: dict[Key, list[Connection]] = field(default_factory=dict)
    swept_at: float = 0.0

    async def take(self, key: Key, addresses: Sequence[IPAddress]) -> Connection | None:
        """Return the idle connection that was used last and is good, or ``None``.

        It is good while the name still resolves to its address; others are closed on the way.
        """
        while kept := self.by_key.get(key):
            chosen = kept.pop()  # no await before this: whoever waits must not be given it, too
            if not kept:
                del self.by_key[key]
            if _is_usable(chosen) and chosen.backend.connected_to in addresses:
                chosen.backend.bytes_left = MAX_ANSWER_BYTES
                return chosen
            await _close_all([chosen])
        return None

    async def give_back(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end, or close it."""
        now = asyncio.get_running_loop().time()
        if now - self.swept_at > KEEP_ALIVE_S:
            self.swept_at = now
            await self._close_stale()
        if not connection.http.is_available():
            await connection.http.aclose()
            return
        # No await up to the end: other attempts change by_key whenever this one waits.
        same = self.by_key.setdefault(connection.key, [])
        same.append(connection)
        surplus = [same.pop(0)] if len(same) > IDLE_PER_HOST else []
        if sum(map(len, self.by_key.values())) > IDLE_IN_ALL:
            surplus += self.by_key.pop(next(iter(self.by_key)))
        await _close_all(surplus)

    async def _close_stale(self) -> None:
        kept = self.by_key
        self.by_key = {}
        stale: list[Connection] = []
        for key, connections in kept.items():
            usable = [connection for connection in connections if _is_usable(connection)]
            stale += [connection for connection in connections if connection not in usable]
            if usable:
                self.by_key[key] = usable
        await _close_all(stale)

    async def aclose(self) -> None:
        """Close all of them."""
        kept = [connection for connections in self.by_key.values() for connection in connections]
        self.by_key.clear()
        await _close_all(kept)


def _is_usable(connection: Connection) -> bool:
    return connection.http.is_available() and not connection.http.has_expired()


async def _close_all(connections: Iterable[Connection]) -> None:
    for connection in connections:
        await connection.http.aclose()
