"""Key codes as chargers say them, replaced by their names before anything is made of a message.

2.0.1 tells that a token was typed in. 1.6 does not: there it is one if the list has it as one, and
the frame log learns that only when it writes the frame.
"""

import json
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec

from core.chargers import key_codes
from core.chargers.facts import Disguise
from core.chargers.token_formats import KEY_CODE, is_name
from core.kernel.crypto import Vault
from core.kernel.db import Tx
from csms.protocol import Payload
from csms.redact import MASK, redact_frame

_DECODE: Final = msgspec.json.Decoder().decode
_TAG: Final = "idTag"
_QUOTED_TAG: Final = f'"{_TAG}"'


async def named(tx: Tx, vault: Vault, message: Any) -> tuple[Any, bool]:
    """Return a message with a key code in it replaced by its name, and if its payload tells it.

    The payload of 2.0.1 tells it, too, but says so: ``redact`` masks it.
    """
    token = getattr(message, "id_token", None)
    if token is not None and token.type == KEY_CODE and token.id_token:
        name = key_codes.name_of(vault, token.id_token)
        named_token = msgspec.structs.replace(token, id_token=name)
        return msgspec.structs.replace(message, id_token=named_token), False
    tag = getattr(message, "id_tag", None)
    if not isinstance(tag, str):
        return message, False
    if is_name(tag.upper()):  # nobody types in, or has on a card, what we call a key code
        return msgspec.structs.replace(message, id_tag=key_codes.name_of(vault, tag)), False
    name = await key_codes.known_as(tx, vault, tag)
    if not is_name(name):
        return message, False
    return msgspec.structs.replace(message, id_tag=name), True


def without_tag(payload: Payload) -> Payload:
    """Return a payload of 1.6 with its id tag masked."""
    return {**payload, _TAG: MASK} if _TAG in payload else payload


async def hidden(tx: Tx, vault: Vault, payload: Payload) -> Payload:
    """Return a payload with its id tag masked if the list has it as a key code."""
    tag = payload.get(_TAG)
    if isinstance(tag, str) and is_name(await key_codes.known_as(tx, vault, tag)):
        return without_tag(payload)
    return payload


def frame_without_tag(text: str) -> str:
    """Return a frame of 1.6 with its id tag masked; one that does not parse as it is."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(frame, list):
        return text
    parts = [without_tag(part) if isinstance(part, dict) else part for part in frame]
    return json.dumps(parts, separators=(",", ":"), ensure_ascii=False)


def disguise(vault: Vault, text: str | bytes) -> Disguise | None:
    """Return how a frame looks if its id tag is a key code; ``None`` for one without a tag."""
    frame = text.decode(errors="replace") if isinstance(text, bytes) else text
    if _QUOTED_TAG not in frame and "\\u" not in frame:  # no member is called so
        return None
    parts = _parsed(frame)
    if not isinstance(parts, list):
        return None
    found = [part[_TAG] for part in parts if isinstance(part, dict) and _TAG in part]
    tags = [tag for tag in found if isinstance(tag, str)]
    if not tags:
        return None
    return Disguise(name=key_codes.name_of(vault, tags[0]), text=partial(_disguised, frame))


def _disguised(frame: str) -> str:
    return redact_frame(frame_without_tag(frame))


def _parsed(frame: str) -> Any:
    """Return what a frame holds, ``None`` if it does not parse; of the lenient only if it must."""
    with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _DECODE(frame)
    try:
        return json.loads(frame)
    except (ValueError, RecursionError):
        return None
