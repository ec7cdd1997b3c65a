"""The handshake: who asks, with which credentials, for which version, before the upgrade (S1)."""

import base64
import binascii
import contextlib
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from websockets.http11 import Request, Response

from core.certificates import client, holdings
from core.chargers import login
from core.chargers.charger_profiles import Rules
from core.chargers.login import Refused
from core.chargers.login_limit import ConnectionLimit, LoginLimit
from core.chargers.models import Charger
from core.chargers.states import RefusalReason
from core.kernel import failpoints, metrics
from core.kernel.db import Tx
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from csms import tolerance
from csms.adapter import Adapter
from csms.admission import Admission, Crowded
from csms.caller import Caller, caller_of, networks
from csms.node import Node
from csms.socket import Socket
from csms.tls import Tls
from csms.tolerance import same_user

log = structlog.get_logger()

PREFIX: Final = "/ocpp/"
REALM: Final = "voltgate"
PING_WITHIN_S: Final = 5.0
RETRY_AFTER_S: Final = 60
DATABASE_AWAY_S: Final = 10
NOTED_EVERY_S: Final = 1.0


class Door:
    """Lets chargers in, one answer for all who may not."""

    def __init__(
        self,
        node: Node,
        adapters: dict[str, Adapter],
        tls: Tls,
        *,
        settings: Settings | None = None,
    ) -> None:
        """*settings*: other rules than the node's, for a port that is not open to the world."""
        settings = settings or node.settings
        self._node = node
        self._settings = settings
        self._tls = tls
        self._proxies = networks(settings.trusted_proxies)
        self._adapters = adapters
        self._admission = Admission(
            node.clock,
            node.rng,
            at_once=settings.handshakes_at_once,
            within_s=settings.handshake_wait.total_seconds(),
        )
        node.background.heed(lambda: self._admission.has_queue)
        self._noted_s = -NOTED_EVERY_S
        self._limit = LoginLimit(
            node.clock,
            per_identity=settings.login_failures_per_identity,
            per_address=settings.login_failures_per_address,
        )
        self._connections = ConnectionLimit(node.clock, settings.connections_per_address)

    async def answer(self, socket: Socket, request: Request) -> Response | None:
        """Return why the handshake fails, or ``None`` to go on with the upgrade."""
        path = urlsplit(request.path).path
        if path == "/healthz":
            return socket.respond(HTTPStatus.OK, "ok\n")
        name = path.removeprefix(PREFIX).removesuffix("/")
        if not path.startswith(PREFIX) or not name or "/" in name:
            await self._misplaced(socket, request, path)
            return socket.respond(HTTPStatus.NOT_FOUND, f"Connect to {PREFIX}IDENTITY.\n")
        identity = tolerance.identity_of(name)[0]
        try:
            async with self._admission.turn():
                return await self._admit(socket, request, identity, name)
        except DatabaseUnavailable:
            log.warning("handshake_postponed", identity=identity)
            return _later(socket, retry_after_s=DATABASE_AWAY_S)
        except Crowded as exc:
            metrics.HANDSHAKES_REFUSED.labels("crowded").inc()
            if self._is_noted():
                log.warning("handshakes_crowded", identity=identity, retry_s=exc.retry_after_s)
            return _later(socket, retry_after_s=exc.retry_after_s)

    async def _misplaced(self, socket: Socket, request: Request, path: str) -> None:
        """Record a charger that knocks beside the door."""
        failpoints.enter("door", "login")
        last = path.rstrip("/").rpartition("/")[2]
        if last and "upgrade" in request.headers:
            address = self._caller(socket, request).address
            with contextlib.suppress(DatabaseUnavailable):
                await self._note(tolerance.identity_of(last)[0], address, RefusalReason.WRONG_PATH)

    async def _admit(
        self, socket: Socket, request: Request, identity: str, name: str
    ) -> Response | None:
        failpoints.enter("door", "login")
        caller = self._caller(socket, request)
        socket.address = address = caller.address
        if self._connections.is_over(address):
            await self._note(identity, address, RefusalReason.TOO_MANY_CONNECTIONS)
            response = socket.respond(HTTPStatus.TOO_MANY_REQUESTS, "Too many connections.\n")
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
            return response
        if self._limit.is_over(identity, address):
            await self._note(identity, address, RefusalReason.TOO_MANY_FAILURES)
            return _unauthorized(socket, retry_after_s=RETRY_AFTER_S)
        password = password_of(request.headers.get_all("Authorization"), identity, name=name)

        async def work(tx: Tx) -> login.Login:
            await self._node.book.refresh(tx)
            return await self._log_in(tx, socket, caller, identity, password)

        found = await self._node.joint.run(identity, work)
        if isinstance(found, Refused):
            self._limit.failed(identity, address)
            self._log_refusal(identity, address, found.reason)
            return _unauthorized(socket)
        rules = self._node.book.rules_for(found)
        adapter = self._adapter(request, rules)
        if adapter is None:
            return await self._refuse_subprotocol(socket, identity, address)
        if await self._is_taken(found):
            await self._note(identity, address, RefusalReason.SOCKET_IN_USE)
            return socket.respond(HTTPStatus.CONFLICT, "This charger is connected already.\n")
        socket.charger, socket.adapter = found, adapter
        self._apply(socket, request, rules, password=password, name=name)
        return None

    def _caller(self, socket: Socket, request: Request) -> Caller:
        peer = str(socket.remote_address[0])
        ssl_object = socket.transport.get_extra_info("ssl_object")
        return caller_of(peer, ssl_object, request.headers, self._proxies)

    async def _log_in(
        self, tx: Tx, socket: Socket, caller: Caller, identity: str, password: bytes | None
    ) -> login.Login:
        judge = None
        settings, files = self._settings, self._tls.files
        if caller.has_certificate:
            judge = await client.judge(tx, settings, files, caller.shown)
        found = await login.login(
            tx,
            self._node.vault,
            settings,
            identity=identity,
            password=password,
            address=caller.address,
            encrypted=caller.encrypted,
            judge=judge,
        )
        is_in = isinstance(found, Charger) and found.security_profile == login.CERTIFICATE_PROFILE
        if isinstance(found, Charger) and is_in and caller.shown is not None:
            chain = [caller.shown.certificate, *caller.shown.others]
            await holdings.used(tx, found.id, chain)
            socket.serials = await client.serials(tx, settings, files, caller.shown)
        return found

    def _apply(
        self,
        socket: Socket,
        request: Request,
        rules: Rules,
        *,
        password: bytes | None,
        name: str,
    ) -> None:
        """Treat the socket by its charger's *rules*, and note what the handshake deviates in."""
        if rules.max_frame_bytes is not None:
            socket.protocol.max_message_size = rules.max_frame_bytes
        if not _offered(request).strip():
            socket.protocol.available_subprotocols = None  # the door has chosen without it
        socket.tolerated = tolerance.handshake_codes(
            name=name,
            registered=socket.charger.identity if socket.charger is not None else name,
            user=user_of(request.headers.get_all("Authorization")),
            password=password,
            offered=_offered(request),
        )

    def _adapter(self, request: Request, rules: Rules) -> Adapter | None:
        offered = _offered(request)
        names = {name.strip() for name in offered.split(",")}
        if (silent := tolerance.subprotocol_of(rules, offered)) is not None:
            return self._adapters[silent]
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

    async def _note(
        self,
        identity: str,
        address: str,
        reason: RefusalReason = RefusalReason.TOO_MANY_FAILURES,
    ) -> None:
        """Record a refusal that may come in a flood, but not once for each of it."""
        metrics.HANDSHAKES_REFUSED.labels(reason).inc()
        if not self._is_noted():
            return
        log.warning("handshake_refused", identity=identity, address=address, reason=reason)
        async with self._node.db.transaction() as tx:
            await login.refuse(tx, identity=identity, address=address, reason=reason)

    def _is_noted(self) -> bool:
        """Tell whether something that may come in a flood is written down now."""
        now_s = self._node.clock.monotonic()
        if now_s - self._noted_s < NOTED_EVERY_S:
            return False
        self._noted_s = now_s
        return True

    def _log_refusal(self, identity: str, address: str, reason: str) -> None:
        metrics.HANDSHAKES_REFUSED.labels(reason).inc()
        log.warning("handshake_refused", identity=identity, address=address, reason=reason)


