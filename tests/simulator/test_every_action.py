"""No action of a central system is unknown to a charger."""

from pathlib import Path

import ocpp
import pytest

from simulator.charger import dialect_of
from simulator.config import Version

FROM_CHARGER: dict[Version, set[str]] = {
    "1.6": {
        "Authorize",
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    },
    "2.0.1": {
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "StatusNotification",
        "TransactionEvent",
    },
}


@pytest.mark.parametrize(("version", "folder"), [("1.6", "v16"), ("2.0.1", "v201")])
def test_every_action_of_a_central_system_has_an_answer(version: Version, folder: str) -> None:
    schemas = Path(ocpp.__file__).parent / folder / "schemas"
    names = [path.stem for path in schemas.glob("*.json")]
    actions = {name.removesuffix("Request").removesuffix("Response") for name in names}
    assert actions - FROM_CHARGER[version] == set(dialect_of(version).handlers)
