"""The named simulated chargers of a sandbox: what each does, and what a partner sees of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One charger of every sandbox.

    Attributes:
        behaviour: What its simulator is told to be.
        connects: False: it is never there, so nobody runs it.
    """

    name: str
    behaviour: str
    summary: str
    expected: str
    connects: bool = True


_PARTS: Final = (
    Part(
        name="SIM-OK",
        behaviour="ok",
        summary="Accepts, a car is plugged in shortly after, charges until stopped.",
        expected="start_charge succeeds.",
    ),
    Part(
        name="SIM-REJECT",
        behaviour="reject",
        summary="Answers every start and every reservation with Rejected.",
        expected="start_charge fails: charger_rejected.",
    ),
    Part(
        name="SIM-NOCAR",
        behaviour="nocar",
        summary="Accepts, but no car is ever plugged in.",
        expected="start_charge times out: vehicle_not_connected.",
    ),
    Part(
        name="SIM-LATE",
        behaviour="late",
        summary="Accepts, and starts a quarter of the deadline too late: at 75 s.",
        expected="start_charge times out, then operation.late_outcome.",
    ),
    Part(
        name="SIM-OFFLINE",
        behaviour="offline",
        summary="Never connects.",
        expected="start_charge is refused at once: charger_offline.",
        connects=False,
    ),
    Part(
        name="SIM-SLOW",
        behaviour="slow",
        summary="Accepts, and starts just before the deadline: at 55 s.",
        expected="start_charge succeeds.",
    ),
    Part(
        name="SIM-DROP",
        behaviour="drop",
        summary="Accepts, cuts its connection, forgets the start, comes back after 20 s.",
        expected="start_charge times out: charger_disconnected.",
    ),
    Part(
        name="SIM-FAULT",
        behaviour="fault",
        summary="Starts; after 120 s a fault ends the session, and is repaired 60 s later.",
        expected="start_charge succeeds, the session ends with charger_fault.",
    ),
    Part(
        name="SIM-DUP",
        behaviour="dup",
        summary="Sends every message twice.",
        expected="As SIM-OK: one session, one order, each event once.",
    ),
    Part(
        name="SIM-METERGAP",
        behaviour="metergap",
        summary="Loses meter values, sends a spurious 0, then goes on.",
        expected="start_charge succeeds, the order is flagged meter_gap.",
    ),
)

CAST: Final[Mapping[str, Part]] = {part.name: part for part in _PARTS}
ABSENT: Final = tuple(part.name for part in _PARTS if not part.connects)
"""Names of those that nobody runs."""
