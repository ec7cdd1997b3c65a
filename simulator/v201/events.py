"""Monitors at work: NotifyEvent when a value crosses, changes, or its time has come (N07-N08)."""

from datetime import timedelta
from typing import Any

from ocpp.v201 import call
from ocpp.v201 import enums as e

from simulator.clock import timestamp
from simulator.dialect import Draft
from simulator.outbox import report
from simulator.settings import DataType, Setting
from simulator.station import Station
from simulator.v201.monitors import ALIGNED, DELTA, PERIODIC, UPPER, Monitor, built_in
from simulator.v201.variables import as_pair


def attach(station: Station) -> None:
    """Let the monitors of the station look whenever something changes."""
    station.monitors.by_id = built_in(len(station.connectors))
    station.watchers.append(lambda: look(station))


def look(station: Station) -> None:
    """Compare every monitored value with its monitors."""
    monitors = station.monitors
    if monitors.looking or not station.online:
        return
    monitors.looking = True
    try:
        for monitor in list(monitors.by_id.values()):
            if monitor.active and monitor.type not in {PERIODIC, ALIGNED}:
                _look_at(station, monitor)
    finally:
        monitors.looking = False


def _look_at(station: Station, monitor: Monitor) -> None:
    setting = station.settings.find(monitor.variable)
    if setting is None or not _applies(station, monitor):
        return
    value = setting.now
    if monitor.type == DELTA:
        if _differs(setting, monitor, value):
            monitor.told = value
            _notify(station, monitor, setting, "Delta")
        return
    number = float(value)
    over = number > monitor.value if monitor.type == UPPER else number < monitor.value
    if over != monitor.exceeded:
        monitor.exceeded = over
        _notify(station, monitor, setting, "Alerting")


def _applies(station: Station, monitor: Monitor) -> bool:
    return not monitor.transaction or any(
        connector.transaction is not None for connector in station.connectors.values()
    )


def _differs(setting: Setting, monitor: Monitor, value: str) -> bool:
    before = monitor.told
    if before is None:
        monitor.told = value
        return False
    if setting.type in {DataType.INTEGER, DataType.DECIMAL}:
        return value != before and abs(float(value) - float(before)) >= monitor.value
    return value != before


def begin(station: Station, number: int) -> None:
    """Set a new monitor to work."""
    monitor = station.monitors.by_id.get(number)
    if monitor is None:
        return
    if monitor.type in {PERIODIC, ALIGNED}:
        station.spawn(_tick(station, monitor))
    else:
        look(station)


async def _tick(station: Station, monitor: Monitor) -> None:
    period = timedelta(seconds=monitor.value)
    while True:
        wait_s = monitor.value
        if monitor.type == ALIGNED:
            now = station.clock.now()
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            wait_s -= ((now - midnight) % period).total_seconds()
        await station.clock.sleep(wait_s)
        if station.monitors.by_id.get(monitor.id) is not monitor:
            return
        setting = station.settings.find(monitor.variable)
        if setting is not None and monitor.active and _applies(station, monitor):
            _notify(station, monitor, setting, "Periodic")


def _notify(station: Station, monitor: Monitor, setting: Setting, trigger: str) -> None:
    monitors = station.monitors
    if monitor.severity > monitors.level:
        return
    now = timestamp(station.clock.now())
    event_id = monitors.event_id()
    cleared = trigger == "Alerting" and not monitor.exceeded
    running = [c.transaction for c in station.connectors.values() if c.transaction is not None]
    event: Any = {
        **as_pair(setting.name),
        "event_id": event_id,
        "timestamp": now,
        "trigger": e.EventTriggerEnumType(trigger),
        "actual_value": setting.now,
        "event_notification_type": e.EventNotificationEnumType(monitor.origin.value),
        "variable_monitoring_id": monitor.id,
        "cleared": True if cleared else None,
        "cause": monitor.alarm_id if cleared else None,
        "transaction_id": running[0].transaction_id if monitor.transaction and running else None,
    }
    if trigger == "Alerting":
        monitor.alarm_id = None if cleared else event_id
    request = call.NotifyEvent(generated_at=now, seq_no=0, event_data=[event], tbc=False)
    report(station, Draft(request=request))
