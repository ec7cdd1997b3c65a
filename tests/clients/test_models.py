"""Models: lenient where the platform may grow, silent about secrets."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from voltgate_client import models
from voltgate_client._events import decode_event

from core.operations.states import OperationStatus as CoreStatus
from core.webhooks.types import EventType as CoreEventType

KEY: dict[str, Any] = {
    "id": "key_1",
    "object": "api_key",
    "livemode": False,
    "name": "mine",
    "scopes": ["events:read"],
    "ip_allowlist": [],
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-01-31T12:00:00.000Z",
    "created_at": "2026-01-31T12:00:00.000Z",
    "updated_at": "2026-01-31T12:00:00.000Z",
    "secret": "vg_test_1_sesame",
}


def event(type_: str, subject: dict[str, Any]) -> bytes:
    """Return the body of an event."""
    return msgspec.json.encode(
        {
            "id": "evt_1",
            "object": "event",
            "type": type_,
            "timestamp": "2026-01-31T12:00:00.000Z",
            "api_version": "v1",
            "livemode": True,
            "partner_id": "prt_1",
            "seq": 7,
            "object_sequence": 1,
            "related": {},
            "data": {"object": subject},
        }
    )


def test_fields_that_are_not_known_are_left_out() -> None:
    text = msgspec.json.encode(KEY | {"colour": "green", "nested": {"a": [1]}})
    key = msgspec.json.decode(text, type=models.ApiKeyWithSecret)
    assert key.last_used_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert not hasattr(key, "colour")


def test_fields_that_may_be_empty_may_be_missing() -> None:
    """So a newer client works with an older platform, and with events of long ago."""
    text = msgspec.json.encode({name: value for name, value in KEY.items() if value})
    found = msgspec.json.decode(text, type=models.ApiKeyWithSecret)
    assert (found.expires_at, found.ip_allowlist, found.livemode) == (None, [], False)


@pytest.mark.parametrize("word", ["melted", "", "Über", "0"])
def test_words_that_are_not_known_are_kept(word: str) -> None:
    status = msgspec.json.decode(msgspec.json.encode(word), type=models.OperationStatus)
    assert status == word
    assert str(status) == word
    assert not status.is_known
    assert msgspec.json.encode(status) == msgspec.json.encode(word)
    assert models.OperationStatus(word) == status
    assert status != models.OperationStatus.SUCCEEDED


def test_known_words_are_those_of_the_platform() -> None:
    assert [str(word) for word in models.OperationStatus] == list(CoreStatus)
    assert [str(word) for word in models.EventType] == list(CoreEventType)
    assert models.OperationStatus("succeeded") is models.OperationStatus.SUCCEEDED
    assert models.OperationStatus.SUCCEEDED.is_known


def test_what_is_no_word_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b"7", type=models.OperationStatus)


def test_no_secret_is_shown() -> None:
    key = msgspec.convert(KEY, models.ApiKeyWithSecret)
    made = models.Page(data=[key])
    for shown in (repr(key), str(key), repr(made), repr(key.__rich_repr__())):
        assert "key_1" in shown
        assert "sesame" not in shown
    assert key.to_dict()["secret"] == KEY["secret"]


def test_the_object_of_an_event_is_of_its_type() -> None:
    found = decode_event(event("key.created", KEY))
    assert isinstance(found.data.object, models.ApiKey)
    assert found.data.object.name == "mine"


@pytest.mark.parametrize(
    ("type_", "subject"),
    [
        ("charger.melted", {"id": "cp_1"}),
        ("partner.suspended", {"id": "prt_1"}),
        ("key.created", {"id": "key_1", "name": 7}),  # of a version to come
    ],
)
def test_the_object_of_an_event_that_is_not_known_is_a_dict(
    type_: str, subject: dict[str, Any]
) -> None:
    found = decode_event(event(type_, subject))
    assert (found.type, found.data.object) == (type_, subject)


def test_objects_are_frozen() -> None:
    with pytest.raises(AttributeError):
        msgspec.convert(KEY, models.ApiKey).name = "other"  # type: ignore[misc]
