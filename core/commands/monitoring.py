"""What a charger can be asked about monitors (2.0.1)."""

from dataclasses import dataclass

from core.commands.commands import Command, command


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A component, or with *variable* one of its variables."""

    component: str
    component_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    variable: str | None = None
    variable_instance: str | None = None


@command("set_monitoring_base")
class SetMonitoringBase(Command):
    """Activate a preset: ``All``, ``FactoryDefault`` or ``HardWiredOnly``."""

    base: str


@command("set_monitoring_level")
class SetMonitoringLevel(Command):
    """Report only events of this severity (0 danger to 9 debug) and more severe ones."""

    severity: int


@command("set_monitor")
class SetMonitor(Command):
    """Watch a variable; *monitor* is the id of one to replace."""

    place: Place
    type: str
    value: float
    severity: int
    transaction: bool = False
    monitor: int | None = None


@command("clear_monitors")
class ClearMonitors(Command):
    """Remove monitors by id."""

    monitors: list[int]


@command("report_monitors")
class ReportMonitors(Command):
    """Report monitors: all, those of *criteria*, those of *places*."""

    request: int
    criteria: list[str]
    places: list[Place]