def _offered(request: Request) -> str:
    return ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))


def user_of(headers: list[str]) -> str | None:
    """Return the user name of a Basic authentication header; ``None`` without one."""
    found = _basic(headers)
    return None if found is None else found[0]


def password_of(headers: list[str], identity: str, *, name: str | None = None) -> bytes | None:
    """Return the password of a Basic authentication header, as it came; ``None`` without one.

    The user name has to be the identity (OCPP-J 1.6 security whitepaper A00.FR.204); with
    another one the password is wrong, whatever it is. *name* is the identity as the URL has it.
    """
    found = _basic(headers)
    if found is None:
        return None
    user, password = found
    return password if same_user(user, identity=identity, name=name or identity)[0] else b""


def _basic(headers: list[str]) -> tuple[str, bytes] | None:
    """Return (user name, password) of a Basic authentication header."""
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
    return user.decode("utf-8", errors="replace"), password


def _later(socket: Socket, *, retry_after_s: int) -> Response:
    response = socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Try again later.\n")
    response.headers["Retry-After"] = str(retry_after_s)
    return response


def _unauthorized(socket: Socket, *, retry_after_s: int | None = None) -> Response:
    """Return the one answer for an unknown identity, no password, or a wrong one."""
    response: Any = socket.respond(HTTPStatus.UNAUTHORIZED, "Identity or password is wrong.\n")
    response.headers["WWW-Authenticate"] = f'Basic realm="{REALM}", charset="UTF-8"'
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response  # type: ignore[no-any-return]
