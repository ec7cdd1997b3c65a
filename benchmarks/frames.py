"""OCPP 1.6 frames, put together from prepared text: the load generator must cost little."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

VENDOR: Final = "Benchmark"
TOKEN: Final = "BENCH-TOKEN"  # noqa: S105 - an id token that every server of a run knows
REGISTER_STEP_WH: Final = 100

_OTHER_SAMPLES: Final = [
    {"value": "7360.0", "measurand": "Power.Active.Import", "unit": "W"},
    {"value": "10.7", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
    {"value": "10.6", "measurand": "Current.Import", "phase": "L2", "unit": "A"},
    {"value": "10.8", "measurand": "Current.Import", "phase": "L3", "unit": "A"},
    {"value": "230.4", "measurand": "Voltage", "phase": "L1-N", "unit": "V"},
    {"value": "61", "measurand": "SoC", "location": "EV", "unit": "Percent"},
    {"value": "31.5", "measurand": "Temperature", "location": "Body", "unit": "Celsius"},
]


def _compact(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


_SAMPLES_TAIL: Final = "," + _compact(_OTHER_SAMPLES)[1:]
_BOOT: Final = _compact(
    {
        "chargePointVendor": VENDOR,
        "chargePointModel": "One",
        "chargePointSerialNumber": "SN-1",
        "firmwareVersion": "1.0.0",
    }
)


class Timestamps:
    """The time of one charger: never twice the same millisecond, as its readings are told apart."""

    def __init__(self) -> None:
        self._last = datetime.fromtimestamp(0, UTC)

    def next(self) -> str:
        """Return now, or a millisecond after the last one."""
        self._last = max(datetime.now(UTC), self._last + timedelta(milliseconds=1))
        return self._last.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def token_of(partner: int) -> str:
    """Return the id token of a partner, the first being 0."""
    return f"{TOKEN}-{partner}" if partner else TOKEN


def call(message_id: str, action: str, payload: str) -> str:
    """Return a CALL (OCPP-J 1.6 4.2.1)."""
    return f'[2,"{message_id}","{action}",{payload}]'


def boot() -> str:
    """Return the payload of a BootNotification."""
    return _BOOT


def status(connector: int, shown: str, at: str) -> str:
    """Return the payload of a StatusNotification without an error."""
    return (
        f'{{"connectorId":{connector},"errorCode":"NoError","status":"{shown}","timestamp":"{at}"}}'
    )


def authorize() -> str:
    """Return the payload of an Authorize."""
    return f'{{"idTag":"{TOKEN}"}}'


def start(connector: int, meter_wh: int, at: str, *, token: str = TOKEN) -> str:
    """Return the payload of a StartTransaction."""
    where = f'"connectorId":{connector},"idTag":"{token}"'
    return f'{{{where},"meterStart":{meter_wh},"timestamp":"{at}"}}'


def meter_values(connector: int, transaction: int, meter_wh: int, at: str) -> str:
    """Return the payload of a MeterValues with one reading of eight samples."""
    register = f'{{"value":"{meter_wh}","measurand":"Energy.Active.Import.Register","unit":"Wh"}}'
    reading = f'{{"timestamp":"{at}","sampledValue":[{register}{_SAMPLES_TAIL}}}'
    return f'{{"connectorId":{connector},"transactionId":{transaction},"meterValue":[{reading}]}}'


def stop(transaction: int, meter_wh: int, at: str, *, token: str = TOKEN) -> str:
    """Return the payload of a StopTransaction."""
    return (
        f'{{"transactionId":{transaction},"idTag":"{token}","meterStop":{meter_wh},'
        f'"timestamp":"{at}","reason":"Local"}}'
    )
