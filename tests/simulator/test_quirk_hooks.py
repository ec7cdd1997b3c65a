"""Where quirks take hold."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from simulator import SimulatedCharger
from simulator.loading import quirks
from simulator.quirk_hooks import QUIRKS, Dial, Outgoing, Quirk
from simulator.station import Station
from tests.simulator.asking import ends
from tests.simulator.central import Central
from tests.simulator.making import MakeCharger


@dataclass
class Shouter(Quirk):
    """Does everything a hook allows."""

    name = "shouter"
    summary = "shouts its vendor, beats twice, is deaf to ClearCache"
    ended_at: list[int] = field(default_factory=list)
    connections: int = 0

    def handshake(self, options: Dial) -> Dial:
        options.headers["X-Quirk"] = "yes"
        options.user_agent = None
        return options

    async def connected(self, station: Station) -> None:
        self.connections += 1

    def outgoing(self, frame: list[Any]) -> Outgoing | None:
        if frame[0] == 2 and frame[2] == "BootNotification":
            return json.dumps(frame).replace("Voltgate", "VOLTGATE")
        return frame

    def afterwards(self, frame: list[Any]) -> Iterable[Outgoing]:
        if frame[0] == 2 and frame[2] == "BootNotification":
            return [[2, "extra", "Heartbeat", {}]]
        return []

    def incoming(self, raw: str | bytes) -> str | bytes | None:
        return None if "ClearCache" in str(raw) else raw

    def ended(self, station: Station, number: int) -> None:
        self.ended_at.append(number)


async def _deaf(central: Central, charger: SimulatedCharger) -> None:
    await central.sockets["CP-1"].send('[2,"1","ClearCache",{}]')
    answer = await central.ask("CP-1", "DataTransfer", {"vendorId": "x"})
    assert answer == {"status": "UnknownVendorId"}
    assert charger.ledger.calls_received("ClearCache") == []


async def test_quirk_changes_handshake_and_frames(central: Central, make: MakeCharger) -> None:
    quirk = Shouter()
    async with make(quirks=(quirk,)) as charger:
        request = central.sockets["CP-1"].request
        assert request is not None
        assert request.headers["X-Quirk"] == "yes"
        assert "User-Agent" not in request.headers
        await _deaf(central, charger)
        transaction = await charger.start_local(1, "LOCAL")
        charger.stop_local(1)
        await charger.wait_ended(transaction)
    assert "VOLTGATE" in str(central.of("BootNotification")[0].payload)
    assert [call.message_id for call in central.of("Heartbeat")] == ["extra"]
    assert (quirk.connections, quirk.ended_at) == (1, [1])
    assert len(ends(central)) == 1


def test_registered_quirk_has_a_name() -> None:
    QUIRKS.add(Shouter)
    try:
        (found,) = quirks(["shouter"])
        assert isinstance(found, Shouter)
    finally:
        del QUIRKS.makers["shouter"]
