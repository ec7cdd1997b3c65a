"""One simulated charger, whatever its version."""

import contextlib
import random
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Self

from simulator import engine, local_auth, security, smart, waiting
from simulator.certificates import STATION_CERTIFICATE, stocked
from simulator.clock import Clock, ScaledClock
from simulator.config import ChargerConfig, Version
from simulator.dialect import Cause, Dialect
from simulator.ledger import Ledger, Payload, SentMessage, Transaction
from simulator.link import stay_connected
from simulator.local_auth import LocalAuthorization
from simulator.outbox import Outbox, ask
from simulator.power import cut, restart
from simulator.quirk_hooks import Quirk
from simulator.settings import Settings
from simulator.station import Authorization, Connector, Frame, Station
from simulator.v201.monitors import Monitors

_DIALECTS: dict[Version, str] = {"1.6": "simulator.v16.dialect", "2.0.1": "simulator.v201.dialect"}
METER_RANGE_WH = (10_000, 5_000_000)
READY_TIMEOUT_S = 30.0


def dialect_of(version: Version) -> Dialect:
    """Return how a version is spoken; the messages of one take a while to import."""
    found: Dialect = import_module(_DIALECTS[version]).DIALECT
    return found


class NotAuthorized(Exception):
    """The central system does not accept the token; the status is the message."""


