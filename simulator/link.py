"""Staying connected: dial, boot, report, talk, redial."""

import asyncio
import logging
from base64 import b64encode
from collections.abc import Coroutine
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from simulator import engine, local_auth
from simulator.outbox import Entry, ask, send_one, wait_before_retry
from simulator.quirk_hooks import Dial, shaken
from simulator.station import Station
from simulator.tls import tls_context
from simulator.wire import Disconnected, NoAnswer, Refused, open_wire, payload_of

MAX_FRAME_BYTES = 1 << 20
GIVE_UP_ADDRESS_AFTER = 3
CLOSE_TIMEOUT_S = 2.0
DEFAULT_BOOT_RETRY_S = 30.0
MAX_BOOT_RETRY_S = 900.0

# At DEBUG the library logs the Authorization header.
_socket_log = logging.getLogger("simulator.websocket")
_socket_log.setLevel(logging.WARNING)


async def stay_connected(station: Station) -> None:
    """Connect whenever the charger wants to be connected; redial with growing, jittered pauses."""
    failures = 0
    while True:
        await station.wanted.wait()
        if station.away_s:
            pause_s, station.away_s = station.away_s, 0.0
            await station.clock.sleep(pause_s)
            continue
        try:
            socket = await dial(station)
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            station.ledger.refusals.append(_in_words(error))
            station.touch()
            failures += 1
            if failures >= GIVE_UP_ADDRESS_AFTER:
                station.base_url = None  # back to the one it came with (2.0.1 B10.FR.03)
            await station.network.sleep(_pause_s(station, failures))
            continue
        booted = await _converse(station, socket)
        if station.closing:  # before Python 3.13 a TaskGroup that fails loses a cancellation
            return
        failures = 0 if booted else failures + 1
        if station.wanted.is_set() and not station.away_s:
            await station.network.sleep(_pause_s(station, max(1, failures)))


def _pause_s(station: Station, failures: int) -> float:
    config = station.config
    growth = 2.0 ** min(failures - 1, 16)
    pause_s = min(config.reconnect_max_s, config.reconnect_min_s * growth)
    return pause_s * station.rng.uniform(0.5, 1.0)


async def dial(station: Station) -> ClientConnection:
    """Open the WebSocket with Basic credentials and the version's subprotocol.

    Raises ``OSError``, ``InvalidHandshake`` or ``TimeoutError``.
    """
    config = station.config
    headers = {}
    if station.password is not None and config.security_profile in {1, 2}:
        credentials = f"{config.identity}:{station.password}".encode()
        headers["Authorization"] = f"Basic {b64encode(credentials).decode()}"
    base_url = station.base_url or config.url
    secured = base_url.startswith("wss://")
    options = Dial(
        url=config.at(base_url),
        subprotocols=[station.dialect.subprotocol],
        headers=headers,
        tls=await asyncio.to_thread(tls_context, station) if secured else None,
    )
    options = shaken(station.quirks, options)
    return await connect(
        options.url,
        subprotocols=[Subprotocol(name) for name in options.subprotocols] or None,
        additional_headers=options.headers,
        compression=options.compression,
        proxy=None,
        max_size=MAX_FRAME_BYTES,
        ping_interval=options.ping_interval_s,
        close_timeout=CLOSE_TIMEOUT_S,
        user_agent_header=options.user_agent,
        ssl=options.tls,
        logger=_socket_log,
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    return f"{type(error).__name__}: {error}"


async def _converse(station: Station, socket: ClientConnection) -> bool:
    """Use one connection until it ends; tell whether the charger got as far as being online."""
    wire = open_wire(station, socket)
    station.wire = wire
    station.ledger.connections += 1
    was_online = False
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wire.listen())
            tasks.create_task(_talk(station))
    except* Disconnected:
        was_online = station.online
        if not station.closing:
            _be_uncancelled()
    finally:
        station.wire = None
        station.online = False
        station.touch()
        await wire.hang_up()
    return was_online


def _be_uncancelled() -> None:
    """Forget that a TaskGroup wanted this task cancelled; before Python 3.13 it may have left that.

    A timeout of Python 3.11.2 (Debian 12) would end the task then, instead of what took too long.
    """
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


async def _talk(station: Station) -> None:
    for quirk in station.quirks:
        await quirk.connected(station)
    if not station.accepted or station.config.boot_on_reconnect:
        await _boot(station)
    station.outbox.drop_volatile()
    await _report_everything(station)
    station.online = True
    station.touch()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_empty_outbox(station))
        tasks.create_task(_beat(station))
        tasks.create_task(_boot_again(station))


async def _boot(station: Station) -> None:
    """Repeat BootNotification until it is accepted (OCPP 1.6 4.2, OCPP 2.0.1 B01-B03).

    The interval of the answer is obeyed; refused without one, the charger comes ever more rarely.
    """
    retry_s = DEFAULT_BOOT_RETRY_S
    while True:
        station.registration = ""
        try:
            answer = await ask(
                station, *payload_of(station.dialect.boot(station, station.boot_reason))
            )
        except (NoAnswer, Refused):
            answer = {}
        interval_s = float(answer.get("interval") or 0)
        station.registration = str(answer.get("status") or "")
        if station.registration == "Accepted":
            station.accepted = True
            station.heartbeat_s = station.config.heartbeat_s or interval_s or station.heartbeat_s
            station.touch()
            return
        station.touch()
        station.boot_now.clear()
        await _first_of(
            station.clock.sleep(interval_s or retry_s),
            _heard(station.boot_now),
        )
        if station.registration == "Rejected":
            retry_s = min(MAX_BOOT_RETRY_S, retry_s * 2)


async def _heard(event: asyncio.Event) -> None:
    await event.wait()


async def _first_of(*waits: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _report_everything(station: Station) -> None:
    requests = station.dialect.report_station(station)
    for connector in station.connectors.values():
        connector.reported = station.dialect.status(station, connector)
        requests.append(station.dialect.report_status(station, connector))
    for request in requests:
        try:
            await ask(station, *payload_of(request))
        except (NoAnswer, Refused):
            continue
    for connector in station.connectors.values():
        engine.report_status(station, connector)


async def _beat(station: Station) -> None:
    while True:
        await station.clock.sleep(station.heartbeat_s)
        await _say(station, station.dialect.heartbeat())


async def _boot_again(station: Station) -> None:
    """Boot once more when the central system asks for it."""
    station.boot_now.clear()
    while True:
        await station.boot_now.wait()
        station.boot_now.clear()
        await _say(station, station.dialect.boot(station, "Triggered"))


async def _say(station: Station, request: Any) -> None:
    try:
        await ask(station, *payload_of(request))
    except (NoAnswer, Refused):
        return


async def _empty_outbox(station: Station) -> None:
    while True:
        entry = await station.outbox.head()
        try:
            status = await send_one(station, entry)
        except (NoAnswer, Refused):
            if entry.message is not None and await wait_before_retry(station, entry.message):
                continue
            status = None
        station.outbox.remove(entry)
        _take_verdict(station, entry, status)
        station.touch()


def _take_verdict(station: Station, entry: Entry, status: str | None) -> None:
    if status is not None and entry.transaction is not None:
        local_auth.remember(station, entry.transaction.token, status)
    if status is not None and status != "Accepted" and entry.transaction is not None:
        engine.deauthorized(station, entry.transaction)
