"""Device model of a simulated 2.0.1 charging station (OCPP 2.0.1 part 2, appendix 3)."""

from simulator.config import ChargerConfig
from simulator.settings import DataType, Setting

NAMES = {
    "connection_timeout_s": "TxCtrlr.EVConnectionTimeOut",
    "meter_interval_s": "SampledDataCtrlr.TxUpdatedInterval",
    "heartbeat_s": "OCPPCommCtrlr.HeartbeatInterval",
    "message_attempts": "OCPPCommCtrlr.MessageAttempts(TransactionEvent)",
    "message_retry_s": "OCPPCommCtrlr.MessageAttemptInterval(TransactionEvent)",
    "stop_on_invalid_id": "TxCtrlr.StopTxOnInvalidId",
    "authorize_remote": "AuthCtrlr.AuthorizeRemoteStart",
}
PASSWORD_VARIABLE = "SecurityCtrlr.BasicAuthPassword"  # noqa: S105 - its name, not a password

_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,SoC,Current.Import,Voltage"


def full_name(component: str, variable: str, instance: str | None = None) -> str:
    """Return the name under which a variable is kept."""
    return f"{component}.{variable}({instance})" if instance else f"{component}.{variable}"


def split_name(name: str) -> tuple[str, str, str | None]:
    """Return component, variable and instance of a full name."""
    component, variable = name.split(".", 1)
    if not variable.endswith(")"):
        return component, variable, None
    variable, instance = variable[:-1].split("(", 1)
    return component, variable, instance


def settings(config: ChargerConfig) -> list[Setting]:
    """Return the variables a new station has."""
    point = "EVConnected" if config.start_at_plug else "PowerPathClosed"
    return [
        _text("AlignedDataCtrlr.Measurands", _MEASURANDS),
        _number("AlignedDataCtrlr.Interval", 0),
        _flag("AuthCtrlr.AuthorizeRemoteStart", value=False),
        _flag("AuthCtrlr.LocalAuthorizeOffline", value=True),
        _flag("AuthCtrlr.LocalPreAuthorize", value=False),
        _flag("AuthCtrlr.OfflineTxForUnknownIdEnabled", value=config.offline_token_allowed),
        _flag("AuthCacheCtrlr.Enabled", value=True),
        _text("ChargingStation.Model", config.model, readonly=True),
        _text("ChargingStation.VendorName", config.vendor, readonly=True),
        _text("ChargingStation.FirmwareVersion", config.firmware, readonly=True),
        _number("ClockCtrlr.TimeAdjustmentReportingThreshold", 20),
        _text("ClockCtrlr.TimeSource", "Heartbeat"),
        _number("DeviceDataCtrlr.ItemsPerMessage(GetReport)", 10, readonly=True),
        _number("DeviceDataCtrlr.ItemsPerMessage(GetVariables)", 50, readonly=True),
        _number("DeviceDataCtrlr.ItemsPerMessage(SetVariables)", 50, readonly=True),
        _number("OCPPCommCtrlr.HeartbeatInterval", int(config.heartbeat_s or 300)),
        _number("OCPPCommCtrlr.MessageAttempts(TransactionEvent)", 3),
        _number("OCPPCommCtrlr.MessageAttemptInterval(TransactionEvent)", 60),
        _number("OCPPCommCtrlr.MessageTimeout(Default)", 30, readonly=True),
        _text("OCPPCommCtrlr.FileTransferProtocols", "HTTPS", readonly=True),
        _number("OCPPCommCtrlr.WebSocketPingInterval", 30, needs_reboot=True),
        _number("OCPPCommCtrlr.NetworkConfigurationPriority", 1, needs_reboot=True),
        _flag("ReservationCtrlr.Enabled", value=True),
        _flag("ReservationCtrlr.NonEvseSpecific", value=True, readonly=True),
        _number("SampledDataCtrlr.TxUpdatedInterval", int(config.meter_interval_s)),
        _text("SampledDataCtrlr.TxUpdatedMeasurands", _MEASURANDS),
        _text("SampledDataCtrlr.TxStartedMeasurands", "Energy.Active.Import.Register"),
        _text("SampledDataCtrlr.TxEndedMeasurands", "Energy.Active.Import.Register"),
        _number("SampledDataCtrlr.TxEndedInterval", 0),
        _number("SecurityCtrlr.SecurityProfile", 1, readonly=True),
        _text("SecurityCtrlr.OrganizationName", config.vendor),
        Setting(name=PASSWORD_VARIABLE, value="", write_only=True),
        _number("TxCtrlr.EVConnectionTimeOut", int(config.connection_timeout_s)),
        _flag("TxCtrlr.StopTxOnEVSideDisconnect", value=True),
        _flag("TxCtrlr.StopTxOnInvalidId", value=True),
        _text("TxCtrlr.TxStartPoint", point, readonly=True),
        _text("TxCtrlr.TxStopPoint", "EVConnected,Authorized", readonly=True),
    ]


def _text(name: str, value: str, *, readonly: bool = False) -> Setting:
    kind = DataType.LIST if "," in value else DataType.TEXT
    return Setting(name=name, value=value, type=kind, readonly=readonly)


def _number(
    name: str, value: int, *, readonly: bool = False, needs_reboot: bool = False
) -> Setting:
    return Setting(
        name=name,
        value=str(value),
        type=DataType.INTEGER,
        readonly=readonly,
        needs_reboot=needs_reboot,
    )


def _flag(name: str, *, value: bool, readonly: bool = False) -> Setting:
    text = str(value).lower()
    return Setting(name=name, value=text, type=DataType.BOOLEAN, readonly=readonly)
