"""Events: what happened to becomes an object of its type."""

from typing import Any

import msgspec

from voltgate_client.models import EVENT_OBJECTS, Event

_decoder = msgspec.json.Decoder(Event)


def decode_event(text: bytes | str) -> Event:
    """Return the event of a webhook or a stream.

    Raises:
        msgspec.DecodeError: It is none.
    """
    event: Event = typed(_decoder.decode(text))
    return event


def typed(event: Any) -> Any:
    """Return *event*, its ``data.object`` as the model of its type; a dict if that is not known."""
    kind = EVENT_OBJECTS.get(event.type)
    if kind is not None and isinstance(event.data.object, dict):
        try:
            found = msgspec.convert(event.data.object, kind)
        except msgspec.ValidationError:
            return event  # a shape that this version does not know
        msgspec.structs.force_setattr(event.data, "object", found)
    return event
