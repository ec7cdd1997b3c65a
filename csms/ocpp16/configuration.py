"""OCPP 1.6: configuration keys, availability, resets, triggers (5.2 to 5.4, 5.8, 5.14, 5.17)."""

from typing import Final

from core.commands.configuration import (
    ChangeAvailability,
    ClearCache,
    GetVariables,
    Reset,
    SetVariable,
    Trigger,
)
from csms.adapter import Block
from csms.protocol import Payload

_RESETS: Final = {"immediate": "Hard", "soft": "Soft"}

_TRIGGERS: Final = {
    "boot_notification": "BootNotification",
    "diagnostics_status": "DiagnosticsStatusNotification",
    "firmware_status": "FirmwareStatusNotification",
    "heartbeat": "Heartbeat",
    "meter_values": "MeterValues",
    "status": "StatusNotification",
}
_EXTENDED: Final = {
    "boot_notification": "BootNotification",
    "firmware_status": "FirmwareStatusNotification",
    "heartbeat": "Heartbeat",
    "log_status": "LogStatusNotification",
    "meter_values": "MeterValues",
    "sign_charging_station_certificate": "SignChargePointCertificate",
    "status": "StatusNotification",
}
_ONLY_EXTENDED: Final = frozenset(_EXTENDED) - frozenset(_TRIGGERS)


def set_variable(wanted: SetVariable) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for a variable of a component."""
    if wanted.component is not None:
        raise ValueError(f"OCPP 1.6 has no components; it knows no {wanted.component}")
    return "ChangeConfiguration", {"key": wanted.name, "value": wanted.value}


def get_variables(wanted: GetVariables) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for variables of components."""
    if any(one.get("component") is not None for one in wanted.variables):
        raise ValueError("OCPP 1.6 has configuration keys and no components")
    return "GetConfiguration", {"key": [one["name"] for one in wanted.variables]}


def change_availability(wanted: ChangeAvailability) -> tuple[str, Payload]:
    """Return the call; our EVSE is 1.6's connector, 0 the charge point (5.2)."""
    if wanted.connector not in (None, 1):
        raise ValueError("an EVSE of OCPP 1.6 has one connector; name the EVSE alone")
    return "ChangeAvailability", {
        "connectorId": wanted.evse or 0,
        "type": "Operative" if wanted.operative else "Inoperative",
    }


def reset(wanted: Reset) -> tuple[str, Payload]:
    """Return the call; ``ValueError`` for an EVSE, and for waiting until nobody charges."""
    if wanted.evse is not None:
        raise ValueError("OCPP 1.6 resets the whole charge point only")
    if wanted.type not in _RESETS:
        raise ValueError("OCPP 1.6 cannot wait until no session is going on; use soft or immediate")
    return "Reset", {"type": _RESETS[wanted.type]}


def trigger(wanted: Trigger) -> tuple[str, Payload]:
    """Return the call; what only the security extension knows goes by its own request."""
    extended = wanted.extended or wanted.message in _ONLY_EXTENDED
    message = (_EXTENDED if extended else _TRIGGERS).get(wanted.message)
    if message is None:
        raise ValueError(f"OCPP 1.6 cannot be asked for {wanted.message} that way")
    payload: Payload = {"requestedMessage": message}
    if wanted.evse is not None:
        payload["connectorId"] = wanted.evse
    return "ExtendedTriggerMessage" if extended else "TriggerMessage", payload


def clear_cache(_: ClearCache) -> tuple[str, Payload]:
    return "ClearCache", {}


CONFIGURATION: Final = Block(
    encoders={
        ChangeAvailability: change_availability,
        ClearCache: clear_cache,
        GetVariables: get_variables,
        Reset: reset,
        SetVariable: set_variable,
        Trigger: trigger,
    }
)
