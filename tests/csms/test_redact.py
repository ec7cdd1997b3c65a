"""No secret of a frame reaches a log or the database (I34)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.redact import _HINTS, _STEMS, is_plain, redact, redact_frame
from tests.csms.hostile_frames import HOSTILE_FRAMES

SECRET = "c4nary-0011"

WITH_SECRET: dict[str, Any] = {
    "ChangeConfiguration": {"key": "AuthorizationKey", "value": SECRET},
    "ChangeConfiguration, a vendor's": {"value": SECRET, "key": "WiFi-Password"},
    "GetConfiguration answer": {
        "configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]
    },
    "SetVariables": {
        "setVariableData": [
            {
                "attributeValue": SECRET,
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
            }
        ]
    },
    "GetVariables answer": {
        "getVariableResult": [{"attributeValue": SECRET, "variable": {"name": "BasicAuthPassword"}}]
    },
    "NotifyReport": {
        "reportData": [
            {
                "variable": {"name": "ApnPassword"},
                "variableAttribute": [{"type": "Actual", "value": SECRET}],
            }
        ]
    },
    "NotifyEvent": {"eventData": [{"actualValue": SECRET, "variable": {"name": "simPin"}}]},
    "SetNetworkProfile": {
        "connectionData": {
            "apn": {"apn": "internet", "apnPassword": SECRET, "simPin": SECRET},
            "vpn": {"server": "v", "user": "u", "key": SECRET, "password": SECRET},
        }
    },
    "upload address": {"location": f"ftp://user:{SECRET}@host/path"},
    "upload address, odd password": {"remoteLocation": f"sftp://user:a@b/{SECRET}@host/path"},
    "PIN code as token": {"idToken": {"idToken": SECRET, "type": "KeyCode"}},
    "private key": {"x": f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----"},
    "private key, cut": {"x": f"-----BEGIN PRIVATE KEY-----\n{SECRET}"},
    "text with JSON in it": {"data": json.dumps({"password": SECRET})},
    "text with JSON in JSON": {"data": json.dumps({"a": json.dumps({"password": SECRET})})},
    "text with a setting": {"data": f"apn=x;pwd={SECRET};port=1"},
    "secret an object": {"password": {"any": [SECRET]}},
    "secrets in a list": {"passwords": [SECRET, {"value": SECRET}]},
    "report beyond its shape": {"variable": {"name": "password"}, "variableAttribute": SECRET},
}


@pytest.mark.parametrize("payload", WITH_SECRET.values(), ids=WITH_SECRET)
def test_i34_no_secret_survives(payload: dict[str, Any]) -> None:
    for frame in ([2, "id-1", "Action", payload], [3, "id-1", payload], payload):
        text = json.dumps(frame)
        assert SECRET in text
        assert SECRET not in redact_frame(text)
        assert SECRET not in redact_frame(text.encode())
        assert SECRET not in json.dumps(redact(frame))


@pytest.mark.parametrize("name", ["ChangeConfiguration", "SetVariables", "upload address"])
def test_i34_no_secret_survives_in_a_frame_that_does_not_parse(name: str) -> None:
    text = json.dumps([2, "id-1", "Action", WITH_SECRET[name]])
    assert SECRET not in redact_frame(text.removesuffix("]"))


def test_i34_escapes_hide_no_secret() -> None:
    text = f'[2,"1","ChangeConfiguration",{{"key":"\\u0041uthorizationKey","value":"{SECRET}"}}]'
    assert SECRET not in redact_frame(text)
    assert SECRET not in redact_frame(f'[2,"1","GetLog",{{"a":"ftp:\\/\\/u:{SECRET}@h"}}]')


def test_i34_what_is_nested_too_deep_to_look_at_is_masked() -> None:
    text = f'[2,"1","DataTransfer",{{"password":1,"data":{"[" * 60}"{SECRET}"{"]" * 60}}}]'
    assert SECRET not in redact_frame(text)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"1","Heartbeat",{}]',
        '[2, "1", "Authorize", {"idTag": "TAG"}]',
        '[2,"1","ChangeConfiguration",{"key":"HeartbeatInterval","value":"60"}]',
        '[2,"1","Authorize",{"idToken":{"idToken":"04AB","type":"ISO14443"}}]',
        '[2,"1","SetVariables",{"attributeValue":"1","variable":{"name":"StoppingMappings"}}]',
        '[2,"1","GetDiagnostics",{"location":"https://host/path"}]',
        '[3,"1",{"password":null,"mapping":"x","vpn":true}]',
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert redact_frame(text) == text


def test_what_a_charger_stored_of_a_person_is_not_logged() -> None:
    text = (
        '[2,"1","NotifyCustomerInformation",'
        '{"data":"Jane Doe","seqNo":0,"generatedAt":"2026-11-21T10:00:00Z","requestId":3}]'
    )
    assert redact_frame(text) == text.replace("Jane Doe", "***")


def test_rest_of_the_frame_stays_readable() -> None:
    text = json.dumps([2, "1", "SetNetworkProfile", WITH_SECRET["SetNetworkProfile"]])
    assert redact_frame(text) == (
        '[2,"1","SetNetworkProfile",{"connectionData":{"apn":{"apn":"internet","apnPassword":"***",'
        '"simPin":"***"},"vpn":{"server":"v","user":"u","key":"***","password":"***"}}}]'
    )


def test_logged_frame_is_bounded_and_storable() -> None:
    long = redact_frame(f'[2,"1","DataTransfer",{{"data":"{"x" * 100_000}"}}]', max_chars=1_000)
    assert len(long) < 1_050
    assert long.endswith(" more characters]")
    for hostile in HOSTILE_FRAMES:
        logged = redact_frame(hostile.text)
        assert len(logged) < 17_000
        assert "\x00" not in logged
        logged.encode()


@pytest.mark.parametrize(
    "part", ["a://", "pin", "passw ", "-----BEGIN ", "pin\\\\", "password=", "a://@", "pin "]
)
@pytest.mark.timeout(30)
def test_s9_no_text_makes_the_search_slow(part: str) -> None:
    """Work that grows with the square of the length would take hours and end in the timeout."""
    text = f'["{part * (2_000_000 // len(part))}"]'
    redact_frame(text)
    redact_frame(text[:-2])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.text(st.characters()) | st.sampled_from(["key", "value", "variable", "password"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(anything.map(json.dumps) | st.text(st.characters()) | st.binary())
def test_no_shape_is_too_odd_to_be_logged(text: str | bytes) -> None:
    logged = redact_frame(text)
    assert "\x00" not in logged
    logged.encode()


@pytest.mark.parametrize("hint", _HINTS)
def test_the_quick_look_misses_no_hint(hint: str) -> None:
    assert any(stem in hint for stem in _STEMS)
    assert not is_plain(f'[2,"1","DataTransfer",{{"data":"{hint.upper()}"}}]')
