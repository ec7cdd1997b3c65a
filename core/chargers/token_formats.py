"""What id tokens of each type look like (OCPP 2.0.1 part 2, IdTokenEnumType); pure rules.

Chargers write the same card in several ways, so an odd one is told, never refused.
"""

import re
from typing import Final

MAX_CHARS: Final = 36
"""OCPP 2.0.1 part 2, IdTokenType."""
MAX_CHARS_16: Final = 20
"""OCPP 1.6 7.24, IdToken: a longer one cannot be said to a 1.6 charger."""

NOBODY: Final = "NoAuthorization"
"""The type of the empty token, where no authorization is needed."""
KEY_CODE: Final = "KeyCode"
"""The type of a token that is a secret: who knows it may charge."""

NAME_PREFIX: Final = "KEYCODE:"
NAME_DIGITS: Final = 40
"""Of the hash in the name of a key code: 160 bits, and longer than any token of a charger."""

_NAME: Final = re.compile(rf"{NAME_PREFIX}[0-9A-F]{{{NAME_DIGITS}}}")
_CONTRACT: Final = r"[A-Z]{2}(?P<dash>-?)[A-Z0-9]{3}(?P=dash)"
_FORMATS: Final = {
    "Central": re.compile(r".{1,36}"),
    # ISO 15118-2 (14 or 15 characters, 9 of them the instance) and DIN SPEC 91286
    "eMAID": re.compile(rf"{_CONTRACT}C?[A-Z0-9]{{8,9}}(?:-?[A-Z0-9])?", re.ASCII | re.IGNORECASE),
    # a UID of 4, 7 or 10 bytes
    "ISO14443": re.compile(r"(?:[0-9A-F]{8}|[0-9A-F]{14}|[0-9A-F]{20})", re.IGNORECASE),
    "ISO15693": re.compile(r"[0-9A-F]{16}", re.IGNORECASE),
    "KeyCode": re.compile(r"[0-9A-Z*#]{1,36}", re.IGNORECASE),
    "Local": re.compile(r".{1,36}"),
    "MacAddress": re.compile(r"[0-9A-F]{12}|[0-9A-F]{16}", re.IGNORECASE),
    NOBODY: re.compile(r""),
}
KINDS: Final = tuple(_FORMATS)
"""Every type of the standard."""


def is_token(text: str) -> bool:
    """Tell whether *text* can be an id token: 1 to 36 printable ASCII characters."""
    return 1 <= len(text) <= MAX_CHARS and text.isascii() and text.isprintable()


def is_name(text: str) -> bool:
    """Tell whether *text* is what the platform calls a key code, instead of the code."""
    return _NAME.fullmatch(text) is not None


def is_stored(text: str) -> bool:
    """Tell whether *text* can be on the list: a token, or the name of a key code."""
    return is_token(text) or is_name(text)


def oddity(kind: str, token: str) -> str | None:
    """Return what is odd about a token of *kind*; ``None`` for one as its type has it.

    Nobody can tell of a key code by its name.
    """
    if kind == KEY_CODE and is_name(token):
        return None
    form = _FORMATS.get(kind)
    if form is None:
        return "type_unknown"
    return None if form.fullmatch(token) else f"not_like_{kind}"


def may_be(presented: str | None, registered: str) -> bool:
    """Tell whether a token shown as *presented* can be one registered as *registered*.

    Types are often wrong (a card as ``Central``), but nobody types in what is on a card: a key
    code is only ever a key code. 1.6 tells no type.
    """
    if presented is None:
        return True
    return (presented == KEY_CODE) == (registered == KEY_CODE)
