"""Requests of an OCPP 2.0.1 charging station as values (OCPP 2.0.1 part 2, messages).

Made by ``csms.convert`` after the schema check. Timestamps are strings as they came and numbers may
be anything JSON allows: ``csms.sanity`` judges them. ``customData`` is left out.
"""

from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """Members are camelCase on the wire; unknown ones are ignored."""


class AdditionalInfo(Request, frozen=True):
    additional_id_token: str
    type: str


class IdToken(Request, frozen=True):
    id_token: str
    type: str
    additional_info: tuple[AdditionalInfo, ...] = ()


class OcspRequestData(Request, frozen=True):
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str = msgspec.field(name="responderURL")


class Authorize(Request, frozen=True):
    id_token: IdToken
    certificate: str | None = None
    iso15118_certificate_hash_data: tuple[OcspRequestData, ...] = ()


class Modem(Request, frozen=True):
    iccid: str | None = None
    imsi: str | None = None


class ChargingStation(Request, frozen=True):
    model: str
    vendor_name: str
    serial_number: str | None = None
    modem: Modem | None = None
    firmware_version: str | None = None


class BootNotification(Request, frozen=True):
    charging_station: ChargingStation
    reason: str


class DataTransfer(Request, frozen=True):
    vendor_id: str
    message_id: str | None = None
    data: Any = None


class Heartbeat(Request, frozen=True):
    pass


class UnitOfMeasure(Request, frozen=True):
    """The unit of a reading; the value times 10 to the power of *multiplier* is in it."""

    unit: str = "Wh"
    multiplier: int = 0


class SampledValue(Request, frozen=True):
    """One reading; a missing member has the default of the standard (SampledValueType).

    A signed value is evidence, kept as it came: nothing of it is understood here.
    """

    value: int | float
    context: str = "Sample.Periodic"
    measurand: str = "Energy.Active.Import.Register"
    phase: str | None = None
    location: str = "Outlet"
    signed_meter_value: Any = None
    unit_of_measure: UnitOfMeasure | None = None


class MeterValue(Request, frozen=True):
    sampled_value: tuple[SampledValue, ...]
    timestamp: str


class MeterValues(Request, frozen=True):
    evse_id: int
    meter_value: tuple[MeterValue, ...]


class Evse(Request, frozen=True):
    id: int
    connector_id: int | None = None


class Component(Request, frozen=True):
    name: str
    instance: str | None = None
    evse: Evse | None = None


class Variable(Request, frozen=True):
    name: str
    instance: str | None = None


class VariableAttribute(Request, frozen=True):
    type: str = "Actual"
    value: str | None = None
    mutability: str = "ReadWrite"
    persistent: bool = False
    constant: bool = False


class VariableCharacteristics(Request, frozen=True):
    data_type: str
    supports_monitoring: bool
    unit: str | None = None
    min_limit: int | float | None = None
    max_limit: int | float | None = None
    values_list: str | None = None


class ReportData(Request, frozen=True):
    component: Component
    variable: Variable
    variable_attribute: tuple[VariableAttribute, ...]
    variable_characteristics: VariableCharacteristics | None = None


class NotifyReport(Request, frozen=True):
    request_id: int
    generated_at: str
    seq_no: int
    report_data: tuple[ReportData, ...] = ()
    tbc: bool = False


class ReservationStatusUpdate(Request, frozen=True):
    reservation_id: int
    reservation_update_status: str


class StatusNotification(Request, frozen=True):
    timestamp: str
    connector_status: str
    evse_id: int
    connector_id: int


class Transaction(Request, frozen=True):
    transaction_id: str
    charging_state: str | None = None
    time_spent_charging: int | None = None
    stopped_reason: str | None = None
    remote_start_id: int | None = None


class TransactionEvent(Request, frozen=True):
    event_type: str
    timestamp: str
    trigger_reason: str
    seq_no: int
    transaction_info: Transaction
    meter_value: tuple[MeterValue, ...] = ()
    offline: bool = False
    number_of_phases_used: int | None = None
    cable_max_current: int | None = None
    reservation_id: int | None = None
    evse: Evse | None = None
    id_token: IdToken | None = None
