"""OCPP-J framing: what comes in, what goes out, what hostile frames get (I28, S6, S9)."""

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csms.codes import Version
from csms.protocol import (
    Call,
    Deviation,
    FrameRules,
    MalformedFrame,
    Payload,
    Refusal,
    Result,
    decode,
    encode_call,
    encode_error,
    encode_result,
)
from csms.schemas import validate_request
from tests.csms.hostile_frames import ACCEPTED, HOSTILE_FRAMES, Answer, HostileFrame

RULES: dict[Version, FrameRules] = {
    "1.6": FrameRules(version="1.6"),
    "2.0.1": FrameRules(version="2.0.1"),
}
VERSIONS: list[Version] = ["1.6", "2.0.1"]
both = pytest.mark.parametrize("version", VERSIONS)

plain_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars | plain_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_text, inner, max_size=4),
    max_leaves=12,
)
payloads = st.dictionaries(plain_text, values, max_size=5)
ids = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=36).filter(
    str.isprintable
)
actions = st.from_regex(r"[A-Za-z]{1,64}", fullmatch=True)


def answer_to(text: str | bytes, version: Version) -> Answer:
    """What the frame layer and the schemas would answer, before any handler."""
    try:
        frame = decode(text, rules=RULES[version])
    except MalformedFrame as malformed:
        return (malformed.message_id or "", malformed.code) if malformed.code else None
    if not isinstance(frame, Call):
        return None
    violation = validate_request(version, frame.action, frame.payload)
    return frame.id, violation.code if violation else ACCEPTED


@both
@pytest.mark.parametrize("hostile", HOSTILE_FRAMES, ids=lambda hostile: hostile.name)
def test_i28_hostile_frame_gets_its_answer(hostile: HostileFrame, version: Version) -> None:
    assert answer_to(hostile.text, version) == hostile.answer(version)


def test_hostile_frames_are_many_and_their_ids_differ() -> None:
    names = [hostile.name for hostile in HOSTILE_FRAMES]
    known = [
        answer[0]
        for hostile in HOSTILE_FRAMES
        if (answer := hostile.answer("2.0.1")) and answer[0] != "-1"
    ]
    assert len(names) == len(set(names)) >= 40
    assert len(known) == len(set(known))


@both
def test_s9_answers_are_small_and_say_nothing_of_the_content(version: Version) -> None:
    for hostile in HOSTILE_FRAMES:
        try:
            decode(hostile.text, rules=RULES[version])
        except MalformedFrame as malformed:
            text = encode_error(malformed.message_id or "", malformed.code or "", malformed.reason)
            assert len(text) < 512
            assert "99999" not in text


@both
def test_s6_work_is_bounded_for_every_hostile_frame(version: Version) -> None:
    """Calls are counted, not seconds: a few for each character at most."""
    for hostile in HOSTILE_FRAMES:
        calls = 0

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event in {"call", "c_call"}

        sys.setprofile(count)
        try:
            answer_to(hostile.text, version)
        finally:
            sys.setprofile(None)
        assert calls < 2_000 + 4 * len(hostile.text), hostile.name


@both
def test_frame_above_the_limit_is_refused_unparsed(version: Version) -> None:
    rules = FrameRules(version=version, max_frame_chars=100)
    with pytest.raises(MalformedFrame) as refused:
        decode(f'[2,"big","Heartbeat",{{"a":"{"x" * 100}"}}]', rules=rules)
    assert refused.value.message_id == "big"


def test_charger_with_longer_ids_can_be_allowed_them() -> None:
    rules = FrameRules(version="1.6", max_id_chars=40)
    frame = decode(f'[2,"{"i" * 40}","Heartbeat",{{}}]', rules=rules)
    assert frame == Call("i" * 40, "Heartbeat", {})


@both
def test_wide_frame_and_brackets_in_texts_are_not_deep(version: Version) -> None:
    payload = {"vendorId": "[" * 100, "data": [{"a": [1, "x"]}] * 100}
    frame = decode(encode_call("1", "DataTransfer", payload), rules=RULES[version])
    assert frame == Call("1", "DataTransfer", payload)
    with pytest.raises(MalformedFrame, match="not an array"):
        decode(f'"{"[" * 100}"', rules=RULES[version])


@both
def test_s6_number_is_bounded_wherever_it_stands(version: Version) -> None:
    for blanks in range(32):
        number = "9" * 129
        with pytest.raises(MalformedFrame, match="number longer than 128 characters"):
            decode(f'[2,"1",{" " * blanks}"A",{{"a":{number}}}]', rules=RULES[version])
        call = decode(f'[2,"1",{" " * blanks}"A",{{"a":{number[:128]}}}]', rules=RULES[version])
        assert call == Call("1", "A", {"a": int(number[:128])})


