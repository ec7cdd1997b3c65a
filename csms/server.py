"""The WebSocket server for chargers: from the handshake to the end of the socket."""

import asyncio
import ipaddress
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Sized
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from core.alerts.kinds import AlertKind
from core.alerts.service import raise_alert
from core.chargers import presence, security_events
from core.chargers.frame_log import FrameLog
from core.chargers.models import Charger
from core.commands import service as commands
from core.kernel import failpoints, metrics
from core.kernel.clock import Clock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.kernel.settings import Settings
from core.kernel.tasks import kept_up
from csms import revoked, schemas
from csms.calls import SentCalls
from csms.connection import POLICY, TRY_LATER, Connection
from csms.dispatcher import beat, dispatch, give_turn, help_out
from csms.door import Door
from csms.flapping import WINDOW_S, Flapping
from csms.node import Node
from csms.ocpp16 import OCPP16
from csms.ocpp201 import OCPP201
from csms.pinging import ping
from csms.registering import register, unregister
from csms.socket import Socket
from csms.tls import Tls
from csms.watch import write_last

log = structlog.get_logger()

ADAPTERS: Final = {adapter.subprotocol: adapter for adapter in (OCPP201, OCPP16)}
"""By subprotocol; of what a charger offers the first here is chosen."""

HANDSHAKE_WITHIN_S: Final = 60.0
BACKLOG: Final = 4_096
"""Connections that the kernel keeps for us; one too many tries again only a second later."""
CLOSE_WITHIN_S: Final = 5.0
GOING_AWAY: Final = 1001
WAVE: Final = 200
_LOOPBACK: Final = "127.0.0.1"
WAVE_PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Csms:
    """The running server.

    Attributes:
        url: Where chargers connect, followed by ``/IDENTITY``; ``ws://`` where that is served.
        connections: The chargers held by this process, by id.
        unwritten: What was counted for compliance reports and is not in the database yet, once
            connections have handed it over: at their end at latest.
        tls_url: Where they connect over TLS, ``None`` without a certificate.
        tls: Its certificates and authorities.
        sandbox_url: Where the simulated chargers of test mode connect, on loopback; ``None``
            without test mode.
    """

    url: str
    port: int
    connections: Mapping[str, Connection]
    unwritten: Sized = ()
    tls_url: str | None = None
    tls: Tls | None = None
    sandbox_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Keeping:
    """What is kept of sockets that were replaced by newer ones of the same charger."""

    flapping: Flapping
    closing: set[asyncio.Task[None]] = field(default_factory=set)

    def close(self, old: Connection) -> None:
        task = asyncio.create_task(old.close(POLICY, "a newer connection took over"))
        self.closing.add(task)
        task.add_done_callback(self.closing.discard)


