"""S19: nothing secret reaches the request log, whatever is sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.request_log.models import Body, Omitted
from core.request_log.redaction import MAX_BODY_BYTES, clean, redact, redact_query, row_of
from tests.core.request_log.making import call

CANARY = "c4n4ryc4n4ryc4n4ryc4n4ry"
SECRET_NAMES = [
    "secret",
    "client_secret",
    "previousSecret",
    "password",
    "id_token",
    "idToken",
    "status_token",
    "authorization",
    "Authorization",
    "api_key",
    "apiKey",
    "private_key",
    "key",
    "signature",
    "webhook-signature",
    "credentials",
    "pin",
    "d",
    "X-Cookie",
]
LOOKS = [
    f"vg_live_01jd7zk3v5q8m2n4r6t8w0y2a4_{CANARY}",
    f"VG_TEST_01jd7zk3v5q8m2n4r6t8w0y2a4_{CANARY}",
    f"vg_app_{CANARY}",
    f"vg_op_01jd7zk3v5q8m2n4r6t8w0y2a4_{CANARY}",
    f"whsec_{CANARY}==",
    f"whsec_a~1b~1{CANARY}=",
    f"sgsec_{CANARY}==",
    f"Bearer {CANARY}",
    f"basic {CANARY}",
    f"https://user:{CANARY}@example.com/hook",
    f"https://example.com/hook?token={CANARY}",
    f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n-----END EC PRIVATE KEY-----",
    f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
]

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
documents = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner),
    max_leaves=9,
)


@st.composite
def planted(draw: st.DrawFn) -> Any:
    """A document that holds the canary somewhere, as a secret would be held."""
    looks = st.sampled_from(LOOKS).map(lambda text: f"see {text}, please")
    by_name = st.tuples(
        st.sampled_from(SECRET_NAMES),
        st.sampled_from([CANARY, [CANARY], {"value": CANARY}, 7]),
    ).map(lambda pair: dict([pair]))
    document = draw(looks | by_name | looks.map(lambda text: {text: 1}))
    for _ in range(draw(st.integers(0, 6))):
        beside = draw(documents)
        document = draw(
            st.sampled_from([[beside, document], {"a": document, "b": beside}, [document] * 3])
        )
    return document


@given(planted())
def test_s19_a_secret_is_hidden_wherever_it_stands(document: Any) -> None:
    sent = json.dumps(document).encode()
    row = row_of(call(request=Body(len(sent), sent), response=Body(len(sent), sent)))
    assert CANARY not in json.dumps({name: str(value) for name, value in row.items()})


@pytest.mark.parametrize("look", LOOKS)
def test_s19_each_look_of_a_secret_is_known_where_nothing_else_hints_at_it(look: str) -> None:
    sent = json.dumps(look).encode()
    row = row_of(call(request=Body(len(sent), sent), response=Body(len(sent), sent)))
    assert CANARY not in json.dumps({name: str(value) for name, value in row.items()})


@given(documents)
def test_what_is_kept_is_json_and_small(document: Any) -> None:
    sent = json.dumps(document).encode()
    row = row_of(call(request=Body(len(sent), sent)))
    kept = row["request_body"]
    assert row["request_bytes"] == len(sent)
    if kept is not None:
        assert len(kept.encode()) <= MAX_BODY_BYTES
        json.loads(kept)
    else:
        assert document is None or row["request_omitted"] in set(Omitted)


@given(st.binary(max_size=200))
def test_no_body_is_too_odd(sent: bytes) -> None:
    row = row_of(call(request=Body(len(sent), sent)))
    assert row["request_omitted"] in (None, Omitted.NOT_JSON, Omitted.TOO_LARGE)


@pytest.mark.parametrize("text", LOOKS)
def test_s19_paths_queries_and_agents_are_cleaned_too(text: str) -> None:
    row = row_of(call(path=f"/v1/x/{text}", query=f"type={text}", user_agent=f"app {text}"))
    assert CANARY not in str(row)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_s19_parameters_are_known_by_their_names(name: str) -> None:
    assert CANARY not in redact_query(f"limit=5&{name}={CANARY}&x=1")


def test_a_query_stays_readable() -> None:
    assert redact_query("limit=5&type=a.b&since=2026-01-01T00:00:00Z") == (
        "limit=5&type=a.b&since=2026-01-01T00:00:00Z"
    )
    assert redact_query("token=x&limit=5") == "token=[hidden]&limit=5"
    assert len(redact_query("&".join(f"a{n}={'x' * 90}" for n in range(500)))) <= 500


def test_what_a_developer_looks_for_stays() -> None:
    body = {
        "request_id": "app-1",
        "connector_id": "con_1",
        "user_ref": "driver 7",
        "key_id": "key_1",
        "limits": {"max_minutes": 30},
        "expires_at": None,
    }
    assert redact(body) == body
    assert redact({"id_token": "RFID", "secret": None, "has_secret": True}) == {
        "id_token": "[hidden]",
        "secret": None,
        "has_secret": True,
    }


def test_long_texts_and_lists_are_cut_and_long_bodies_left_out() -> None:
    cut = redact({"text": "x" * 900, "list": list(range(100))})
    assert cut["text"] == "x" * 500 + "...[400 more characters]"
    assert cut["list"][-2:] == [19, "...[80 more]"]
    sent = json.dumps({f"name{n}": "x" * 100 for n in range(60)}).encode()
    row = row_of(call(request=Body(len(sent), sent)))
    assert (row["request_body"], row["request_omitted"]) == (None, Omitted.TOO_LARGE)


def test_a_body_without_names_is_not_kept() -> None:
    sent = b'{"password": "' + CANARY.encode()
    row = row_of(call(request=Body(len(sent), sent)))
    assert (row["request_body"], row["request_omitted"]) == (None, Omitted.NOT_JSON)
    assert row["request_bytes"] == len(sent)


def test_nested_beyond_reason_is_hidden() -> None:
    document: Any = CANARY
    for _ in range(60):
        document = [document]
    assert CANARY not in json.dumps(redact(document))


def test_the_operation_and_the_request_are_found() -> None:
    operation = "op_" + "0" * 26
    answer = json.dumps({"object": "operation", "id": operation}).encode()
    sent = b'{"request_id": "app-1"}'
    row = row_of(call(request=Body(1, sent), response=Body(1, answer)))
    assert (row["request_id"], row["operation_id"]) == ("app-1", operation)
    reused = json.dumps({"code": "idempotency_key_reused", "operation_id": operation}).encode()
    assert row_of(call(response=Body(1, reused)))["operation_id"] == operation
    read = row_of(call(method="GET", path=f"/v1/operations/{operation}"))
    assert (read["operation_id"], read["request_id"]) == (operation, None)
    assert row_of(call(idempotency_key="app-2"))["request_id"] == "app-2"
    assert row_of(call(idempotency_key="not one"))["request_id"] is None


def test_cleaning_a_hostile_text_takes_no_time() -> None:
    hostile = ["://" + "a" * 50_000, "-----BEGIN PRIVATE KEY-----" + "-a" * 30_000, "eyJ" * 20_000]
    for text in hostile:
        assert clean(text)
