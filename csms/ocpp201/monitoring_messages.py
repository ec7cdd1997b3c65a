"""Monitoring messages of an OCPP 2.0.1 charging station (N06, N07); see ``messages``."""

from typing import Any

from csms.ocpp201.messages import Component, Request, Variable


class VariableMonitoring(Request, frozen=True):
    id: Any
    transaction: bool
    value: Any
    type: str
    severity: Any


class MonitoringData(Request, frozen=True):
    component: Component
    variable: Variable
    variable_monitoring: tuple[VariableMonitoring, ...]


class NotifyMonitoringReport(Request, frozen=True):
    request_id: Any
    seq_no: Any
    generated_at: str
    monitor: tuple[MonitoringData, ...] = ()
    tbc: bool = False


class EventData(Request, frozen=True):
    event_id: Any
    timestamp: str
    trigger: str
    actual_value: str
    component: Component
    variable: Variable
    event_notification_type: str
    cause: Any = None
    tech_code: str | None = None
    tech_info: str | None = None
    cleared: bool | None = None
    transaction_id: str | None = None
    variable_monitoring_id: Any = None


class NotifyEvent(Request, frozen=True):
    generated_at: str
    seq_no: Any
    event_data: tuple[EventData, ...]
    tbc: bool = False
