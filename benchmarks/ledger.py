"""What the server acknowledged, and whether its database has it: all of it, and once."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks import databases
from core.doctor import service as doctor
from core.kernel.clock import SystemClock
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell

SHOWN: Final = 20
_SESSIONS: Final = "SELECT number, reported_start_wh, reported_stop_wh FROM sessions"
_READINGS: Final = (
    "SELECT s.number, m.energy_wh FROM meter_values m JOIN sessions s ON s.id = m.session_id"
)
_ORDERS: Final = "SELECT s.number FROM orders o JOIN sessions s ON s.id = o.session_id"


@dataclass(slots=True)
class Ledger:
    """Answered starts and stops with their registers, and answered readings, by transaction."""

    starts: dict[int, int] = field(default_factory=dict)
    stops: dict[int, int] = field(default_factory=dict)
    readings: set[tuple[int, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def started(self, transaction: int, meter_wh: int) -> None:
        """Note an answered StartTransaction."""
        if transaction in self.starts:
            self.wrong.append(f"transaction {transaction}, given to two starts")
        self.starts[transaction] = meter_wh

    def stopped(self, transaction: int, meter_wh: int) -> None:
        """Note an answered StopTransaction."""
        self.stops[transaction] = meter_wh

    def metered(self, transaction: int, meter_wh: int) -> None:
        """Note an answered reading."""
        self.readings.add((transaction, meter_wh))

    async def compare(self, url: str) -> dict[str, Any]:
        """Return how much was acknowledged, and what of it is missing or there twice."""
        sessions = {row[0]: row[1:] for row in await databases.rows(url, _SESSIONS)}
        stored = Counter((row[0], row[1]) for row in await databases.rows(url, _READINGS))
        orders = {row[0] for row in await databases.rows(url, _ORDERS)}
        lost = [
            *(
                f"start of {number} at {wh} Wh"
                for number, wh in self.starts.items()
                if number not in sessions or sessions[number][0] != wh
            ),
            *(
                f"stop of {number} at {wh} Wh"
                for number, wh in self.stops.items()
                if number not in sessions or sessions[number][1] != wh
            ),
            *(f"order of {number}" for number in self.stops if number not in orders),
            *(f"reading of {number} at {wh} Wh" for number, wh in self.readings - stored.keys()),
        ]
        doubled = [
            *self.wrong,
            *(f"session {number}, nobody's" for number in sessions.keys() - self.starts.keys()),
            *(
                f"reading of {number} at {wh} Wh, {stored[number, wh]} times"
                for number, wh in self.readings
                if stored[number, wh] > 1
            ),
        ]
        return {
            "acknowledged": len(self.starts) + len(self.stops) + len(self.readings),
            "starts": len(self.starts),
            "stops": len(self.stops),
            "readings": len(self.readings),
            "lost": len(lost),
            "doubled": len(doubled),
            "lost_rows": lost[:SHOWN],
            "doubled_rows": doubled[:SHOWN],
        }


async def findings(url: str) -> list[str]:
    """Return what ``voltgate doctor`` finds in a database."""
    async with Database(url, doorbell=MemoryDoorbell(), clock=SystemClock()) as db:
        found = await doctor.examine_whole(db)
    return [f"{one.invariant} {one.title}: {len(one.rows)} rows" for one in found]
