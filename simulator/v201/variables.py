"""Device model of a simulated 2.0.1 charging station (OCPP 2.0.1 part 2, appendix 3).

A variable is kept as ``Component.Variable``, where a component may be
``Name[instance]#evse/connector`` and a variable ``Name(instance)``.
"""

from collections.abc import Callable, Iterator

from simulator.config import ChargerConfig
from simulator.ledger import Payload
from simulator.settings import DataType, Setting

NAMES = {
    "connection_timeout_s": "TxCtrlr.EVConnectionTimeOut",
    "meter_interval_s": "SampledDataCtrlr.TxUpdatedInterval",
    "heartbeat_s": "OCPPCommCtrlr.HeartbeatInterval",
    "message_attempts": "OCPPCommCtrlr.MessageAttempts(TransactionEvent)",
    "message_retry_s": "OCPPCommCtrlr.MessageAttemptInterval(TransactionEvent)",
    "stop_on_invalid_id": "TxCtrlr.StopTxOnInvalidId",
    "authorize_remote": "AuthCtrlr.AuthorizeRemoteStart",
    "local_authorize_offline": "AuthCtrlr.LocalAuthorizeOffline",
    "local_pre_authorize": "AuthCtrlr.LocalPreAuthorize",
    "offline_unknown": "AuthCtrlr.OfflineTxForUnknownIdEnabled",
    "cache_enabled": "AuthCacheCtrlr.Enabled",
    "list_enabled": "LocalAuthListCtrlr.Enabled",
    "organization": "SecurityCtrlr.OrganizationName",
    "signing_wait_s": "SecurityCtrlr.CertSigningWaitMinimum",
    "signing_repeats": "SecurityCtrlr.CertSigningRepeatTimes",
}
PASSWORD_VARIABLE = "SecurityCtrlr.BasicAuthPassword"  # noqa: S105 - its name, not a password
NETWORK_PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
TEMPERATURE = "TemperatureSensor.Temperature"
MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "SoC",
    "Current.Import",
    "Voltage",
)
_ALL = ",".join(MEASURANDS)
_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")


def full_name(component: str, variable: str, instance: str | None = None) -> str:
    """Return the name under which a variable is kept."""
    return f"{component}.{variable}({instance})" if instance else f"{component}.{variable}"


def component_name(component: Payload) -> str:
    """Return the name of a ComponentType, its instance and place included."""
    name = str(component["name"])
    if component.get("instance"):
        name = f"{name}[{component['instance']}]"
    evse = component.get("evse")
    if evse:
        name = f"{name}#{evse['id']}"
        if evse.get("connector_id") is not None:
            name = f"{name}/{evse['connector_id']}"
    return name


def name_of(component: Payload, variable: Payload) -> str:
    """Return the name under which a component-variable is kept."""
    return full_name(component_name(component), str(variable["name"]), variable.get("instance"))


def split_name(name: str) -> tuple[str, str, str | None]:
    """Return component, variable and instance of a full name."""
    component, variable = name.split(".", 1)
    if not variable.endswith(")"):
        return component, variable, None
    variable, instance = variable[:-1].split("(", 1)
    return component, variable, instance


def as_component(name: str) -> Payload:
    """Return the ComponentType a name stands for."""
    plain, _, place = name.partition("#")
    plain, _, instance = plain.partition("[")
    found: Payload = {"name": plain}
    if instance:
        found["instance"] = instance.rstrip("]")
    if place:
        evse, _, connector = place.partition("/")
        found["evse"] = {"id": int(evse), **({"connector_id": int(connector)} if connector else {})}
    return found


def as_pair(name: str) -> Payload:
    """Return ``component`` and ``variable`` of a full name."""
    component, variable, instance = split_name(name)
    named = {"name": variable, **({"instance": instance} if instance else {})}
    return {"component": as_component(component), "variable": named}


