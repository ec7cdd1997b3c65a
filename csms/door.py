"""The handshake: who asks, with which credentials, for which version, before the upgrade (S1)."""

import asyncio
import base64
import binascii
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from core.chargers import login
from core.chargers.login import Refused
from core.chargers.login_limit import LoginLimit
from core.chargers.models import Charger
from core.chargers.states import RefusalReason
from core.kernel import metrics
from core.kernel.errors import DatabaseUnavailable
from csms.adapter import Adapter
from csms.node import Node

log = structlog.get_logger()

PREFIX: Final = "/ocpp/"
REALM: Final = "voltgate"
PING_WITHIN_S: Final = 5.0
RETRY_AFTER_S: Final = 60
NOTED_EVERY_S: Final = 1.0


class Socket(ServerConnection):
    """A connection that remembers who was let in."""

    charger: Charger | None = None
    adapter: Adapter | None = None


class Door:
    """Lets chargers in, one answer for all who may not."""

    def __init__(self, node: Node, adapters: dict[str, Adapter]) -> None:
        settings = node.settings
        self._node = node
        self._adapters = adapters
        self._admission = asyncio.Semaphore(settings.handshakes_at_once)
        self._noted_s = -NOTED_EVERY_S
        self._limit = LoginLimit(
            node.clock,
            per_identity=settings.login_failures_per_identity,
            per_address=settings.login_failures_per_address,
        )

    async def answer(self, socket: Socket, request: Request) -> Response | None:
        """Return why the handshake fails, or ``None`` to go on with the upgrade."""
        path = urlsplit(request.path).path
        if path == "/healthz":
            return socket.respond(HTTPStatus.OK, "ok\n")
        name = path.removeprefix(PREFIX).removesuffix("/")
        if not path.startswith(PREFIX) or not name or "/" in name:
            return socket.respond(HTTPStatus.NOT_FOUND, f"Connect to {PREFIX}IDENTITY.\n")
        identity = unquote(name, errors="replace")
        try:
            async with self._admission:
                return await self._admit(socket, request, identity)
        except DatabaseUnavailable:
            log.warning("handshake_postponed", identity=identity)
            response = socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Try again later.\n")
            response.headers["Retry-After"] = "10"
            return response

    async def _admit(self, socket: Socket, request: Request, identity: str) -> Response | None:
        address = str(socket.remote_address[0])
        if self._limit.is_over(identity, address):
            await self._note(identity, address)
            return _unauthorized(socket, retry_after_s=RETRY_AFTER_S)
        async with self._node.db.transaction() as tx:
            found = await login.login(
                tx,
                self._node.vault,
                self._node.settings,
                identity=identity,
                password=password_of(request.headers.get_all("Authorization"), identity),
                address=address,
                encrypted=socket.transport.get_extra_info("ssl_object") is not None,
            )
        if isinstance(found, Refused):
            self._limit.failed(identity, address)
            self._log_refusal(identity, address, found.reason)
            return _unauthorized(socket)
        adapter = self._adapter(request)
        if adapter is None:
            return await self._refuse_subprotocol(socket, identity, address)
        if await self._is_taken(found):
            self._log_refusal(identity, address, "socket_in_use")
            return socket.respond(HTTPStatus.CONFLICT, "This charger is connected already.\n")
        socket.charger, socket.adapter = found, adapter
        return None

    def _adapter(self, request: Request) -> Adapter | None:
        offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol")).split(",")
        names = {name.strip() for name in offered}
        return next((self._adapters[name] for name in self._adapters if name in names), None)

    async def _refuse_subprotocol(self, socket: Socket, identity: str, address: str) -> Response:
        reason = RefusalReason.NO_COMMON_SUBPROTOCOL
        async with self._node.db.transaction() as tx:
            await login.refuse(tx, identity=identity, address=address, reason=reason)
        self._log_refusal(identity, address, reason)
        offer = ", ".join(self._adapters)
        return socket.respond(HTTPStatus.BAD_REQUEST, f"Ask for a subprotocol of: {offer}.\n")

    async def _is_taken(self, charger: Charger) -> bool:
        """Tell whether a stranger asks for the place of a charger that is there (S7).

        A charger of profile 0 shows no credential: whoever comes second could be anybody.
        """
        if charger.security_profile > 0 or not charger.online:
            return False
        connection = self._node.connections.get(charger.id)
        if connection is None:
            return charger.node_id != self._node.id
        return await connection.answers_ping(within_s=PING_WITHIN_S)

    async def _note(self, identity: str, address: str) -> None:
        """Record that logins are limited, but not once for each of a flood."""
        now_s = self._node.clock.monotonic()
        reason = RefusalReason.TOO_MANY_FAILURES
        metrics.HANDSHAKES_REFUSED.labels(reason).inc()
        if now_s - self._noted_s < NOTED_EVERY_S:
            return
        self._noted_s = now_s
        log.warning("handshake_refused", identity=identity, address=address, reason=reason)
        async with self._node.db.transaction() as tx:
            await login.refuse(tx, identity=identity, address=address, reason=reason)

    def _log_refusal(self, identity: str, address: str, reason: str) -> None:
        metrics.HANDSHAKES_REFUSED.labels(reason).inc()
        log.warning("handshake_refused", identity=identity, address=address, reason=reason)


def password_of(headers: list[str], identity: str) -> bytes | None:
    """Return the password of a Basic authentication header, as it came; ``None`` without one.

    The user name has to be the identity (OCPP-J 1.6 security whitepaper A00.FR.204); with
    another one the password is wrong, whatever it is.
    """
    scheme, _, encoded = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, separator, password = decoded.partition(b":")
    if not separator:
        return None
    same = user.decode("utf-8", errors="replace").lower() == identity.lower()
    return password if same else b""


def _unauthorized(socket: Socket, *, retry_after_s: int | None = None) -> Response:
    """Return the one answer for an unknown identity, no password, or a wrong one."""
    response: Any = socket.respond(HTTPStatus.UNAUTHORIZED, "Identity or password is wrong.\n")
    response.headers["WWW-Authenticate"] = f'Basic realm="{REALM}", charset="UTF-8"'
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response  # type: ignore[no-any-return]
