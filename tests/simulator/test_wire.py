"""What leaves a charger: the JSON of the ``ocpp`` library's requests."""

from typing import Any

import pytest
from ocpp.v16 import call as v16
from ocpp.v16.datatypes import MeterValue, SampledValue
from ocpp.v16.enums import Measurand
from ocpp.v201 import call as v201

from simulator.wire import payload_of


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (v16.Heartbeat(), {}),
        (
            v16.MeterValues(
                connector_id=1,
                meter_value=[MeterValue("now", [SampledValue("1", measurand=Measurand.soc)])],
            ),
            {
                "connectorId": 1,
                "meterValue": [
                    {"timestamp": "now", "sampledValue": [{"value": "1", "measurand": "SoC"}]}
                ],
            },
        ),
        (
            v201.NotifyReport(
                request_id=1,
                generated_at="now",
                seq_no=0,
                report_data=[{"variable": {"name": "soc_limit"}, "evse": None}, None],  # type: ignore[list-item]
            ),
            {
                "requestId": 1,
                "generatedAt": "now",
                "seqNo": 0,
                "reportData": [{"variable": {"name": "soc_limit"}}],
            },
        ),
        (
            v201.PublishFirmwareStatusNotification(status="Idle", location=["a"], request_id=0),  # type: ignore[arg-type]
            {"status": "Idle", "location": ["a"], "requestId": 0},
        ),
        (
            v201.SetNetworkProfile(
                configuration_slot=1,
                connection_data={"ocpp_csms_url": "wss://a", "message_timeout": 5},  # type: ignore[arg-type]
            ),
            {
                "configurationSlot": 1,
                "connectionData": {"ocppCsmsUrl": "wss://a", "messageTimeout": 5},
            },
        ),
    ],
)
def test_a_request_is_spelled_as_the_specification_does(
    request_: Any, payload: dict[str, Any]
) -> None:
    assert payload_of(request_) == (type(request_).__name__, payload)


def test_what_changes_after_a_request_was_made_does_not_change_it() -> None:
    samples = [SampledValue("1")]
    _, payload = payload_of(v16.MeterValues(1, [MeterValue("now", samples)]))
    samples.append(SampledValue("2"))
    assert payload["meterValue"][0]["sampledValue"] == [{"value": "1"}]