@asynccontextmanager
async def listen(
    db: Database,
    settings: Settings,
    vault: Vault,
    frame_log: FrameLog,
    clock: Clock,
    rng: random.Random,
) -> AsyncIterator[Csms]:
    """Accept chargers on ``ws://`` and ``wss://host:port/ocpp/IDENTITY`` until the block ends.

    ``wss://`` where there is a certificate; ``ws://`` on loopback, and beyond it where the
    settings allow it (S2). At the end no charger is accepted any more, the sockets are closed
    in waves and the chargers are released, so that another node may have them at once.

    Raises:
        ValueError: Neither may ``ws://`` be served nor can ``wss://``.
        TlsUnusable: The files of the settings make no TLS server.
    """
    is_plain = may_be_plain(settings)
    if not is_plain and settings.tls_certificate is None:
        raise ValueError(
            "chargers would speak plain ws:// over the network: set VOLTGATE_TLS_CERTIFICATE; or "
            "put TLS in front and set VOLTGATE_ALLOW_INSECURE_OCPP; or listen on 127.0.0.1"
        )
    schemas.compile_all()
    node = Node(
        db=db,
        settings=settings,
        vault=vault,
        frame_log=frame_log,
        clock=clock,
        rng=rng,
        calls=SentCalls(clock),
    )
    await _release(node)  # what a process of the same name left behind
    failpoints.enter("node", "alive")
    async with db.transaction() as tx:
        await presence.node_alive(tx, node.id)
    tls = Tls(db, settings, vault)
    await tls.start()
    door = Door(node, ADAPTERS, tls)
    keeping = _Keeping(Flapping(clock, limit=settings.flapping_replacements))
    servers: list[Server] = []
    urls: list[str] = []
    if is_plain:
        servers.append(await _serve(node, door, keeping, port=settings.ocpp_port, tls=None))
        urls.append(_url("ws", settings, servers[-1]))
    if tls.is_on:
        servers.append(
            await _serve(node, door, keeping, port=settings.ocpp_tls_port, tls=tls.context)
        )
        urls.append(_url("wss", settings, servers[-1]))
    sandbox_url = await _serve_sandbox(node, tls, keeping, servers, plain_url=urls[0])
    db.helpers[commands.topic(node.id)] = partial(help_out, node)
    db.helpers[commands.background_topic(node.id)] = partial(give_turn, node)
    beating = _keep_up("node sign of life", partial(beat, node), clock)
    dispatching = _keep_up("command dispatch", partial(dispatch, node), clock)
    watching = _keep_up("tls files", tls.watch, clock)
    pinging = _keep_up("pings", partial(ping, node), clock)
    hearing = _keep_up("revoked certificates", partial(revoked.hear, node), clock)
    log.info("csms_started", urls=urls)
    try:
        yield Csms(
            url=urls[0],
            port=_port(servers[0]),
            connections=node.connections,
            unwritten=node.tallies,
            tls_url=urls[-1] if tls.is_on else None,
            tls=tls,
            sandbox_url=sandbox_url,
        )
    finally:
        del db.helpers[commands.topic(node.id)], db.helpers[commands.background_topic(node.id)]
        watching.cancel()
        hearing.cancel()
        pinging.cancel()
        await _drain(node, servers)
        dispatching.cancel()
        beating.cancel()
        ending = (dispatching, beating, watching, hearing, pinging, *keeping.closing)
        await asyncio.gather(*ending, return_exceptions=True)
        await write_last(node)
        await _release(node)
        node.contracts.close()
        log.info("csms_stopped")


def _keep_up(name: str, work: Callable[[], Awaitable[None]], clock: Clock) -> "asyncio.Task[None]":
    return asyncio.create_task(kept_up(name, work, clock), name=name)


async def _serve(
    node: Node,
    door: Door,
    keeping: _Keeping,
    *,
    port: int,
    tls: ssl.SSLContext | None,
    host: str | None = None,
) -> Server:
    async def admit(socket: ServerConnection, request: Request) -> Response | None:
        return await door.answer(_known(socket), request)

    async def handle(socket: ServerConnection) -> None:
        await _hold(node, _known(socket), keeping)

    return await serve(
        handle,
        host or node.settings.host,
        port,
        ssl=tls,
        process_request=admit,
        create_connection=Socket,
        subprotocols=[Subprotocol(name) for name in ADAPTERS],
        compression=None,
        server_header=None,
        max_size=node.settings.frame_max_bytes,
        ping_interval=None,  # see csms/pinging.py
        open_timeout=HANDSHAKE_WITHIN_S,
        backlog=BACKLOG,
        close_timeout=CLOSE_WITHIN_S,
    )


async def _serve_sandbox(
    node: Node, tls: Tls, keeping: _Keeping, servers: list[Server], *, plain_url: str
) -> str | None:
    """Return where simulated chargers connect: the plain port of loopback, or one of their own.

    Theirs is on loopback, too, and asks for a password as every port does. Only the lowest
    security profile of the settings is not asked for there: nothing leaves this machine.
    """
    settings = node.settings
    if not settings.sandbox:
        return None
    if _is_loopback(settings.host) and settings.security_profile_min <= 1:
        return plain_url
    relaxed = settings.model_copy(update={"security_profile_min": 0})
    door = Door(node, ADAPTERS, tls, settings=relaxed)
    server = await _serve(node, door, keeping, port=0, tls=None, host=_LOOPBACK)
    servers.append(server)
    return f"ws://{_LOOPBACK}:{_port(server)}/ocpp"


