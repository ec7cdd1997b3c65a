"""Messages of readings as they came: their samples are kept with the readings, not beside them.

A message is known again by its content (I18), and its samples are nearly all of it. All of its
readings have its key. What else a MeterValues says is kept with the first of them, and goes when
they go; one that names no transaction of ours is kept among the messages of transactions instead.
What else an update of a transaction says (2.x) is kept there, too: its seqNo must be known.
"""

from collections.abc import Sequence
from typing import Any, Final

from core.kernel import documents
from core.sessions.facts import Source

_KEY_BITS: Final = 64
_ELEMENTS: Final = "meterValue"
_SAMPLES: Final = "sampledValue"
_NONE: Final = object()


def key_of(digest: str) -> int:
    """Return the key of a message among those of its session: 64 bits of its digest, signed."""
    return int(digest[: _KEY_BITS // 4], 16) - (1 << (_KEY_BITS - 1))


def with_key(rows: Sequence[dict[str, Any]], source: Source) -> Sequence[dict[str, Any]]:
    """Return *rows*, all readings of a message, with its key."""
    key = key_of(source.digest)
    return [row | {"message_key": key} for row in rows]


def with_message(rows: Sequence[dict[str, Any]], source: Source) -> Sequence[dict[str, Any]]:
    """Return *rows*, all readings of a message, with its key and with the message."""
    payload, places = apart(source.raw, [row["samples"] for row in rows])
    message = {"payload": payload, "samples": places}
    return [
        row | {"message": None if n else message} for n, row in enumerate(with_key(rows, source))
    ]


def apart(
    payload: dict[str, Any], samples: Sequence[Any]
) -> tuple[dict[str, Any], Sequence[int | None]]:
    """Return *payload* without *samples*, and where they belong.

    That is for each of its elements which of them are its own, ``None`` where an element is whole.
    """
    elements = payload.get(_ELEMENTS)
    if not isinstance(elements, list):  # it was mended
        return payload, ()
    places = _places(elements, samples)
    rest = [
        element if place is None else _without_samples(element)
        for element, place in zip(elements, places, strict=True)
    ]
    return payload | {_ELEMENTS: rest}, places


def _places(elements: Sequence[Any], samples: Sequence[Any]) -> list[int | None]:
    """Return for each of *elements* which of *samples* are its own, if any are."""
    own = [
        element[_SAMPLES] if isinstance(element, dict) and _SAMPLES in element else _NONE
        for element in elements
    ]
    same = {id(one): n for n, one in enumerate(samples)}
    places = [same.get(id(one)) for one in own]
    if None in places:  # what had to be cleaned is a copy
        equal = {documents.encode(one): n for n, one in enumerate(samples)}
        places = [
            equal.get(documents.encode(one)) if place is None and one is not _NONE else place
            for one, place in zip(own, places, strict=True)
        ]
    return places


def _without_samples(element: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in element.items() if name != _SAMPLES}


def whole(
    payload: dict[str, Any], places: Sequence[int | None], samples: Sequence[Any]
) -> dict[str, Any]:
    """Return the payload of a message, given the samples of its readings in their order.

    Args:
        payload: What is left of it, as ``apart`` returned it.
        places: As ``apart`` returned them.
        samples: None, if the readings have been deleted since; then the rest is all there is.
    """
    if not (places and samples):
        return payload
    elements = [
        element if place is None else {**element, _SAMPLES: samples[place]}
        for element, place in zip(payload[_ELEMENTS], places, strict=True)
    ]
    return payload | {_ELEMENTS: elements}
