"""Webhooks as the client checks them: the same verdict as an independent library."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from voltgate_client import InvalidSignature, UnexpectedAnswer, models, verify_webhook

from core.kernel.webhook_signature import new_secret
from tests.clients.test_models import KEY, event

SECRET, OLD = new_secret(), new_secret()
NOW = time.time()
"""When the cases were made: the tests run later."""

BODY = event("key.created", KEY)


def headers(
    body: bytes = BODY, *secrets: str, message_id: str = "evt_1", age_s: int = 0
) -> dict[str, str]:
    """Sign as the independent library does."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    signatures = [Webhook(one).sign(message_id, at, body.decode()) for one in secrets or (SECRET,)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def test_what_is_signed_becomes_an_event() -> None:
    found = verify_webhook(BODY, headers(), SECRET)
    assert found.id == "evt_1"
    assert isinstance(found.data.object, models.ApiKey)
    assert verify_webhook(BODY.decode(), headers(), SECRET) == found


def test_names_of_headers_are_in_any_case() -> None:
    given = {name.title(): value for name, value in headers().items()}
    assert verify_webhook(BODY, {**given, "Content-Type": "application/json"}, SECRET)


def test_while_secrets_overlap_either_will_do() -> None:
    both = headers(BODY, SECRET, OLD)
    assert verify_webhook(BODY, both, SECRET)
    assert verify_webhook(BODY, both, OLD)
    assert verify_webhook(BODY, headers(BODY, OLD), [SECRET, OLD])


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (BODY + b"\n", headers()),
        (b"", headers()),
        (BODY, headers(BODY, OLD)),
        (BODY, headers(age_s=600)),
        (BODY, headers(age_s=-600)),
        (BODY, {}),
        (BODY, headers() | {"webhook-id": "evt_2"}),
        (BODY, headers() | {"webhook-id": ""}),
        (BODY, headers() | {"webhook-timestamp": ""}),
        (BODY, headers() | {"webhook-timestamp": "now"}),
        (BODY, headers() | {"webhook-timestamp": "²"}),
        (BODY, headers() | {"webhook-timestamp": "9" * 400}),
        (BODY, headers() | {"webhook-timestamp": str(int(NOW) + 1)}),
        (BODY, headers() | {"webhook-signature": ""}),
        (BODY, headers() | {"webhook-signature": "v1,"}),
        (BODY, headers() | {"webhook-signature": "ü"}),
        (BODY, headers() | {"webhook-signature": headers()["webhook-signature"][:20]}),
        (
            BODY,
            headers() | {"webhook-signature": headers()["webhook-signature"].replace("1", "2", 1)},
        ),
        (BODY, headers() | {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()}),
    ],
)
def test_s17_everything_else_is_refused(body: bytes, given: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature) as refused:
        verify_webhook(body, given, SECRET, now=lambda: NOW)
    assert SECRET[6:] not in repr(refused.value)


def test_the_tolerance_is_the_callers() -> None:
    given = headers(age_s=600)
    assert verify_webhook(BODY, given, SECRET, tolerance=timedelta(hours=1))
    assert verify_webhook(BODY, given, SECRET, now=lambda: time.time() - 600)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "whsec_ä", []])
def test_what_is_no_secret_is_said_without_it(secret: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret") as refused:
        verify_webhook(BODY, headers(), secret)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_signed_nonsense_is_no_event() -> None:
    for body in (b"[]", b'{"id": 7}', b"{"):
        with pytest.raises(UnexpectedAnswer):
            verify_webhook(body, headers(body), SECRET)


@given(st.binary(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
@example(BODY, "evt_1", "0", "v1,x")
def test_whatever_comes_it_is_refused_and_nothing_else(
    body: bytes, message_id: str, timestamp: str, signature: str
) -> None:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    sent = dict(zip(names, (message_id, timestamp, signature), strict=True))
    with pytest.raises(InvalidSignature):
        verify_webhook(body, sent, SECRET)


@given(
    st.dictionaries(st.text(), st.text(), max_size=3),
    st.text(st.characters(codec="ascii", categories=["L", "Nd"]), min_size=1),
)
def test_the_independent_library_agrees(extra: dict[str, str], message_id: str) -> None:
    body = json.dumps(json.loads(BODY) | {"extra": extra}).encode()
    given_headers = headers(body, message_id=message_id)
    Webhook(SECRET).verify(body, given_headers)
    assert verify_webhook(body, given_headers, SECRET).seq == 7
