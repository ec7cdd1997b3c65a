"""Signatures that the independent verifier of Standard Webhooks accepts, and no others."""

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from core.kernel.webhook_signature import new_secret, sign

BODY = '{"type":"ping","city":"K\u00f6ln"}'.encode()
MESSAGE_ID = "evt_01"


def headers(signature: str, timestamp: int, message_id: str = MESSAGE_ID) -> dict[str, str]:
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }


def test_a_new_secret_is_32_random_bytes_in_base64() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert new_secret() != secret


def test_the_example_of_the_specification() -> None:
    """Standard Webhooks 1.0.0, the reference libraries' test vector."""
    signature = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(
    body=st.text().map(str.encode), message_id=st.from_regex(r"evt_[0-9a-z]{1,26}", fullmatch=True)
)
def test_s17_the_independent_verifier_accepts(body: bytes, message_id: str) -> None:
    secret, now = new_secret(), int(time.time())
    signature = sign([secret], message_id=message_id, timestamp=now, body=body)
    Webhook(secret).verify(body, headers(signature, now, message_id), json_parse=False)


def test_s17_while_rotating_either_secret_verifies() -> None:
    new, old, now = new_secret(), new_secret(), int(time.time())
    signature = sign([new, old], message_id=MESSAGE_ID, timestamp=now, body=BODY)
    assert signature.split(" ")[0] == sign([new], message_id=MESSAGE_ID, timestamp=now, body=BODY)
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers(signature, now))


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("body", BODY + b" "),
        ("message_id", "evt_02"),
        ("timestamp", 1),
        ("secret", "whsec_" + base64.b64encode(bytes(32)).decode()),
    ],
)
def test_s17_what_was_changed_is_refused(changed: str, value: object) -> None:
    secret, now = new_secret(), int(time.time())
    signature = sign([secret], message_id=MESSAGE_ID, timestamp=now, body=BODY)
    got = {"body": BODY, "message_id": MESSAGE_ID, "timestamp": 0, "secret": secret, changed: value}
    sent = headers(signature, now + int(str(got["timestamp"])), str(got["message_id"]))
    body = got["body"]
    assert isinstance(body, bytes)
    with pytest.raises(WebhookVerificationError):
        Webhook(str(got["secret"])).verify(body, sent)


@pytest.mark.parametrize("shift_s", [-301, 301])
def test_s17_a_timestamp_five_minutes_off_is_refused(shift_s: int) -> None:
    secret, then = new_secret(), int(time.time()) + shift_s
    signature = sign([secret], message_id=MESSAGE_ID, timestamp=then, body=BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers(signature, then))


@pytest.mark.parametrize(
    "secrets",
    [
        [],
        [""],
        ["whsec_"],
        ["whsec_not base64"],
        ["whsec_abc"],
        ["c2VjcmV0"],
        ["whsec_k\u00f6ln"],
        [new_secret(), "whsec_%%%%"],
    ],
)
def test_s19_a_malformed_secret_is_refused_and_not_repeated(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="secret") as caught:
        sign(secrets, message_id=MESSAGE_ID, timestamp=1, body=BODY)
    assert caught.value.__cause__ is None
    assert not any(
        secret.removeprefix("whsec_") in str(caught.value) for secret in secrets if len(secret) > 6
    )


@pytest.mark.parametrize("message_id", ["", "evt.1", "."])
def test_an_id_that_could_be_read_as_another_message_is_refused(message_id: str) -> None:
    with pytest.raises(ValueError, match="message id"):
        sign([new_secret()], message_id=message_id, timestamp=1, body=BODY)
