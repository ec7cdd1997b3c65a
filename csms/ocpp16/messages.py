"""Requests of an OCPP 1.6 charger as values (OCPP 1.6 section 4 and 6).

Made by ``csms.convert`` after the schema check. Timestamps and sampled values are strings as they
came: ``csms.sanity`` judges them.
"""

import msgspec


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """Members are camelCase on the wire; unknown ones are ignored."""


class Authorize(Request, frozen=True):
    id_tag: str


class BootNotification(Request, frozen=True):
    charge_point_vendor: str
    charge_point_model: str
    charge_point_serial_number: str | None = None
    charge_box_serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None


class DataTransfer(Request, frozen=True):
    vendor_id: str
    message_id: str | None = None
    data: str | None = None


class Heartbeat(Request, frozen=True):
    pass


class SampledValue(Request, frozen=True):
    """One reading; a missing member has the default of the standard (7.43)."""

    value: str
    context: str = "Sample.Periodic"
    format: str = "Raw"
    measurand: str = "Energy.Active.Import.Register"
    phase: str | None = None
    location: str = "Outlet"
    unit: str | None = None


class MeterValue(Request, frozen=True):
    timestamp: str
    sampled_value: tuple[SampledValue, ...]


class MeterValues(Request, frozen=True):
    connector_id: int
    meter_value: tuple[MeterValue, ...]
    transaction_id: int | None = None


class StartTransaction(Request, frozen=True):
    connector_id: int
    id_tag: str
    meter_start: int
    timestamp: str
    reservation_id: int | None = None


class StatusNotification(Request, frozen=True):
    connector_id: int
    error_code: str
    status: str
    info: str | None = None
    timestamp: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None


class StopTransaction(Request, frozen=True):
    """The end of a transaction; a missing reason means Local (6.49)."""

    meter_stop: int
    timestamp: str
    transaction_id: int
    id_tag: str | None = None
    reason: str = "Local"
    transaction_data: tuple[MeterValue, ...] = ()
