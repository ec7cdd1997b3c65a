import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms import schemas
from csms.codes import Version
from csms.mending import IMPOSSIBLE_NUMBER, Hopeless, mend
from csms.ocpp16 import OCPP16
from csms.ocpp201 import OCPP201

AT = "2026-11-21T10:00:00Z"
START: dict[str, Any] = {"connectorId": 1, "idTag": "T", "meterStart": 5, "timestamp": AT}
STOP: dict[str, Any] = {"transactionId": 7, "meterStop": 9, "timestamp": AT}
EVENT: dict[str, Any] = {
    "eventType": "Started",
    "timestamp": AT,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "tx"},
}
METER_16: dict[str, Any] = {
    "connectorId": 1,
    "meterValue": [{"timestamp": AT, "sampledValue": [{"value": "1"}, {"value": "2"}]}],
}
METER_201: dict[str, Any] = {
    "evseId": 1,
    "meterValue": [{"timestamp": AT, "sampledValue": [{"value": 1}, {"value": 2}]}],
}
MESSAGES: dict[str, tuple[Version, dict[str, Any]]] = {
    "StartTransaction": ("1.6", START),
    "StopTransaction": ("1.6", STOP),
    "MeterValues": ("1.6", METER_16),
    "TransactionEvent": ("2.0.1", EVENT),
}


def mended(action: str, change: dict[str, Any]) -> Any:
    version, payload = MESSAGES[action]
    routes = OCPP16.routes if version == "1.6" else OCPP201.routes
    broken = copy.deepcopy(payload) | change
    assert schemas.validate_request(version, action, broken) is not None
    return mend(version, action, broken, routes[action].message).message


@pytest.mark.parametrize(
    ("action", "change", "name", "expected"),
    [
        ("StartTransaction", {"meterStart": "5"}, "meter_start", 5),
        ("StartTransaction", {"meterStart": 5.5}, "meter_start", IMPOSSIBLE_NUMBER),
        ("StartTransaction", {"meterStart": None}, "meter_start", IMPOSSIBLE_NUMBER),
        ("StartTransaction", {"meterStart": float("nan")}, "meter_start", IMPOSSIBLE_NUMBER),
        ("StartTransaction", {"meterStart": [1]}, "meter_start", IMPOSSIBLE_NUMBER),
        ("StartTransaction", {"connectorId": "1"}, "connector_id", 1),
        ("StartTransaction", {"idTag": 4711}, "id_tag", "4711"),
        ("StartTransaction", {"idTag": None}, "id_tag", ""),
        ("StartTransaction", {"timestamp": 5}, "timestamp", "5"),
        ("StartTransaction", {"timestamp": {}}, "timestamp", ""),
        ("StartTransaction", {"reservationId": None}, "reservation_id", None),
        ("StartTransaction", {"reservationId": "x"}, "reservation_id", None),
        ("StartTransaction", {"extra": 1}, "meter_start", 5),
        ("StopTransaction", {"transactionId": "7"}, "transaction_id", 7),
        ("StopTransaction", {"reason": "Bored"}, "reason", "Other"),
        ("StopTransaction", {"reason": 5}, "reason", "Other"),
        ("StopTransaction", {"idTag": None}, "id_tag", None),
        ("StopTransaction", {"transactionData": {}}, "transaction_data", ()),
        ("StopTransaction", {"transactionData": [7]}, "transaction_data", ()),
        ("MeterValues", {"transactionId": None}, "transaction_id", None),
        ("MeterValues", {"transactionId": "7"}, "transaction_id", 7),
        ("TransactionEvent", {"eventType": "Begun"}, "event_type", "Updated"),
        ("TransactionEvent", {"triggerReason": 5}, "trigger_reason", "Trigger"),
        ("TransactionEvent", {"seqNo": "3"}, "seq_no", 3),
        ("TransactionEvent", {"offline": "true"}, "offline", True),
        ("TransactionEvent", {"offline": 5}, "offline", False),
        ("TransactionEvent", {"evse": {}}, "evse", None),
        ("TransactionEvent", {"evse": []}, "evse", None),
        ("TransactionEvent", {"meterValue": []}, "meter_value", ()),
        ("TransactionEvent", {"meterValue": "x"}, "meter_value", ()),
        ("TransactionEvent", {"cableMaxCurrent": "x"}, "cable_max_current", None),
    ],
)
def test_content_is_mended(action: str, change: dict[str, Any], name: str, expected: Any) -> None:
    assert getattr(mended(action, change), name) == expected


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StartTransaction", {}),
        ("StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 5}),
        ("StopTransaction", {"meterStop": 9, "timestamp": AT}),
        ("MeterValues", {"connectorId": 1}),
        ("MeterValues", METER_16 | {"meterValue": {}}),
        ("TransactionEvent", EVENT | {"transactionInfo": {}}),
        ("TransactionEvent", EVENT | {"transactionInfo": "tx"}),
        ("TransactionEvent", EVENT | {"idToken": {"type": "Central"}}),
        ("TransactionEvent", EVENT | {"idToken": "T"}),
        ("StopTransaction", STOP | {"transactionData": [7] * 300}),
    ],
)
def test_missing_structure_is_refused(action: str, payload: dict[str, Any]) -> None:
    version, _ = MESSAGES[action]
    routes = OCPP16.routes if version == "1.6" else OCPP201.routes
    with pytest.raises(Hopeless):
        mend(version, action, payload, routes[action].message)


