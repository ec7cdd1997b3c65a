"""Payloads against the official schemas: codes, descriptions, order of members."""

import json
import math
from importlib.resources import files
from typing import Any

import pytest

from csms.actions import ACTIONS, FROM_CHARGER, TO_CHARGER
from csms.codes import Version
from csms.schemas import (
    compile_all,
    order_members,
    validate_outgoing,
    validate_request,
    validate_response,
)

VERSIONS: list[Version] = ["1.6", "2.0.1"]

SAMPLE_16 = {"timestamp": "x", "sampledValue": [{"value": "1"}]}
EVENT = {
    "eventType": "Updated",
    "timestamp": "x",
    "triggerReason": "Trigger",
    "seqNo": 1,
    "transactionInfo": {"transactionId": "t"},
}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
}


def profile_16(limit: float) -> dict[str, Any]:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
    }
    return {"connectorId": 1, "csChargingProfiles": {**PROFILE, "chargingSchedule": schedule}}


def event_with(value: object) -> dict[str, Any]:
    return {**EVENT, "meterValue": [{"timestamp": "x", "sampledValue": [{"value": value}]}]}


@pytest.mark.parametrize("version", VERSIONS)
def test_tables_of_actions_are_those_of_the_bundled_schemas(version: Version) -> None:
    folder = files("ocpp").joinpath("v16" if version == "1.6" else "v201", "schemas")
    names = {entry.name.removesuffix(".json") for entry in folder.iterdir()}
    answers = {name.removesuffix("Response") for name in names if name.endswith("Response")}
    assert answers == ACTIONS[version]
    assert FROM_CHARGER[version] & TO_CHARGER[version] == {"DataTransfer"}


def test_every_schema_compiles() -> None:
    assert compile_all() == 206


@pytest.mark.parametrize(
    ("version", "action", "payload", "code", "description"),
    [
        ("1.6", "Heartbeat", {}, None, ""),
        ("1.6", "Explode", {}, "NotImplemented", "OCPP 1.6 has no such action"),
        ("1.6", "Reset", {}, "NotSupported", "Reset is not for a charger to send"),
        ("2.0.1", "StartTransaction", {}, "NotImplemented", "OCPP 2.0.1 has no such action"),
        ("2.0.1", "Reset", {}, "NotSupported", "Reset is not for a charger to send"),
        ("1.6", "Authorize", {}, "ProtocolError", "payload: idTag is missing"),
        ("2.0.1", "Authorize", {}, "ProtocolError", "payload: idToken is missing"),
        (
            "1.6",
            "Authorize",
            {"idTag": 5},
            "TypeConstraintViolation",
            "/idTag: must be of type string",
        ),
        (
            "1.6",
            "Authorize",
            {"idTag": "x" * 21},
            "PropertyConstraintViolation",
            "/idTag: must have at most 20 characters, has 21",
        ),
        ("1.6", "Heartbeat", {"a/b": 1}, "FormationViolation", "payload: unknown member a/b"),
        ("2.0.1", "Heartbeat", {"a\n": 1}, "FormatViolation", "payload: unknown member 'a\\n'"),
        (
            "1.6",
            "MeterValues",
            {"connectorId": 1, "meterValue": []},
            "OccurenceConstraintViolation",
            "/meterValue: must have at least 1 items, has 0",
        ),
        (
            "1.6",
            "MeterValues",
            {"connectorId": 1, "meterValue": [SAMPLE_16, {**SAMPLE_16, "timestamp": None}]},
            "TypeConstraintViolation",
            "/meterValue/1/timestamp: must be of type string",
        ),
        (
            "2.0.1",
            "TransactionEvent",
            {**EVENT, "eventType": "Paused"},
            "PropertyConstraintViolation",
            "/eventType: must be one of Ended, Started, Updated",
        ),
        (
            "2.0.1",
            "TransactionEvent",
            {**EVENT, "meterValue": []},
            "OccurenceConstraintViolation",
            "/meterValue: must have at least 1 items, has 0",
        ),
    ],
)
def test_request_of_a_charger_gets_the_code_and_the_reason(
    version: Version, action: str, payload: dict[str, Any], code: str | None, description: str
) -> None:
    violation = validate_request(version, action, payload)
    assert (violation.code if violation else None) == code
    assert (violation.description if violation else "") == description


