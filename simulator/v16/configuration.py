"""Configuration keys of a simulated 1.6 charger (OCPP 1.6 9)."""

from simulator.config import ChargerConfig
from simulator.settings import DataType, Setting

NAMES = {
    "connection_timeout_s": "ConnectionTimeOut",
    "meter_interval_s": "MeterValueSampleInterval",
    "heartbeat_s": "HeartbeatInterval",
    "message_attempts": "TransactionMessageAttempts",
    "message_retry_s": "TransactionMessageRetryInterval",
    "stop_on_invalid_id": "StopTransactionOnInvalidId",
    "authorize_remote": "AuthorizeRemoteTxRequests",
    "local_authorize_offline": "LocalAuthorizeOffline",
    "local_pre_authorize": "LocalPreAuthorize",
    "offline_unknown": "AllowOfflineTxForUnknownId",
    "cache_enabled": "AuthorizationCacheEnabled",
    "list_enabled": "LocalAuthListEnabled",
    "organization": "CpoName",
    "signing_wait_s": "CertSigningWaitMinimum",
    "signing_repeats": "CertSigningRepeatTimes",
}
PASSWORD_KEY = "AuthorizationKey"  # noqa: S105 - the name of the key, not a key

_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,SoC,Current.Import,Voltage"


def settings(config: ChargerConfig) -> list[Setting]:
    """Return the keys a new charger has."""
    return [
        _flag("AllowOfflineTxForUnknownId", value=config.offline_token_allowed),
        _flag("AuthorizationCacheEnabled", value=True),
        _flag("AuthorizeRemoteTxRequests", value=False),
        _number("ClockAlignedDataInterval", 0),
        _number("ConnectionTimeOut", int(config.connection_timeout_s)),
        _text("ConnectorPhaseRotation", "0.RST", kind=DataType.LIST),
        _number("GetConfigurationMaxKeys", 50, readonly=True),
        _number("HeartbeatInterval", int(config.heartbeat_s or 300)),
        _flag("LocalAuthorizeOffline", value=True),
        _flag("LocalPreAuthorize", value=False),
        _text("MeterValuesAlignedData", _MEASURANDS, kind=DataType.LIST),
        _text("MeterValuesSampledData", _MEASURANDS, kind=DataType.LIST),
        _number("MeterValueSampleInterval", int(config.meter_interval_s)),
        _number("NumberOfConnectors", config.connectors, readonly=True),
        _number("ResetRetries", 3),
        _flag("StopTransactionOnEVSideDisconnect", value=True),
        _flag("StopTransactionOnInvalidId", value=True),
        _text("StopTxnAlignedData", "", kind=DataType.LIST),
        _text("StopTxnSampledData", "", kind=DataType.LIST),
        _text(
            "SupportedFeatureProfiles",
            "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
            kind=DataType.LIST,
            readonly=True,
        ),
        _number("TransactionMessageAttempts", 3),
        _number("TransactionMessageRetryInterval", 60),
        _flag("UnlockConnectorOnEVSideDisconnect", value=True),
        _number("WebSocketPingInterval", 30, needs_reboot=True),
        _flag("ReserveConnectorZeroSupported", value=True, readonly=True),
        _number("SecurityProfile", config.security_profile, needs_reboot=True),
        _text(PASSWORD_KEY, "", write_only=True),
        *_of_profiles(config),
    ]


def _of_profiles(config: ChargerConfig) -> list[Setting]:
    """Return the keys of the feature profiles beside Core, and of the security extension."""
    switches = config.switches
    return [
        _flag("LocalAuthListEnabled", value=True),
        _number("LocalAuthListMaxLength", switches.local_list_max, readonly=True),
        _number("SendLocalListMaxLength", switches.local_list_max, readonly=True),
        _number("ChargeProfileMaxStackLevel", 10, readonly=True),
        _text(
            "ChargingScheduleAllowedChargingRateUnit",
            "Current,Power",
            kind=DataType.LIST,
            readonly=True,
        ),
        _number("ChargingScheduleMaxPeriods", 50, readonly=True),
        _number("MaxChargingProfilesInstalled", switches.profiles_max, readonly=True),
        _flag("ConnectorSwitch3to1PhaseSupported", value=False, readonly=True),
        _text("SupportedFileTransferProtocols", "HTTP,HTTPS", kind=DataType.LIST, readonly=True),
        _text("CpoName", config.organization),
        _number("CertificateStoreMaxLength", switches.certificates_max, readonly=True),
        _number("CertificateSignedMaxChainSize", 10_000, readonly=True),
        _number("CertSigningWaitMinimum", 60),
        _number("CertSigningRepeatTimes", 2),
        _flag("AdditionalRootCertificateCheck", value=False, readonly=True),
    ]


def _text(
    name: str,
    value: str,
    *,
    kind: DataType = DataType.TEXT,
    readonly: bool = False,
    write_only: bool = False,
) -> Setting:
    return Setting(name=name, value=value, type=kind, readonly=readonly, write_only=write_only)


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
