"""MeterValues as they came: kept with their readings, not beside them.

A message is known again by its content (I18), and its samples are nearly all of it. So the first of
its readings has the rest, and all of them have its key; both go when the readings go. One that
names no transaction of ours is kept among the messages of transactions instead.
"""

from collections.abc import Sequence
from typing import Any, Final

from core.kernel import documents
from core.sessions.facts import Source

_KEY_BITS: Final = 64
_ELEMENTS: Final = "meterValue"
_SAMPLES: Final = "sampledValue"
_NONE: Final = object()


def key_of(source: Source) -> int:
    """Return the key of a message among those of its session: 64 bits of its digest, signed."""
    return int(source.digest[: _KEY_BITS // 4], 16) - (1 << (_KEY_BITS - 1))


def with_message(rows: Sequence[dict[str, Any]], source: Source) -> Sequence[dict[str, Any]]:
    """Return *rows*, all readings of a message, with the message.

    What they have of it already is taken out: ``samples`` are the places of the rows with the
    samples of each element, ``None`` where an element is whole.
    """
    payload, places = source.raw, list[int | None]()
    elements = payload.get(_ELEMENTS)
    if isinstance(elements, list):  # else it was mended
        places = _places(elements, [row["samples"] for row in rows])
        payload = payload | {
            _ELEMENTS: [
                element if place is None else _without_samples(element)
                for element, place in zip(elements, places, strict=True)
            ]
        }
    key, message = key_of(source), {"payload": payload, "samples": places}
    return [
        row | {"message_key": key, "message": None if n else message} for n, row in enumerate(rows)
    ]


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


def payload_of(message: dict[str, Any], samples: Sequence[Any]) -> dict[str, Any]:
    """Return the payload of a *message*, given the samples of its rows in their order."""
    payload: dict[str, Any] = message["payload"]
    if not message["samples"]:
        return payload
    elements = [
        element if place is None else {**element, _SAMPLES: samples[place]}
        for element, place in zip(payload[_ELEMENTS], message["samples"], strict=True)
    ]
    return payload | {_ELEMENTS: elements}