def test_description_is_bounded_and_does_not_echo_values() -> None:
    secret = "s3cret" * 1_000
    for payload in ({secret: 1}, {"idTag": secret}, {"idTag": {secret: secret}}):
        violation = validate_request("1.6", "Authorize", payload)
        assert violation is not None
        assert len(violation.description) <= 255
        assert secret[:60] not in violation.description
    long = {**EVENT, "triggerReason": "x"}
    violation = validate_request("2.0.1", "TransactionEvent", long)
    assert violation is not None
    assert len(violation.description) == 255


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**70, 1e300])
def test_s10_impossible_number_passes_the_schema_to_be_quarantined(value: float) -> None:
    assert validate_request("2.0.1", "TransactionEvent", event_with(value)) is None


def test_nan_is_no_whole_number_and_hides_no_other_fault() -> None:
    for payload in ({**EVENT, "seqNo": math.nan}, {**event_with(math.inf), "seqNo": "1"}):
        violation = validate_request("2.0.1", "TransactionEvent", payload)
        assert violation is not None
        assert violation.pointer == "/seqNo"


def test_timestamps_are_not_judged_by_the_schema() -> None:
    assert (
        validate_request("1.6", "MeterValues", {"connectorId": 1, "meterValue": [SAMPLE_16]})
        is None
    )


def test_operator_may_send_what_a_charger_may_not() -> None:
    assert validate_outgoing("1.6", "Reset", {"type": "Soft"}) is None
    violation = validate_outgoing("1.6", "Heartbeat", {})
    assert violation is not None
    assert violation.code == "NotSupported"


def test_16_limits_have_one_decimal_whatever_binary_floats_make_of_it() -> None:
    for tenths in range(2_000):
        assert validate_outgoing("1.6", "SetChargingProfile", profile_16(tenths / 10)) is None
    violation = validate_outgoing("1.6", "SetChargingProfile", profile_16(16.11))
    assert violation is not None
    assert violation.keyword == "multipleOf"


def test_answers_are_checked_in_either_direction() -> None:
    assert validate_response("1.6", "RemoteStartTransaction", {"status": "Accepted"}) is None
    assert validate_response("2.0.1", "Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"}) is None
    wrong = validate_response("1.6", "RemoteStartTransaction", {"status": "Perhaps"})
    assert wrong is not None
    assert wrong.pointer == "/status"
    unknown = validate_response("1.6", "Explode", {})
    assert unknown is not None
    assert unknown.code == "NotImplemented"


def test_members_are_put_in_the_order_of_the_specification_at_every_depth() -> None:
    payload = {
        "vendor": {"b": 1, "a": 2},
        "remoteStartId": 1,
        "chargingProfile": {
            "chargingSchedule": [
                {
                    "chargingSchedulePeriod": [{"limit": 1, "startPeriod": 0}],
                    "chargingRateUnit": "A",
                    "id": 1,
                }
            ],
            "stackLevel": 0,
            "id": 1,
        },
        "idToken": {"type": "Central", "idToken": "t"},
        "evseId": 1,
    }
    ordered = order_members("2.0.1", "RequestStartTransaction", payload)
    assert json.dumps(ordered, separators=(",", ":")) == (
        '{"evseId":1,"idToken":{"idToken":"t","type":"Central"},"remoteStartId":1,'
        '"chargingProfile":{"id":1,"stackLevel":0,"chargingSchedule":[{"id":1,'
        '"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":1}]}]},'
        '"vendor":{"b":1,"a":2}}'
    )
    assert list(order_members("1.6", "ChangeConfiguration", {"value": "1", "key": "k"})) == [
        "key",
        "value",
    ]
