"""Monitors: what they are, which variables they watch, and when they speak (OCPP 2.0.1 N02-N08)."""

from dataclasses import dataclass, field
from enum import StrEnum

from simulator.v201.variables import TEMPERATURE


class Origin(StrEnum):
    """Who made a monitor (OCPP 2.0.1 EventNotificationEnumType)."""

    CUSTOM = "CustomMonitor"
    HARDWIRED = "HardWiredMonitor"
    PRECONFIGURED = "PreconfiguredMonitor"


UPPER, LOWER, DELTA = "UpperThreshold", "LowerThreshold", "Delta"
PERIODIC, ALIGNED = "Periodic", "PeriodicClockAligned"
THRESHOLDS = frozenset({UPPER, LOWER})
CRITERIA = {
    "ThresholdMonitoring": THRESHOLDS,
    "DeltaMonitoring": frozenset({DELTA}),
    "PeriodicMonitoring": frozenset({PERIODIC, ALIGNED}),
}
LOWEST_SEVERITY = 9
"""Severities go from 0, danger, to 9, debug."""


@dataclass(kw_only=True)
class Monitor:
    """One monitor of one variable."""

    id: int
    variable: str
    """Full name of the variable."""
    type: str
    value: float
    """Threshold, difference, or seconds."""
    severity: int
    transaction: bool = False
    """Only while there is a transaction."""
    origin: Origin = Origin.CUSTOM
    active: bool = True
    exceeded: bool = False
    """The threshold was exceeded when last looked at."""
    told: str | None = None
    """Value last reported by a delta monitor."""
    alarm_id: int | None = None
    """Event that a clearing event refers to."""


@dataclass(kw_only=True)
class Monitors:
    """The monitors of one station."""

    by_id: dict[int, Monitor] = field(default_factory=dict)
    level: int = LOWEST_SEVERITY
    next_id: int = 100
    next_event: int = 1
    looking: bool = False
    """A look at the variables causes another one."""

    def new_id(self) -> int:
        """Return an id no monitor has."""
        while self.next_id in self.by_id:
            self.next_id += 1
        return self.next_id

    def event_id(self) -> int:
        """Return the id of the next event."""
        self.next_event += 1
        return self.next_event - 1


def built_in(connectors: int) -> dict[int, Monitor]:
    """Return the monitors a station comes with: problems of every EVSE, and its temperature."""
    found = {
        number: Monitor(
            id=number,
            variable=f"EVSE#{number}.Problem",
            type=DELTA,
            value=1,
            severity=2,
            origin=Origin.HARDWIRED,
            told="false",
        )
        for number in range(1, connectors + 1)
    }
    number = connectors + 1
    found[number] = Monitor(
        id=number,
        variable=TEMPERATURE,
        type=UPPER,
        value=85,
        severity=3,
        origin=Origin.PRECONFIGURED,
    )
    return found


def based(monitors: Monitors, base: str, connectors: int) -> None:
    """Apply SetMonitoringBase: All, FactoryDefault or HardWiredOnly (N03)."""
    if base == "FactoryDefault":
        monitors.by_id = built_in(connectors)
        return
    for number, monitor in list(monitors.by_id.items()):
        keeps = base == "All" or monitor.origin is Origin.HARDWIRED
        if not keeps and monitor.origin is Origin.CUSTOM:
            del monitors.by_id[number]
        else:
            monitor.active = keeps
