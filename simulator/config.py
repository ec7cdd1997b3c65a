"""What a simulated charger is: identity, version, hardware, behaviour."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from simulator.behaviours import Behaviour, Timing
from simulator.quirk_hooks import Quirk
from simulator.switches import Switches

Version = Literal["1.6", "2.0.1"]
TlsVersion = Literal["1.0", "1.1", "1.2", "1.3"]


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """A car: battery and how it takes power."""

    capacity_wh: int = 60_000
    soc_percent: float = 30.0
    max_power_w: int = 11_000
    taper_from_percent: float = 80.0
    """Above this state of charge the power falls linearly to a twentieth."""


@dataclass(frozen=True, kw_only=True)
class ChargerConfig:
    """Everything that makes one simulated charger; times are simulated seconds unless said."""

    identity: str
    version: Version = "1.6"
    url: str = "ws://127.0.0.1:9000/ocpp"
    """The charger connects to ``{url}/{identity}``."""
    password: str | None = field(default=None, repr=False)
    connectors: int = 1
    behaviour: Behaviour = Behaviour.OK
    timing: Timing = field(default_factory=Timing)
    vehicle: Vehicle = field(default_factory=Vehicle)
    auto_plug: bool = True
    """A driver plugs in after a remote start and leaves after the end."""
    start_at_plug: bool = False
    """2.0.1 only: the transaction starts with the cable (TxStartPoint EVConnected)."""
    session_s: float | None = None
    """A driver ends each transaction after this time; ``None``: somebody else must."""
    seed: int | None = None
    speed: float = 1.0
    heartbeat_s: float | None = None
    """``None``: the interval the central system names at boot."""
    meter_interval_s: float = 60.0
    connection_timeout_s: float = 60.0
    max_power_w: int = 22_000
    voltage_v: int = 230
    phases: int = 3
    meter_wh: int | None = None
    """First value of the registers; ``None``: a plausible one from the seed."""
    fault_code: str = "GroundFailure"
    vendor: str = "Voltgate"
    model: str = "Simulator"
    firmware: str = "1.0.0"
    boot_on_reconnect: bool = False
    resend_same_id: bool = False
    """A message whose answer was lost is repeated with its old message id."""
    offline_token_allowed: bool = True
    validate: bool = True
    """Check frames against the official schemas; off for large fleets."""
    response_timeout_s: float = 30.0
    """Real seconds."""
    reconnect_min_s: float = 0.5
    """Real seconds; doubles with every failure up to ``reconnect_max_s``."""
    reconnect_max_s: float = 30.0

    quirks: tuple[Quirk, ...] = ()
    """Deviations from the protocol, applied in this order."""
    switches: Switches = field(default_factory=Switches)
    connector_type: str = "cType2"
    """2.0.1 ConnectorEnumType of every connector, for reservations by type."""
    security_profile: int = 1
    """What the charger says of itself; 3 presents the client certificate."""
    organization: str = "Voltgate"
    """O of the certificates it asks for (CpoName, OrganizationName)."""
    ca_file: Path | None = None
    """CAs the charger trusts the central system by (``wss://``); ``None``: those of the system."""
    client_certificate: Path | None = None
    """PEM chain the charger presents; signed anew, the new one is used."""
    client_key: Path | None = field(default=None, repr=False)
    tls_min: TlsVersion = "1.2"
    tls_max: TlsVersion = "1.3"

    @property
    def endpoint(self) -> str:
        """Return the address to connect to, identity percent-encoded (OCPP-J 1.6 3.1.1)."""
        return self.at(self.url)

    def at(self, url: str) -> str:
        """Return the address to connect to at another central system."""
        return f"{url.rstrip('/')}/{quote(self.identity, safe='')}"