def settings(config: ChargerConfig) -> list[Setting]:
    """Return the variables a new station has, those that are measured aside."""
    point = "EVConnected" if config.start_at_plug else "PowerPathClosed"
    switches = config.switches
    return [
        _list("AlignedDataCtrlr.Measurands", _ALL, MEASURANDS),
        _number("AlignedDataCtrlr.Interval", 0, unit="s"),
        _flag("AuthCtrlr.AuthorizeRemoteStart", value=False),
        _flag("AuthCtrlr.LocalAuthorizeOffline", value=True),
        _flag("AuthCtrlr.LocalPreAuthorize", value=False),
        _flag("AuthCtrlr.OfflineTxForUnknownIdEnabled", value=config.offline_token_allowed),
        _flag("AuthCacheCtrlr.Enabled", value=True),
        _text("ChargingStation.Model", config.model, readonly=True),
        _text("ChargingStation.VendorName", config.vendor, readonly=True),
        _number("ChargingStation.SupplyPhases", config.phases, readonly=True),
        _number("ClockCtrlr.TimeAdjustmentReportingThreshold", 20, unit="s"),
        _list("ClockCtrlr.TimeSource", "Heartbeat", ("Heartbeat", "NTP"), kind=DataType.SEQUENCE),
        *(
            _number(f"DeviceDataCtrlr.ItemsPerMessage({action})", items, readonly=True)
            for action, items in (
                ("GetReport", switches.report_items),
                ("GetVariables", 50),
                ("SetVariables", 50),
            )
        ),
        _number("DeviceDataCtrlr.BytesPerMessage(GetReport)", 65_536, readonly=True),
        _number("DeviceDataCtrlr.BytesPerMessage(GetVariables)", 65_536, readonly=True),
        _number("DeviceDataCtrlr.BytesPerMessage(SetVariables)", 65_536, readonly=True),
        _number("DisplayMessageCtrlr.NumberOfDisplayMessages", 0, readonly=True),
        _text("DisplayMessageCtrlr.SupportedFormats", "ASCII,HTML,URI,UTF8", readonly=True),
        _text(
            "DisplayMessageCtrlr.SupportedPriorities",
            "AlwaysFront,InFront,NormalCycle",
            readonly=True,
        ),
        _flag("ISO15118Ctrlr.Enabled", value=switches.iso15118),
        _flag("LocalAuthListCtrlr.Enabled", value=True),
        _number("LocalAuthListCtrlr.Entries", 0, readonly=True, maximum=switches.local_list_max),
        _number("LocalAuthListCtrlr.ItemsPerMessage", switches.local_list_max, readonly=True),
        _number("LocalAuthListCtrlr.BytesPerMessage", 262_144, readonly=True),
        _flag("MonitoringCtrlr.Enabled", value=True),
        _number("MonitoringCtrlr.ItemsPerMessage(SetVariableMonitoring)", 50, readonly=True),
        _number("MonitoringCtrlr.BytesPerMessage(SetVariableMonitoring)", 65_536, readonly=True),
        _text("MonitoringCtrlr.ActiveMonitoringBase", "All", readonly=True),
        _number("MonitoringCtrlr.ActiveMonitoringLevel", 9, readonly=True),
        _number(
            "OCPPCommCtrlr.HeartbeatInterval", int(config.heartbeat_s or 300), minimum=0, unit="s"
        ),
        _number("OCPPCommCtrlr.MessageAttempts(TransactionEvent)", 3),
        _number("OCPPCommCtrlr.MessageAttemptInterval(TransactionEvent)", 60, unit="s"),
        _number("OCPPCommCtrlr.MessageTimeout(Default)", 30, readonly=True, unit="s"),
        _number("OCPPCommCtrlr.NetworkProfileConnectionAttempts", 3),
        _number("OCPPCommCtrlr.OfflineThreshold", 60, unit="s"),
        _number("OCPPCommCtrlr.ResetRetries", 3, maximum=10),
        _text("OCPPCommCtrlr.FileTransferProtocols", "HTTP,HTTPS", readonly=True),
        _number("OCPPCommCtrlr.WebSocketPingInterval", 30, needs_reboot=True, unit="s"),
        _number("OCPPCommCtrlr.ActiveNetworkProfile", 1, readonly=True),
        _text(NETWORK_PRIORITY, "1", needs_reboot=True),
        _flag("OCPPCommCtrlr.UnlockOnEVSideDisconnect", value=True),
        _flag("ReservationCtrlr.Enabled", value=True),
        _flag("ReservationCtrlr.NonEvseSpecific", value=True, readonly=True),
        _number("SampledDataCtrlr.TxUpdatedInterval", int(config.meter_interval_s), unit="s"),
        _list("SampledDataCtrlr.TxUpdatedMeasurands", _ALL, MEASURANDS),
        _list("SampledDataCtrlr.TxStartedMeasurands", MEASURANDS[0], MEASURANDS),
        _list("SampledDataCtrlr.TxEndedMeasurands", MEASURANDS[0], MEASURANDS),
        _number("SampledDataCtrlr.TxEndedInterval", 0, unit="s"),
        _number("SecurityCtrlr.SecurityProfile", config.security_profile, readonly=True),
        _text("SecurityCtrlr.Identity", config.identity, readonly=True),
        _text("SecurityCtrlr.OrganizationName", config.organization),
        _number("SecurityCtrlr.CertificateEntries", 0, readonly=True),
        _number("SecurityCtrlr.CertSigningWaitMinimum", 60, unit="s"),
        _number("SecurityCtrlr.CertSigningRepeatTimes", 2),
        _number("SecurityCtrlr.MaxCertificateChainSize", 10_000, readonly=True),
        _flag("SecurityCtrlr.AdditionalRootCertificateCheck", value=False, readonly=True),
        Setting(name=PASSWORD_VARIABLE, value="", write_only=True, maximum=40),
        _flag("SmartChargingCtrlr.Enabled", value=True),
        _number("SmartChargingCtrlr.ProfileStackLevel", 10, readonly=True),
        _text("SmartChargingCtrlr.RateUnit", "A,W", readonly=True),
        _number("SmartChargingCtrlr.PeriodsPerSchedule", 50, readonly=True),
        _number(
            "SmartChargingCtrlr.Entries(ChargingProfiles)",
            0,
            readonly=True,
            maximum=switches.profiles_max,
        ),
        Setting(
            name="SmartChargingCtrlr.LimitChangeSignificance",
            value="1.0",
            type=DataType.DECIMAL,
            unit="Percent",
            minimum=0,
            maximum=100,
        ),
        _flag("SmartChargingCtrlr.NotifyChargingLimitWithSchedules", value=False),
        _text("TariffCostCtrlr.Currency", "EUR"),
        _text("TariffCostCtrlr.TariffFallbackMessage", ""),
        _text("TariffCostCtrlr.TotalCostFallbackMessage", ""),
        Setting(
            name=TEMPERATURE,
            value="25",
            type=DataType.DECIMAL,
            unit="Celsius",
            minimum=-40,
            maximum=120,
            readonly=True,
            monitored=True,
            others={"Target": "30", "MinSet": "-20", "MaxSet": "90"},
        ),
        _number("TxCtrlr.EVConnectionTimeOut", int(config.connection_timeout_s), unit="s"),
        _flag("TxCtrlr.StopTxOnEVSideDisconnect", value=True),
        _flag("TxCtrlr.StopTxOnInvalidId", value=True),
        _list("TxCtrlr.TxStartPoint", point, _POINTS, readonly=True),
        _list("TxCtrlr.TxStopPoint", "EVConnected,Authorized", _POINTS, readonly=True),
    ]


