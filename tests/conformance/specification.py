"""Where each action stands in its specification: profile or functional block, and section.

Source: OCPP 1.6 edition 2, sections 4 and 5; "Improved security for OCPP 1.6-J" edition 3, by its
use cases; OCPP 2.0.1 edition 3 part 2, by its use cases.
"""

from typing import Final

from csms.codes import Version

Place = tuple[str, str]

_CORE: Final = "Core"
_FIRMWARE: Final = "Firmware Management"
_LIST: Final = "Local Auth List Management"
_RESERVATION: Final = "Reservation"
_SMART: Final = "Smart Charging"
_TRIGGER: Final = "Remote Trigger"
_SECURITY: Final = "Security extension"

_A: Final = "A Security"
_B: Final = "B Provisioning"
_C: Final = "C Authorization"
_D: Final = "D Local Authorization List"
_E: Final = "E Transactions"
_F: Final = "F Remote Control"
_G: Final = "G Availability"
_H: Final = "H Reservation"
_I: Final = "I Tariff and Cost"
_J: Final = "J Meter Values"
_K: Final = "K Smart Charging"
_L: Final = "L Firmware Management"
_M: Final = "M Certificate Management"
_N: Final = "N Diagnostics"
_O: Final = "O Display Message"
_P: Final = "P Data Transfer"

PLACES: Final[dict[Version, dict[str, Place]]] = {
    "1.6": {
        "Authorize": (_CORE, "4.1"),
        "BootNotification": (_CORE, "4.2"),
        "CancelReservation": (_RESERVATION, "5.1"),
        "CertificateSigned": (_SECURITY, "A02, A03"),
        "ChangeAvailability": (_CORE, "5.2"),
        "ChangeConfiguration": (_CORE, "5.3"),
        "ClearCache": (_CORE, "5.4"),
        "ClearChargingProfile": (_SMART, "5.5"),
        "DataTransfer": (_CORE, "4.3, 5.6"),
        "DeleteCertificate": (_SECURITY, "M04"),
        "DiagnosticsStatusNotification": (_FIRMWARE, "4.4"),
        "ExtendedTriggerMessage": (_SECURITY, "A02"),
        "FirmwareStatusNotification": (_FIRMWARE, "4.5"),
        "GetCompositeSchedule": (_SMART, "5.7"),
        "GetConfiguration": (_CORE, "5.8"),
        "GetDiagnostics": (_FIRMWARE, "5.9"),
        "GetInstalledCertificateIds": (_SECURITY, "M03"),
        "GetLocalListVersion": (_LIST, "5.10"),
        "GetLog": (_SECURITY, "N01"),
        "Heartbeat": (_CORE, "4.6"),
        "InstallCertificate": (_SECURITY, "M05"),
        "LogStatusNotification": (_SECURITY, "N01"),
        "MeterValues": (_CORE, "4.7"),
        "RemoteStartTransaction": (_CORE, "5.11"),
        "RemoteStopTransaction": (_CORE, "5.12"),
        "ReserveNow": (_RESERVATION, "5.13"),
        "Reset": (_CORE, "5.14"),
        "SecurityEventNotification": (_SECURITY, "A04"),
        "SendLocalList": (_LIST, "5.15"),
        "SetChargingProfile": (_SMART, "5.16"),
        "SignCertificate": (_SECURITY, "A02, A03"),
        "SignedFirmwareStatusNotification": (_SECURITY, "L01"),
        "SignedUpdateFirmware": (_SECURITY, "L01"),
        "StartTransaction": (_CORE, "4.8"),
        "StatusNotification": (_CORE, "4.9"),
        "StopTransaction": (_CORE, "4.10"),
        "TriggerMessage": (_TRIGGER, "5.17"),
        "UnlockConnector": (_CORE, "5.18"),
        "UpdateFirmware": (_FIRMWARE, "5.19"),
    },
    "2.0.1": {
        "Authorize": (_C, "C01 to C08"),
        "BootNotification": (_B, "B01 to B03"),
        "CancelReservation": (_H, "H02"),
        "CertificateSigned": (_A, "A02, A03"),
        "ChangeAvailability": (_G, "G03, G04"),
        "ClearCache": (_C, "C11"),
        "ClearChargingProfile": (_K, "K10"),
        "ClearDisplayMessage": (_O, "O05"),
        "ClearVariableMonitoring": (_N, "N06"),
        "ClearedChargingLimit": (_K, "K13"),
        "CostUpdated": (_I, "I02"),
        "CustomerInformation": (_N, "N09, N10"),
        "DataTransfer": (_P, "P01, P02"),
        "DeleteCertificate": (_M, "M04"),
        "FirmwareStatusNotification": (_L, "L01, L02"),
        "Get15118EVCertificate": (_M, "M01, M02"),
        "GetBaseReport": (_B, "B07"),
        "GetCertificateStatus": (_M, "M06"),
        "GetChargingProfiles": (_K, "K09"),
        "GetCompositeSchedule": (_K, "K08"),
        "GetDisplayMessages": (_O, "O03, O04"),
        "GetInstalledCertificateIds": (_M, "M03"),
        "GetLocalListVersion": (_D, "D02"),
        "GetLog": (_N, "N01"),
        "GetMonitoringReport": (_N, "N02"),
        "GetReport": (_B, "B08"),
        "GetTransactionStatus": (_E, "E14"),
        "GetVariables": (_B, "B06"),
        "Heartbeat": (_G, "G02"),
        "InstallCertificate": (_M, "M05"),
        "LogStatusNotification": (_N, "N01"),
        "MeterValues": (_J, "J01"),
        "NotifyChargingLimit": (_K, "K12"),
        "NotifyCustomerInformation": (_N, "N09, N10"),
        "NotifyDisplayMessages": (_O, "O03, O04"),
        "NotifyEVChargingNeeds": (_K, "K15, K17"),
        "NotifyEVChargingSchedule": (_K, "K15 to K17"),
        "NotifyEvent": (_N, "N07, N08"),
        "NotifyMonitoringReport": (_N, "N02"),
        "NotifyReport": (_B, "B07, B08"),
        "PublishFirmware": (_L, "L03"),
        "PublishFirmwareStatusNotification": (_L, "L03"),
        "ReportChargingProfiles": (_K, "K09"),
        "RequestStartTransaction": (_F, "F01, F02"),
        "RequestStopTransaction": (_F, "F03"),
        "ReservationStatusUpdate": (_H, "H04"),
        "ReserveNow": (_H, "H01"),
        "Reset": (_B, "B11, B12"),
        "SecurityEventNotification": (_A, "A04"),
        "SendLocalList": (_D, "D01"),
        "SetChargingProfile": (_K, "K01 to K05"),
        "SetDisplayMessage": (_O, "O01, O02, O06"),
        "SetMonitoringBase": (_N, "N03"),
        "SetMonitoringLevel": (_N, "N05"),
        "SetNetworkProfile": (_B, "B09"),
        "SetVariableMonitoring": (_N, "N04"),
        "SetVariables": (_B, "B05"),
        "SignCertificate": (_A, "A02, A03"),
        "StatusNotification": (_G, "G01"),
        "TransactionEvent": (_E, "E01 to E13"),
        "TriggerMessage": (_F, "F06"),
        "UnlockConnector": (_F, "F05"),
        "UnpublishFirmware": (_L, "L04"),
        "UpdateFirmware": (_L, "L01, L02"),
    },
}
