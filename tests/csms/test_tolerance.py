"""What is made of content that deviates: pure, and harmless whatever comes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chargers.charger_profiles import STANDARD, Rules, rules_of
from csms import tolerance
from csms.protocol import Call, FrameRules, decode
from csms.tolerance import adapt

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "connectorId",
                    "transactionId",
                    "meterStart",
                    "meterValue",
                    "sampledValue",
                    "status",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
EVERYTHING = rules_of(
    {
        "connector_zero": "connector",
        "energy_in_kwh": True,
        "enum_aliases": {"StatusNotification/status": {"Occupied": "Charging"}},
        "ignore_unknown_members": True,
        "naive_time_zone": "Asia/Tokyo",
    }
)


def adapted(
    action: str, payload: dict[str, Any], rules: Rules = STANDARD, *, version: Any = "1.6"
) -> tolerance.Adapted:
    text = json.dumps([2, "1", action, payload])
    return adapt(version, Call("1", action, payload), text, rules)


def test_what_is_as_it_should_be_stays_as_it_is() -> None:
    payload = {"connectorId": 1, "timestamp": "2026-11-21T10:00:00Z", "transactionId": 7}

    found = adapted("MeterValues", payload)

    assert found.payload is payload
    assert found.codes == ()


def test_a_naive_timestamp_gets_the_zone_of_the_profile() -> None:
    payload = {"timestamp": "2026-07-01T10:00:00.5", "data": "2026-07-01T10:00:00"}

    found = adapted("DataTransfer", payload, rules_of({"naive_time_zone": "Europe/Berlin"}))

    assert found.payload == {
        "timestamp": "2026-07-01T10:00:00.5+02:00",
        "data": "2026-07-01T10:00:00",
    }
    assert found.codes == ("timestamp_without_zone",)


def test_without_a_profile_a_naive_timestamp_is_utc_and_counted() -> None:
    payload = {"timestamp": "2026-07-01T10:00:00"}

    found = adapted("StatusNotification", payload)

    assert found.payload is payload
    assert found.codes == ("timestamp_without_zone",)


def test_an_impossible_naive_timestamp_is_left_to_those_who_judge_it() -> None:
    payload = {"timestamp": "2026-13-41T10:00:00"}

    assert (
        adapted("StatusNotification", payload, EVERYTHING).payload["timestamp"]
        == "2026-13-41T10:00:00"
    )


def test_connector_zero_means_the_only_connector_where_the_profile_says_so() -> None:
    rules = rules_of({"connector_zero": "connector"})

    found = adapted("StatusNotification", {"connectorId": 0}, rules)

    assert found.payload == {"connectorId": 1}
    assert found.codes == ("connector_zero_as_connector",)
    assert adapted("StatusNotification", {"connectorId": 0}).codes == ()
    assert adapted("StartTransaction", {"connectorId": 0}).codes == ("start_on_connector_zero",)


def test_energy_in_kwh_is_made_wh() -> None:
    rules = rules_of({"energy_in_kwh": True})
    samples = [
        {"value": "12.5", "unit": "Wh"},
        {"value": "3", "measurand": "Energy.Active.Import.Register"},
        {"value": "230", "measurand": "Voltage", "unit": "V"},
        {"value": "7", "unit": "kWh"},
    ]
    payload = {"meterStop": 12, "transactionData": [{"timestamp": "t", "sampledValue": samples}]}

    found = adapted("StopTransaction", payload, rules)

    assert found.payload["meterStop"] == 12_000
    units = [one.get("unit") for one in found.payload["transactionData"][0]["sampledValue"]]
    assert units == ["kWh", "kWh", "V", "kWh"]
    assert found.codes == ("energy_kwh_as_wh",)


def test_energy_of_2x_keeps_its_multiplier() -> None:
    sample = {"value": 1.5, "unitOfMeasure": {"unit": "Wh", "multiplier": 1}}
    payload = {"meterValue": [{"sampledValue": [sample, {"value": 2.0}]}]}

    found = adapted("TransactionEvent", payload, EVERYTHING, version="2.0.1")

    [first, second] = found.payload["meterValue"][0]["sampledValue"]
    assert first["unitOfMeasure"] == {"unit": "kWh", "multiplier": 1}
    assert second["unitOfMeasure"] == {"unit": "kWh"}


def test_unknown_members_are_left_out_at_every_depth() -> None:
    payload = {
        "connectorId": 1,
        "vendor": 1,
        "meterValue": [{"timestamp": "t", "x": 1, "sampledValue": [{"value": "1", "y": 2}]}],
    }

    found = adapted("MeterValues", payload, rules_of({"ignore_unknown_members": True}))

    assert found.payload == {
        "connectorId": 1,
        "meterValue": [{"timestamp": "t", "sampledValue": [{"value": "1"}]}],
    }
    assert found.codes == ("unknown_member",)


def test_values_off_the_list_are_translated_where_the_profile_names_them() -> None:
    rules = rules_of({"enum_aliases": {"MeterValues/meterValue/context": {"Periodic": "Other"}}})
    payload = {"meterValue": [{"context": "Periodic"}, {"context": "Trigger"}]}

    found = adapted("MeterValues", payload, rules)

    assert found.payload == {"meterValue": [{"context": "Other"}, {"context": "Trigger"}]}
    assert found.codes == ("enum_off_list",)


@given(payload=st.dictionaries(st.sampled_from(["connectorId", "meterValue", "status"]), JSON))
def test_no_content_makes_it_fail(payload: dict[str, Any]) -> None:
    for action in ("MeterValues", "StatusNotification", "StopTransaction", "Nonsense"):
        adapted(action, payload, EVERYTHING)
        adapted(action, payload, EVERYTHING, version="2.0.1")


@pytest.mark.parametrize(
    ("name", "identity", "codes"),
    [
        ("CP-1", "CP-1", ()),
        ("CP%201", "CP 1", ()),
        ("CP%2D1", "CP-1", ("identity_percent_encoded",)),
        ("%43P-1", "CP-1", ("identity_percent_encoded",)),
        ("CP%2B1", "CP+1", ()),
    ],
)
def test_only_needless_percent_encoding_is_a_deviation(
    name: str, identity: str, codes: tuple[str, ...]
) -> None:
    assert tolerance.identity_of(name) == (identity, codes)


def test_a_user_name_is_the_identity_or_its_encoded_form() -> None:
    assert tolerance.same_user("cp-1", identity="CP-1", name="CP-1") == (True, ())
    encoded = tolerance.same_user("CP%201", identity="CP 1", name="CP%201")
    assert encoded == (True, ("basic_user_encoded",))
    assert tolerance.same_user("CP-2", identity="CP-1", name="CP%2D1") == (False, ())


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        (None, ()),
        (b"correct-horse-battery", ()),
        (b"sixteen-letters!".hex().encode(), ("basic_key_hex",)),
        (b"a1b2c3d4e5f60718293a4b5c6d7e8f9001122334", ()),
        (bytes.fromhex("a1b2c3d4e5f60718293a4b5c6d7e8f9001122334"), ("basic_key_raw_bytes",)),
    ],
)
def test_the_form_of_a_key_is_named(password: bytes | None, codes: tuple[str, ...]) -> None:
    assert tolerance.key_form(password) == codes


def test_only_a_handshake_without_any_subprotocol_gets_the_one_of_the_profile() -> None:
    rules = rules_of({"missing_subprotocol": "1.6"})

    assert tolerance.subprotocol_of(rules, "") == "ocpp1.6"
    assert tolerance.subprotocol_of(rules, "ocpp1.5") is None
    assert tolerance.subprotocol_of(STANDARD, "") is None


def test_frames_may_be_what_the_profile_says() -> None:
    rules = rules_of({"max_message_id_chars": 64, "null_payload": True, "max_frame_bytes": 2_000})

    frames = tolerance.frame_rules(FrameRules(version="2.0.1"), rules, max_frame_bytes=9)

    call = decode(f'[2,"{"a" * 60}","Heartbeat",null]', rules=frames)
    assert isinstance(call, Call)
    assert tolerance.frame_codes(call, standard_id_chars=36) == ("null_payload", "message_id_long")
    assert frames.max_frame_chars == 2_000
