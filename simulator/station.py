"""State of one simulated charger."""

import asyncio
import random
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulator.behaviours import PLANS, Plan
from simulator.certificates import Certificates
from simulator.clock import Clock
from simulator.config import ChargerConfig
from simulator.dialect import Charging, Dialect
from simulator.ev import Car
from simulator.ledger import Ledger, Payload, Transaction
from simulator.profiles import Profiles
from simulator.quirk_hooks import Quirk
from simulator.settings import Settings
from simulator.tasks import Tasks

if TYPE_CHECKING:
    from simulator.local_auth import LocalAuthorization
    from simulator.outbox import Outbox
    from simulator.v201.monitors import Monitors
    from simulator.wire import Wire


ROUNDING_WH = 1e-6
"""Sums of many small steps end just below the whole number they mean."""


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """A token that may start a transaction as soon as a car is there."""

    token: str
    remote: bool
    remote_start_id: int | None = None
    token_type: str | None = None
    """2.0.1 IdTokenEnumType; ``None``: Central if remote, else ISO14443."""
    profile: Payload | None = None
    """Charging profile that came with the remote start, for its transaction."""


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A connector held for one token."""

    id: int
    token: str
    group: str | None
    expires_at: datetime


@dataclass(kw_only=True)
class Connector:
    """One socket or cable (2.0.1: an EVSE with a single connector)."""

    id: int
    register_wh: float
    settled_at: datetime
    car: Car | None = None
    authorization: Authorization | None = None
    transaction: Transaction | None = None
    state: Charging = Charging.IDLE
    samples: int = 0
    finishing: bool = False
    reservation: Reservation | None = None
    operative: bool = True
    wanted_operative: bool | None = None
    """Availability that takes effect when the transaction is over."""
    fault: str | None = None
    reported: str | None = None
    offered_w: float | None = None
    """Limit last obeyed in the running transaction."""
    planned_at: datetime | None = None
    """When the limit is looked at again."""

    @property
    def meter_wh(self) -> int:
        """Return the register as the meter shows it."""
        return int(self.register_wh + ROUNDING_WH)

    @property
    def plugged(self) -> bool:
        """Tell whether a car is connected."""
        return self.car is not None

    @property
    def free(self) -> bool:
        """Tell whether a new driver could use it, reservations aside."""
        idle = self.transaction is None and self.authorization is None and not self.finishing
        return idle and self.operative and self.fault is None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame seen on the wire; *sent* tells the direction."""

    at: datetime
    identity: str
    sent: bool
    type: str
    """``CALL``, ``CALLRESULT`` or ``CALLERROR``."""
    message_id: str
    action: str
    payload: Payload


@dataclass(kw_only=True)
class Station:
    """The charger: state that the engine, the handlers and the link share."""

    config: ChargerConfig
    clock: Clock
    network: Clock
    """Real time, for waits that concern the network."""
    dialect: Dialect
    ledger: Ledger
    settings: Settings
    connectors: dict[int, Connector]
    outbox: "Outbox"
    rng: random.Random
    local: "LocalAuthorization"
    monitors: "Monitors"
    firmware: str
    """Version that runs now."""
    password: str | None = field(repr=False)
    certificates: Certificates = field(default_factory=Certificates)
    profiles: Profiles = field(default_factory=Profiles)
    quirks: tuple[Quirk, ...] = ()
    display: dict[int, Payload] = field(default_factory=dict)
    """2.0.1: installed display messages by id, as they were received."""
    costs: dict[str, float] = field(default_factory=dict)
    """2.0.1: cost last shown, by transaction id."""
    network_profiles: dict[int, Payload] = field(default_factory=dict)
    """2.0.1: connection data by configuration slot."""
    published: dict[str, str] = field(default_factory=dict)
    """2.0.1: locations of published firmware by checksum."""
    security_log: list[Payload] = field(default_factory=list)
    jobs: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Firmware updates and uploads that run; one of each kind."""
    job_status: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    """Last status and request id a job of each kind told, for triggers."""
    tasks: Tasks = field(default_factory=Tasks)
    wire: "Wire | None" = None
    closing: bool = False
    online: bool = False
    """Connected, booted, and statuses reported."""
    accepted: bool = False
    """The central system accepted this boot."""
    registration: str = ""
    """Answer to the last BootNotification; empty while there is none."""
    boot_reason: str = "PowerUp"
    heartbeat_s: float = 300.0
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while the charger should be connected."""
    boot_now: asyncio.Event = field(default_factory=asyncio.Event)
    away_s: float = 0.0
    """Simulated time to stay away before the next connection."""
    resetting: bool = False
    listeners: list[Callable[[Frame], None]] = field(default_factory=list)
    watchers: list[Callable[[], None]] = field(default_factory=list)
    follow_ups: list[Callable[[], object]] = field(default_factory=list)
    on_start: list[Callable[[Connector, Transaction, Authorization], None]] = field(
        default_factory=list
    )
    """Called when energy begins to flow."""
    on_end: list[Callable[[Connector, Transaction], None]] = field(default_factory=list)
    """Called after the end of a transaction is reported."""
    on_reboot: list[Callable[[], None]] = field(default_factory=list)
    base_url: str | None = None
    """Address of the central system, if it is no longer the one of the configuration."""

    @property
    def plan(self) -> Plan:
        """Return what this charger's behaviour makes different."""
        return PLANS[self.config.behaviour]

    def number(self, name: str) -> int:
        """Return a setting by its neutral name."""
        return self.settings.number(self.dialect.names[name])

    def flag(self, name: str) -> bool:
        """Return a boolean setting by its neutral name."""
        return self.settings.flag(self.dialect.names[name])

    def new_message_id(self) -> str:
        """Return an id no other message of this charger has."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run *work* as long as the charger lives."""
        return self.tasks.spawn(work)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Call *act* when *seconds* of simulated time have passed."""
        self.spawn(self._later(seconds, act))

    async def _later(self, seconds: float, act: Callable[[], None]) -> None:
        await self.clock.sleep(seconds)
        act()
        self.touch()

    def then(self, act: Callable[[], object]) -> None:
        """Call *act* once the answer to the call being handled is on the wire."""
        self.follow_ups.append(act)

    def touch(self) -> None:
        """Let those who wait for a condition look again."""
        for look in list(self.watchers):
            look()
