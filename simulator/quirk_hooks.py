"""Where a simulated charger may deviate from the protocol: hooks in its one outgoing path.

A quirk overrides what it deviates in; everything else stays as the specification says. Frames are
checked against the schemas before quirks see them, so that a quirk can break what the rest of the
simulator cannot. A quirk with state of its own is made per charger: ``bind`` is called once.
"""

import importlib
import importlib.util
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.station import Station

Outgoing = list[Any] | str | bytes
"""A frame as OCPP-J array, or as the very text or octets that go onto the wire."""


@dataclass(kw_only=True)
class Dial:
    """How the next connection is opened; a quirk may change any of it."""

    url: str
    subprotocols: list[str]
    headers: dict[str, str]
    user_agent: str | None = "voltgate-sim"
    compression: str | None = None
    ping_interval_s: float | None = 20.0
    """Real seconds between WebSocket pings; ``None``: the charger never pings."""
    tls: ssl.SSLContext | None = None


class Quirk:
    """A named deviation; as it stands it changes nothing."""

    name: str = ""
    summary: str = ""

    def bind(self, station: "Station") -> "Quirk":
        """Return the quirk of this one charger; called once, before it connects."""
        return self

    def handshake(self, options: Dial) -> Dial:
        """Return how to connect."""
        return options

    async def connected(self, station: "Station") -> None:
        """Do something on a new connection, before BootNotification."""

    def outgoing(self, frame: list[Any]) -> Outgoing | None:
        """Return what goes out instead of *frame* (CALL or answer); ``None``: nothing."""
        return frame

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        """Return frames that follow *frame* at once."""
        return ()

    def incoming(self, raw: str | bytes) -> str | bytes | None:
        """Return the frame the charger believes to have received; ``None``: it lost it."""
        return raw

    def ended(self, station: "Station", number: int) -> None:
        """Do something after the transaction at a connector has ended and is reported."""


@dataclass
class Registry:
    """Quirks by name, for scenario files and the command line."""

    makers: dict[str, Callable[[], Quirk]] = field(default_factory=dict)

    def add(self, maker: type[Quirk]) -> type[Quirk]:
        """Register a quirk class under its ``name``; usable as a decorator."""
        self.makers[maker.name] = maker
        return maker


QUIRKS = Registry()


def known_quirks() -> dict[str, Callable[[], Quirk]]:
    """Return every registered quirk; those of ``simulator.quirks`` are loaded first."""
    if importlib.util.find_spec("simulator.quirks") is not None:
        importlib.import_module("simulator.quirks")
    return dict(QUIRKS.makers)


def shaken(quirks: Iterable[Quirk], options: Dial) -> Dial:
    """Return the options after every quirk has had its way."""
    for quirk in quirks:
        options = quirk.handshake(options)
    return options


def twisted(quirks: Iterable[Quirk], frame: list[Any]) -> list[Outgoing]:
    """Return everything that goes onto the wire where *frame* should: none, one or more."""
    out: list[Outgoing] = []
    shaped: Outgoing | None = frame
    extra: list[Outgoing] = []
    for quirk in quirks:
        extra.extend(quirk.afterwards(frame))
        if isinstance(shaped, list):
            shaped = quirk.outgoing(shaped)
    if shaped is not None:
        out.append(shaped)
    return out + extra


def heard(quirks: Iterable[Quirk], raw: str | bytes) -> str | bytes | None:
    """Return a received frame as the quirks let the charger hear it."""
    for quirk in quirks:
        changed = quirk.incoming(raw)
        if changed is None:
            return None
        raw = changed
    return raw
