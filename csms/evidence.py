"""What is the same for the facts of both versions: their source, their key, their doubts."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

import msgspec

from core.sessions.facts import Reading, Source
from csms import sanity
from csms.adapter import Heard
from csms.readings import IMPOSSIBLE, Sample, instant, reading
from csms.redact import redact

MAX_KEY_CHARS: Final = 80
"""What the narrowest column that holds a key can store."""

MAX_EVSE: Final = 255
MAX_CONNECTOR: Final = 32
_CHANGES_WHEN_REPEATED: Final = "offline"
"""A 2.x charger sends an event again, which it sent online in vain, as an offline one."""

_CANONICAL: Final = msgspec.json.Encoder(order="deterministic").encode

Sampled = TypeVar("Sampled")
Sampled_co = TypeVar("Sampled_co", covariant=True)


class MeterValue(Protocol[Sampled_co]):
    """One element of meter values, the same shape in both versions."""

    @property
    def timestamp(self) -> str: ...
    @property
    def sampled_value(self) -> Sequence[Sampled_co]: ...


def digest(payload: Any) -> str:
    """Return the SHA-256 of a payload, the same whatever the order of its members."""
    return hashlib.sha256(_CANONICAL(payload)).hexdigest()


def source(heard: Heard, *parts: object, by_content: bool = False) -> Source:
    """Return where the fact of this message comes from; *parts* identify it for ever.

    Args:
        by_content: What has no better key: the digest of the payload is part of it.
    """
    raw = _kept(heard)
    summary = whole = digest(raw)
    if _CHANGES_WHEN_REPEATED in raw:
        summary = digest({name: raw[name] for name in raw if name != _CHANGES_WHEN_REPEATED})
    if by_content:
        parts = (*parts, whole)
    return Source(
        charger_id=heard.charger.id,
        action=heard.action,
        message_id=heard.message_id,
        key=key(*parts),
        digest=summary,
        raw=raw,
    )


def _kept(heard: Heard) -> Any:
    """Return the payload as it may be stored."""
    return heard.payload if heard.is_plain else redact(sanity.document(heard.payload).value)


def key(*parts: object) -> str:
    """Return the key of a fact: its parts, or their hash where they are too long to store."""
    text = ":".join(map(str, parts))
    if len(text) <= MAX_KEY_CHARS:
        return text
    return f"{parts[0]}:{hashlib.sha256(text.encode()).hexdigest()}"


def doubt(heard: Heard, *reasons: str) -> None:
    """Have the message quarantined, besides what is made of it."""
    heard.doubts.extend(reason for reason in reasons if reason not in heard.doubts)


def evse(heard: Heard, raw: object) -> int:
    """Return an EVSE number (1.6: connectorId); 0, and a doubt, for one that cannot be."""
    value = sanity.whole(raw, lowest=0, highest=MAX_EVSE).value
    if value is None:
        doubt(heard, "connector_impossible")
    return value or 0


def connector(heard: Heard, raw: object) -> int | None:
    """Return a connector number of an EVSE; ``None``, and a doubt, for one that cannot be."""
    value = sanity.whole(raw, lowest=1, highest=MAX_CONNECTOR).value
    if value is None:
        doubt(heard, "connector_impossible")
    return value


def number(heard: Heard, raw: object) -> int | None:
    """Return an id of 32 bits that is above zero; ``None`` for 0 and -1, which mean none."""
    value = sanity.whole(raw).value
    if value is None:
        doubt(heard, IMPOSSIBLE)
    return value if value is not None and value > 0 else None


def happened_at(heard: Heard, raw: str) -> tuple[datetime | None, tuple[str, ...]]:
    """Return (the instant or ``None``, flags); an unreadable one is a doubt."""
    at, flags = instant(raw)
    if at is None:
        doubt(heard, "timestamp_unreadable")
    return at, flags


def readings_of(
    heard: Heard,
    member: str,
    values: Sequence[MeterValue[Sampled]],
    to_sample: Callable[[Sampled], Sample],
) -> tuple[Reading, ...]:
    """Return the meter values in *member* of the message as readings; impossible ones are doubts.

    The samples are kept as the charger sent them.
    """
    elements = heard.checked.get(member, ())
    found = tuple(
        reading(
            value.timestamp,
            [to_sample(sampled) for sampled in value.sampled_value],
            element["sampledValue"]
            if heard.is_plain
            else sanity.document(element["sampledValue"]).value,
        )
        for value, element in zip(values, elements, strict=True)
    )
    if any(IMPOSSIBLE in one.flags for one in found):
        doubt(heard, IMPOSSIBLE)
    if any(one.at is None for one in found):
        doubt(heard, "timestamp_unreadable")
    return found