class SimulatedCharger:
    """A charger to plug cars into.

    ``async with SimulatedCharger(config) as charger`` connects, boots and reports all statuses
    before the block begins, and leaves nothing behind after it. Things that happen at the charger
    (``plug``, ``fault``, ...) take effect at once; their messages follow on their own, in order.
    Waits named ``timeout_s`` are real seconds, everything else is the charger's clock.
    """

    def __init__(
        self,
        config: ChargerConfig,
        *,
        clock: Clock | None = None,
        network: Clock | None = None,
        ready: bool = True,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        """*ready* false: the block begins at once, connected or not."""
        dialect = dialect_of(config.version)
        clock = clock or ScaledClock(config.speed)
        rng = random.Random(f"{config.seed}/{config.identity}" if config.seed is not None else None)  # noqa: S311
        self._ready = ready
        self.ledger = Ledger(identity=config.identity, version=config.version)
        self.station = Station(
            config=config,
            clock=clock,
            network=network or ScaledClock(),
            dialect=dialect,
            ledger=self.ledger,
            settings=Settings(dialect.settings(config)),
            connectors={
                number: _connector(config, number, rng, clock.now())
                for number in range(1, config.connectors + 1)
            },
            outbox=Outbox(),
            rng=rng,
            local=LocalAuthorization(),
            monitors=Monitors(),
            firmware=config.firmware,
            password=config.password,
            certificates=stocked(config),
        )
        _furnish(self.station)
        if on_frame is not None:
            self.station.listeners.append(on_frame)

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Start to connect; unless told otherwise, wait until the charger is online."""
        self.station.spawn(stay_connected(self.station))
        if self.station.plan.connects:
            self.station.wanted.set()
            if self._ready:
                await self.wait_online()

    async def close(self) -> None:
        """Disconnect and end everything; raise what failed in the background."""
        self.station.closing = True
        self.station.wanted.clear()
        await self.station.tasks.close()

    async def wind_down(self, *, timeout_s: float = 5.0) -> None:
        """End running transactions and wait a while until the central system knows."""
        for number in self.station.connectors:
            self.stop_local(number)
        if self.online:
            with contextlib.suppress(TimeoutError):
                await self.wait_settled(timeout_s=timeout_s)

    @property
    def identity(self) -> str:
        """Return the identity the charger connects with."""
        return self.station.config.identity

    @property
    def online(self) -> bool:
        """Tell whether the charger is connected and its boot accepted."""
        return self.station.online

    @property
    def queued(self) -> int:
        """Return how many messages wait to be sent or answered."""
        return len(self.station.outbox)

    def connector(self, number: int = 1) -> Connector:
        """Return the state of a connector."""
        return self.station.connectors[number]

    def status(self, number: int = 1) -> str:
        """Return the connector's status in the words of the version."""
        return self.station.dialect.status(self.station, self.connector(number))

    def plug(self, number: int = 1) -> None:
        """Plug a car in; a token that waits for it starts the transaction."""
        engine.plug(self.station, self.connector(number))

    def expire_reservation(self, number: int = 1) -> None:
        """Let the time of a connector's reservation be over, if it has one."""
        engine.release(self.station, self.connector(number), expired=True)

    def unplug(self, number: int = 1) -> None:
        """Take the car away; a running transaction ends with it."""
        engine.unplug(self.station, self.connector(number))

    async def start_local(self, number: int, token: str) -> Transaction:
        """Present a token at a connector, plug in if needed; return the running transaction.

        Online the token is authorized first (:class:`NotAuthorized` if refused), unless settings
        and local list let the charger decide; offline it always does. The start may still be on
        its way when this returns.
        """
        connector = self.connector(number)
        if connector.transaction is not None and connector.transaction.token:
            raise NotAuthorized("connector busy")
        status = await local_auth.decide(self.station, token)
        if status != "Accepted":
            raise NotAuthorized(status)
        authorization = Authorization(token=token, remote=False)
        connector.authorization = authorization
        engine.plug(self.station, connector)
        engine.start(self.station, connector, authorization)
        if connector.transaction is None:
            connector.authorization = None
            raise NotAuthorized("connector not operative")
        return connector.transaction

    def stop_local(self, number: int = 1) -> None:
        """End the running transaction at the charger, by its own token."""
        engine.end(self.station, self.connector(number), Cause.LOCAL)

    def stop(self, number: int, cause: Cause) -> None:
        """End the running transaction for another reason."""
        engine.end(self.station, self.connector(number), cause)

    def fault(self, number: int = 1, code: str = "GroundFailure") -> None:
        """Let a connector fail; *code* is a 1.6 ChargePointErrorCode or ``EmergencyStop``."""
        engine.fault(self.station, self.connector(number), code)

    def clear_fault(self, number: int = 1) -> None:
        """Repair a connector."""
        engine.clear_fault(self.station, self.connector(number))

    async def go_offline(self, *, abort: bool = False) -> None:
        """Disconnect and stay away; what happens meanwhile is queued. *abort*: without a close."""
        self.station.wanted.clear()
        wire = self.station.wire
        self.station.online = False
        if wire is not None:
            await wire.hang_up(abort=abort)
        await self.wait_until(lambda: self.station.wire is None)

    async def go_online(self, *, shuffle: bool = False, wait: bool = True) -> None:
        """Come back; queued transaction messages follow, out of order if *shuffle*."""
        if shuffle:
            start_first = self.station.config.version == "1.6"
            self.station.outbox.shuffle(self.station.rng, start_first=start_first)
        self.station.wanted.set()
        if wait:
            await self.wait_online()

    def drop(self, *, away_s: float = 0.0) -> None:
        """Cut the TCP connection without a close; the charger comes back by itself."""
        cut(self.station, away_s=away_s)

    async def reboot(
        self,
        *,
        hard: bool = False,
        cause: Cause | None = None,
        lose_transactions: bool = False,
        wait: bool = True,
    ) -> None:
        """Restart as if by a local reset; *hard* is a power cut.

        Transactions end with ``PowerLoss`` (hard), ``Reboot`` or *cause*; with
        *lose_transactions* the charger never reports their end.
        """
        cause = cause or (Cause.POWER_LOSS if hard else Cause.REBOOT)
        reason = "PowerUp" if hard else "LocalReset"
        station = self.station
        await restart(station, cause=cause, reason=reason, lose_transactions=lose_transactions)
        if wait:
            await self.wait_online()

    def record_offline_transaction(
        self,
        number: int,
        token: str,
        *,
        start_at: datetime,
        stop_at: datetime,
        energy_wh: int,
        samples: int = 3,
    ) -> Transaction:
        """Let a whole transaction have happened between two past instants; queue its messages."""
        return engine.record(
            self.station,
            self.connector(number),
            token=token,
            start_at=start_at,
            stop_at=stop_at,
            energy_wh=energy_wh,
            samples=samples,
        )

    async def replay(self, *, times: int = 1, shuffle: bool = False) -> int:
        """Send every transaction message of the ledger again, with new ids; return how many."""
        return await waiting.replay(self.station, times=times, shuffle=shuffle)

    def set_value(self, name: str, value: str) -> None:
        """Let a setting or measured variable have a value, as the hardware would; no questions.

        Raises ``LookupError`` for a name the charger does not know.
        """
        setting = self.station.settings.find(name)
        if setting is None:
            raise LookupError(f"no setting {name}")
        setting.value, setting.live = value, None
        self.station.touch()

    def limit(self, limit_w: float | None, *, number: int = 0) -> None:
        """Let something outside OCPP limit a connector (0: all together); ``None`` lifts it."""
        smart.limit_outside(self.station, number, limit_w)

    def security_event(self, type_: str, info: str | None = None) -> None:
        """Write a security event and report it."""
        security.security_event(self.station, type_, info)

    def request_certificate(self, use: str = STATION_CERTIFICATE) -> None:
        """Make a new key and have it signed by the central system."""
        security.request_certificate(self.station, use)

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send any call at once and return the answer; it is checked only against its schema.

        Raises ``Disconnected``, ``NoAnswer`` or ``Refused``.
        """
        return await ask(self.station, action, payload)

    async def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        timeout_s: float | None = 10.0,
        what: str = "condition",
    ) -> None:
        """Return when *condition* holds; ``TimeoutError`` after *timeout_s* real seconds."""
        await waiting.until(self.station, condition, timeout_s=timeout_s, what=what)

    async def wait_online(self, *, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return when the charger is online."""
        await self.wait_until(lambda: self.online, timeout_s=timeout_s, what="online")

    async def wait_status(self, number: int, status: str, *, timeout_s: float = 10.0) -> None:
        """Return when a connector has this status."""
        what = f"status {status} of connector {number}"
        await self.wait_until(lambda: self.status(number) == status, timeout_s=timeout_s, what=what)

    async def wait_transaction(self, number: int = 1, *, timeout_s: float = 10.0) -> Transaction:
        """Return the connector's running transaction once its start is acknowledged."""
        return await waiting.transaction(self.station, number, timeout_s=timeout_s)

    async def wait_ended(self, transaction: Transaction, *, timeout_s: float = 10.0) -> Transaction:
        """Return the transaction when it is over and every message of it is acknowledged."""
        await self.wait_until(
            lambda: transaction.ended_at is not None and transaction.acknowledged,
            timeout_s=timeout_s,
            what=f"end of transaction {transaction.ref}",
        )
        return transaction

    async def wait_call(self, action: str, *, count: int = 1, timeout_s: float = 10.0) -> Payload:
        """Return the payload of the *count*-th call of *action* the central system sent."""
        await self.wait_until(
            lambda: len(self.ledger.calls_received(action)) >= count,
            timeout_s=timeout_s,
            what=action,
        )
        return self.ledger.calls_received(action)[count - 1].payload

    async def wait_settled(self, *, timeout_s: float = 10.0) -> list[SentMessage]:
        """Return when the queue is empty; what nobody acknowledged is the result."""
        await self.wait_until(
            lambda: self.online and not self.queued, timeout_s=timeout_s, what="empty queue"
        )
        return self.ledger.unacknowledged()


def _furnish(station: Station) -> None:
    """Connect what follows the transactions, and the quirks."""
    smart.attach(station)
    station.dialect.furnish(station)
    station.quirks = tuple(quirk.bind(station) for quirk in station.config.quirks)
    for quirk in station.quirks:
        station.on_end.append(partial(_tell_quirk, station, quirk))


def _tell_quirk(
    station: Station, quirk: Quirk, connector: Connector, transaction: Transaction
) -> None:
    quirk.ended(station, connector.id)


def _connector(config: ChargerConfig, number: int, rng: random.Random, now: datetime) -> Connector:
    first_wh = rng.randrange(*METER_RANGE_WH) if config.meter_wh is None else config.meter_wh
    return Connector(id=number, register_wh=first_wh, settled_at=now)