def test_an_empty_list_of_meter_values_is_refused_in_201() -> None:
    payload = {"evseId": 1, "meterValue": []}
    with pytest.raises(Hopeless):
        mend("2.0.1", "MeterValues", payload, OCPP201.routes["MeterValues"].message)


def test_a_token_that_is_too_long_never_equals_a_known_one() -> None:
    one = mended("StartTransaction", {"idTag": "T" * 21}).id_tag
    other = mended("StartTransaction", {"idTag": "T" * 22}).id_tag
    assert len(one) == len(other) == 20
    assert len({one, other, "T" * 20}) == 3
    event = mended("TransactionEvent", {"transactionInfo": {"transactionId": "x" * 37}})
    assert len(event.transaction_info.transaction_id) == 36


@pytest.mark.parametrize(
    ("sampled", "values"),
    [
        ([{"value": 5}], ["5"]),
        ([{"value": "5", "unit": "furlong"}, {"value": "6"}], ["6"]),
        ([{"value": "5", "measurand": "Guess"}, {"value": "6"}], ["6"]),
        ([{"value": "5", "context": "Often"}], ["5"]),
        ([{}, {"value": "6"}, {"unit": "Wh"}, {"value": "7"}], ["6", "7"]),
        ([7, None, {"value": "6"}], ["6"]),
        ([{"value": None}], []),
        ([{"value": "5", "colour": "red"}], ["5"]),
    ],
)
def test_a_sample_that_is_not_understood_is_left_out(sampled: list[Any], values: list[str]) -> None:
    message = mended("MeterValues", {"meterValue": [{"timestamp": AT, "sampledValue": sampled}]})
    assert [one.value for one in message.meter_value[0].sampled_value] == values


def test_a_meter_value_with_a_strange_time_is_kept_and_one_without_is_not() -> None:
    message = mended(
        "MeterValues",
        {
            "meterValue": [
                {"timestamp": 5, "sampledValue": [{"value": "1"}]},
                {"sampledValue": [{"value": "2"}]},
                {"timestamp": AT, "sampledValue": {}},
            ]
        },
    )
    assert [(one.timestamp, len(one.sampled_value)) for one in message.meter_value] == [("", 1)]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(MESSAGES)), st.data())
def test_whatever_the_content_it_is_mended_or_refused(action: str, data: st.DataObject) -> None:
    version, payload = MESSAGES[action]
    broken = copy.deepcopy(payload)
    for path in data.draw(st.lists(st.sampled_from(_paths(payload)), max_size=3)):
        node: Any = broken
        try:
            for part in path[:-1]:
                node = node[part]
            if isinstance(node, dict) is isinstance(path[-1], str):
                node[path[-1]] = data.draw(_JSON)
        except (IndexError, KeyError, TypeError):
            continue
    routes = OCPP16.routes if version == "1.6" else OCPP201.routes
    before = copy.deepcopy(broken)
    try:
        mend(version, action, broken, routes[action].message)
    except Hopeless:
        assert schemas.validate_request(version, action, broken) is not None
    assert repr(broken) == repr(before)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node)
    found: list[tuple[Any, ...]] = []
    for name, child in children:
        found.append((*path, name))
        if isinstance(child, (dict, list)):
            found += _paths(child, (*path, name))
    return found
