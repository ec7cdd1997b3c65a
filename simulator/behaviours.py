"""The named behaviours of test mode, as data."""

from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    """What a simulated charger does with a remote start."""

    OK = "ok"
    REJECT = "reject"
    NOCAR = "nocar"
    LATE = "late"
    OFFLINE = "offline"
    SLOW = "slow"
    DROP = "drop"
    FAULT = "fault"
    DUP = "dup"
    METERGAP = "metergap"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Delays of a charger and its drivers, in simulated seconds."""

    start_delay_s: float = 1.0
    """From car plugged and token accepted to the start of the transaction."""
    auto_plug_s: float = 3.0
    """From an accepted remote start to the car being plugged in."""
    auto_unplug_s: float = 10.0
    """From the end of a transaction to the car leaving."""
    late_s: float = 75.0
    slow_s: float = 55.0
    drop_offline_s: float = 20.0
    """How long a charger that dropped its connection stays away."""
    fault_after_s: float = 120.0
    """From the start of a transaction to its fault."""
    fault_clear_s: float | None = 60.0
    """From a fault of the behaviour to its repair; ``None``: never."""
    reboot_s: float = 15.0
    answer_delay_s: float = 0.0
    """How long every answer to a call of the central system takes."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A behaviour resolved into what the charger must do differently."""

    summary: str
    expected: str
    connects: bool = True
    rejects: bool = False
    car_comes: bool = True
    start_delay: str | None = None
    """Name of the :class:`Timing` field that delays the start, if any."""
    drops: bool = False
    faults: bool = False
    duplicates: bool = False
    loses_samples: frozenset[int] = frozenset()
    """Indexes of periodic samples that are never sent."""
    zeroes_samples: frozenset[int] = frozenset()
    """Indexes of periodic samples whose register is a spurious 0."""


PLANS: dict[Behaviour, Plan] = {
    Behaviour.OK: Plan(
        summary="accepts, the car is plugged in shortly after, charges until stopped",
        expected="operation succeeds",
    ),
    Behaviour.REJECT: Plan(
        summary="answers every remote start and reservation with Rejected",
        expected="operation fails, charger_rejected",
        rejects=True,
    ),
    Behaviour.NOCAR: Plan(
        summary="accepts, but no car is ever plugged in",
        expected="operation times out",
        car_comes=False,
    ),
    Behaviour.LATE: Plan(
        summary="accepts, starts after 75 s, past its own connection timeout",
        expected="operation times out, then a late outcome",
        start_delay="late_s",
    ),
    Behaviour.OFFLINE: Plan(
        summary="never connects",
        expected="refused at once, charger_offline",
        connects=False,
    ),
    Behaviour.SLOW: Plan(
        summary="accepts, starts after 55 s, just before the deadline",
        expected="operation succeeds",
        start_delay="slow_s",
    ),
    Behaviour.DROP: Plan(
        summary="accepts, cuts the connection, forgets the start, comes back later",
        expected="operation times out or fails, never a transaction",
        drops=True,
    ),
    Behaviour.FAULT: Plan(
        summary="starts, then a fault ends the transaction in mid session",
        expected="operation succeeds, session ends with charger_fault",
        faults=True,
    ),
    Behaviour.DUP: Plan(
        summary="sends every message twice, the second time with a new message id",
        expected="as ok: one session, one order",
        duplicates=True,
    ),
    Behaviour.METERGAP: Plan(
        summary="loses meter values, sends a spurious 0, then a jump",
        expected="operation succeeds, session flagged meter_gap",
        loses_samples=frozenset({1, 2}),
        zeroes_samples=frozenset({3}),
    ),
}