def live(
    config: ChargerConfig, read: Callable[[str, int, str], str], firmware: Callable[[], str]
) -> Iterator[Setting]:
    """Yield what is measured, by ``read(component, evse, variable)``; evse 0 is the station."""

    def measured(name: str, kind: DataType, **more: object) -> Setting:
        component, variable, _ = split_name(name)
        place = as_component(component)
        evse = int(place.get("evse", {}).get("id", 0))
        found = Setting(
            name=name,
            value="",
            type=kind,
            readonly=True,
            monitored=True,
            live=lambda: read(str(place["name"]), evse, variable),
        )
        for attribute, value in more.items():
            setattr(found, attribute, value)
        return found

    states = ("Available", "Faulted", "Occupied", "Reserved", "Unavailable")
    yield Setting(name="ChargingStation.FirmwareVersion", value="", readonly=True, live=firmware)
    yield measured("ChargingStation.AvailabilityState", DataType.OPTION, options=states)
    yield measured("ChargingStation.Available", DataType.BOOLEAN)
    yield measured("ChargingStation.Problem", DataType.BOOLEAN)
    for number in range(1, config.connectors + 1):
        yield measured(f"EVSE#{number}.AvailabilityState", DataType.OPTION, options=states)
        yield measured(f"EVSE#{number}.Available", DataType.BOOLEAN)
        yield measured(f"EVSE#{number}.Problem", DataType.BOOLEAN)
        yield measured(
            f"EVSE#{number}.Power",
            DataType.DECIMAL,
            unit="W",
            minimum=0,
            maximum=config.max_power_w,
        )
        yield measured(f"Connector#{number}/1.AvailabilityState", DataType.OPTION, options=states)
        yield measured(f"Connector#{number}/1.Available", DataType.BOOLEAN)
        kind = config.connector_type
        yield _text(f"Connector#{number}/1.ConnectorType", kind, readonly=True)
        yield _number(f"Connector#{number}/1.SupplyPhases", config.phases, readonly=True)


def extra(count: int) -> Iterator[Setting]:
    """Yield *count* variables nobody needs, for large reports."""
    for number in range(1, count + 1):
        yield Setting(
            name=f"DataCollector[{(number - 1) // 100 + 1}].Channel({(number - 1) % 100 + 1})",
            value="0",
            type=DataType.INTEGER,
        )


def _text(name: str, value: str, *, readonly: bool = False, needs_reboot: bool = False) -> Setting:
    kind = DataType.LIST if "," in value else DataType.TEXT
    return Setting(name=name, value=value, type=kind, readonly=readonly, needs_reboot=needs_reboot)


def _list(
    name: str,
    value: str,
    options: tuple[str, ...],
    *,
    readonly: bool = False,
    kind: DataType = DataType.LIST,
) -> Setting:
    return Setting(name=name, value=value, type=kind, readonly=readonly, options=options)


def _number(
    name: str,
    value: int,
    *,
    readonly: bool = False,
    needs_reboot: bool = False,
    unit: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Setting:
    return Setting(
        name=name,
        value=str(value),
        type=DataType.INTEGER,
        readonly=readonly,
        needs_reboot=needs_reboot,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
    )


def _flag(name: str, *, value: bool, readonly: bool = False) -> Setting:
    text = str(value).lower()
    return Setting(name=name, value=text, type=DataType.BOOLEAN, readonly=readonly)