def _known(socket: ServerConnection) -> Socket:
    if not isinstance(socket, Socket):
        raise TypeError("every connection of this server is made as a Socket")
    return socket


async def _hold(node: Node, socket: Socket, keeping: _Keeping) -> None:
    """Hold a charger's socket, from its registration as the newest to its end."""
    connection = await _entered(node, socket, keeping)
    if connection is None:
        return
    metrics.CHARGERS_CONNECTED.inc()
    metrics.CONNECTIONS.labels(connection.version).inc()
    log.info("charger_connected", version=connection.version, epoch=connection.epoch)
    connection.wake()
    try:
        if node.is_draining.is_set():  # it came while the others were being closed
            await connection.close(GOING_AWAY, "the node stops")
        await connection.run()
    finally:
        metrics.CHARGERS_CONNECTED.dec()
        metrics.CONNECTIONS_CLOSED.labels(metrics.close_code(socket.close_code)).inc()
        await unregister(node, connection)
        log.info("charger_disconnected", code=socket.close_code)


async def _entered(node: Node, socket: Socket, keeping: _Keeping) -> Connection | None:
    """Make a socket its charger's newest; ``None``: it was closed instead.

    All that the socket knew of the charger and the handshake is let go of.
    """
    charger, adapter = socket.charger, socket.adapter
    socket.forget_handshake()
    if charger is None or adapter is None:
        raise AssertionError("nobody gets past the door without them")
    structlog.contextvars.bind_contextvars(charger_id=charger.id, identity=charger.identity)
    try:
        registered = await register(node, socket, charger, adapter)
    except PlatformError as exc:  # the database is away, or the charger was just removed
        log.warning("socket_given_up", reason=exc.code)
        await socket.close(TRY_LATER, "try again later")
        return None
    if registered is None:
        await socket.close(POLICY, "connected elsewhere")
        return None
    connection, old = registered
    if old is not None:
        log.warning("socket_replaced", epoch=old.epoch)
        keeping.close(old)
    if (old is not None or charger.online) and keeping.flapping.replaced(charger.id):
        await _note_flapping(node, socket, charger)
    return connection


async def _note_flapping(node: Node, socket: Socket, charger: Charger) -> None:
    """Raise the alert on a charger whose sockets replace each other (S7)."""
    count = node.settings.flapping_replacements
    failpoints.enter("socket", "flapping")
    text = f"{count} sockets replaced within 10 minutes, the last from {socket.address}"
    try:
        async with node.db.transaction() as tx:
            await security_events.noticed(tx, charger.id, security_events.FLAPPING, text)
            raise_alert(
                tx,
                AlertKind.CHARGER_FLAPPING,
                key=charger.id,
                object_id=charger.id,
                title=f"Sockets of charger {charger.identity} replace each other",
                facts={"replaced": count, "within_s": int(WINDOW_S), "address": socket.address},
            )
    except DatabaseUnavailable:
        log.warning("flapping_not_recorded")


async def _drain(node: Node, servers: Sequence[Server]) -> None:
    """Stop accepting, then close the sockets in waves."""
    node.is_draining.set()
    for server in servers:
        server.close(close_connections=False)
    while node.connections:
        wave = list(islice(node.connections.values(), WAVE))
        await asyncio.gather(
            *(one.close(GOING_AWAY, "the node stops") for one in wave), return_exceptions=True
        )
        await node.clock.sleep(WAVE_PAUSE_S)
    for server in servers:
        await server.wait_closed()


async def _release(node: Node) -> None:
    failpoints.enter("node", "release")
    try:
        released = 1
        while released:
            async with node.db.transaction() as tx:
                released = await presence.release_node(tx, node.id)
    except DatabaseUnavailable:  # the other nodes will notice its silence
        log.warning("node_not_released")


def may_be_plain(settings: Settings) -> bool:
    """Tell whether chargers may speak plain ``ws://``: on loopback, or as the settings allow."""
    return settings.allow_insecure_ocpp or _is_loopback(settings.host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _url(scheme: str, settings: Settings, server: Server) -> str:
    return f"{scheme}://{_url_host(settings.host)}:{_port(server)}/ocpp"


def _port(server: Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


__all__: list[Any] = ["Csms", "listen", "may_be_plain"]
