"""The text of an event: rendered once, below 20 kB, the same bytes for ever (I13)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from core.kernel.times import rfc3339

MAX_BODY_BYTES: Final = 20_000
MAX_OBJECT_BYTES: Final = 18_000
API_VERSION: Final = "v1"
RELATED: Final = ("operation_id", "request_id", "session_id", "order_id")
_STEPS_KEPT: Final = 8
_TEXT_KEPT: Final = 200

Json = dict[str, Any]


def freeze(obj: Mapping[str, Any]) -> msgspec.Raw:
    """Return *obj* as compact JSON, as it is now; shortened if it is too large for an event.

    What is shortened says so: ``"truncated": true``. The middle of the timeline goes first, then
    the metadata, then long texts and lists, then members at the end.
    """
    text = msgspec.json.encode(obj)
    for shorten in (_cut_timeline, _drop_metadata, _cut_members, _drop_members):
        if len(text) <= MAX_OBJECT_BYTES:
            break
        obj = {**shorten(obj), "truncated": True}
        text = msgspec.json.encode(obj)
    return msgspec.Raw(text)


def related(ids: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return all members of ``related``, those that are not given as null."""
    if unknown := set(ids) - set(RELATED):
        raise ValueError(f"related has no {sorted(unknown)}")
    return {name: ids.get(name) for name in RELATED}


def render(
    *,
    id: str,  # noqa: A002 - the names are the members on the wire
    type: str,  # noqa: A002
    timestamp: datetime,
    livemode: bool,
    partner_id: str,
    seq: int,
    object_sequence: int,
    related: Mapping[str, str | None],
    obj: msgspec.Raw,
) -> str:
    """Return the body of an event: compact JSON, members in the order of the contract."""
    body = {
        "id": id,
        "object": "event",
        "type": type,
        "timestamp": rfc3339(timestamp),
        "api_version": API_VERSION,
        "livemode": livemode,
        "partner_id": partner_id,
        "seq": seq,
        "object_sequence": object_sequence,
        "related": related,
        "data": {"object": obj},
    }
    return msgspec.json.encode(body).decode()


def _cut_timeline(obj: Mapping[str, Any]) -> Json:
    timeline = obj.get("timeline")
    if not isinstance(timeline, list) or len(timeline) <= 2 * _STEPS_KEPT:
        return dict(obj)
    return {**obj, "timeline": [*timeline[:_STEPS_KEPT], *timeline[-_STEPS_KEPT:]]}


def _drop_metadata(obj: Mapping[str, Any]) -> Json:
    return {**obj, "metadata": {}} if "metadata" in obj else dict(obj)


def _cut_members(obj: Mapping[str, Any]) -> Json:
    """Keep what is short; the ids, states and times that a receiver needs always are."""
    return {name: _cut(value) for name, value in obj.items()}


def _drop_members(obj: Mapping[str, Any]) -> Json:
    kept: Json = {}
    room = MAX_OBJECT_BYTES // 2
    for name, value in obj.items():
        room -= len(msgspec.json.encode({name: value}))
        if room < 0:
            break
        kept[name] = value
    return kept


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_TEXT_KEPT]
    if isinstance(value, (dict, list)) and len(msgspec.json.encode(value)) > _TEXT_KEPT:
        return {} if isinstance(value, dict) else []
    return value