@both
def test_deviations_are_named(version: Version) -> None:
    text = '\ufeff[2,"1","DataTransfer",{"vendorId":"a\\u0000","data":[NaN,"\\ud800"]}]'
    frame = decode(text, rules=RULES[version])
    assert isinstance(frame, Call)
    assert frame.deviations == ("byte_order_mark", "not_a_number", "unstorable_text")
    assert frame.payload["vendorId"] == "a\ufffd"
    assert math.isnan(frame.payload["data"][0])
    assert frame.payload["data"][1] == "\ufffd"


def test_null_payload_is_tolerated_in_16_only() -> None:
    deviations: tuple[Deviation, ...] = ("null_payload",)
    rules = RULES["1.6"]
    assert decode('[2,"1","Heartbeat",null]', rules=rules) == Call("1", "Heartbeat", {}, deviations)
    assert decode('[3,"1",null]', rules=rules) == Result("1", {}, deviations)
    with pytest.raises(MalformedFrame):
        decode('[3,"1",null]', rules=RULES["2.0.1"])


@both
def test_broken_answer_names_the_call_it_belongs_to(version: Version) -> None:
    for text in ('[3,"ours"]', '[3,"ours",[]]', '[3,"ours",{', '[4,"ours"]'):
        with pytest.raises(MalformedFrame) as broken:
            decode(text, rules=RULES[version])
        assert (broken.value.message_id, broken.value.code) == ("ours", None)


@both
def test_incomplete_error_is_still_an_error(version: Version) -> None:
    frame = decode(f'[4,"1","{"c" * 300}"]', rules=RULES[version])
    assert frame == Refusal("1", "c" * 255, "", {}, ("answer_incomplete",))


def test_i28_unsolicited_answers_by_the_thousand_leave_nothing_behind() -> None:
    for number in range(5_000):
        assert decode(f'[3,"n{number}",{{}}]', rules=RULES["1.6"]) == Result(f"n{number}", {})


def test_wire_text_is_compact_and_keeps_the_order_given() -> None:
    assert (
        encode_call("1", "ReserveNow", {"b": 1.5, "a": "é"})
        == '[2,"1","ReserveNow",{"b":1.5,"a":"é"}]'
    )
    assert encode_result("1", {}) == '[3,"1",{}]'
    assert (
        encode_error("1", "GenericError", "x" * 300) == f'[4,"1","GenericError","{"x" * 255}",{{}}]'
    )


def test_lone_surrogate_in_an_outgoing_payload_does_not_stop_it() -> None:
    assert encode_result("1", {"a": "\ud800"}) == '[3,"1",{"a":"\ufffd"}]'


@given(message_id=ids, action=actions, payload=payloads)
def test_call_comes_back_as_it_was_sent(message_id: str, action: str, payload: Payload) -> None:
    for version in VERSIONS:
        frame = decode(encode_call(message_id, action, payload), rules=RULES[version])
        assert isinstance(frame, Call)
        assert (frame.id, frame.action, frame.payload) == (message_id, action, payload)


@given(message_id=ids, payload=payloads, code=actions, description=plain_text)
def test_answers_come_back_as_they_were_sent(
    message_id: str, payload: Payload, code: str, description: str
) -> None:
    for version in VERSIONS:
        result = decode(encode_result(message_id, payload), rules=RULES[version])
        assert result == Result(message_id, payload)
        refusal = decode(encode_error(message_id, code, description), rules=RULES[version])
        assert refusal == Refusal(message_id, code, description[:255], {})


anything = st.recursive(
    scalars | st.floats() | st.text(st.characters()) | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=20,
)


@given(st.text(st.characters()) | st.binary() | anything.map(json.dumps))
@example("[" * 2_000)
@example('[2,"\ud800","Heartbeat",{}]')
def test_i28_decode_raises_nothing_but_malformed_frame(text: str | bytes) -> None:
    for version in VERSIONS:
        answer_to(text, version)


@given(
    st.tuples(
        st.sampled_from([2, 3, 4, 5]) | anything, ids | anything, actions | anything, anything
    ),
    st.data(),
)
def test_i28_readable_call_is_always_answered_under_its_id(
    frame: tuple[Any, ...], data: st.DataObject
) -> None:
    text = json.dumps([2, "id-1", *frame[2:]])
    cut = data.draw(st.integers(9, len(text)))
    for version in VERSIONS:
        for variant in (text, text[:cut], json.dumps(frame[:2])):
            answer = answer_to(variant, version)
            if variant.startswith('[2, "id-1"'):
                assert answer is not None
                assert answer[0] == "id-1"
