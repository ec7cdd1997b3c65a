"""Texts from outside, as a database can store them."""

import re
from typing import Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def storable(text: str, *, max_chars: int) -> str:
    """Return *text* with each NUL and lone surrogate as U+FFFD, cut at *max_chars*.

    PostgreSQL can store neither, and a longer text than its column it refuses.
    """
    text = text[:max_chars]
    if text.isascii() and "\0" not in text:  # nearly all; a search takes ten times as long
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def storable_or_none(text: str | None, *, max_chars: int) -> str | None:
    """Return *text* as ``storable`` does, and ``None`` for ``None`` and the empty text."""
    return storable(text, max_chars=max_chars) if text else None
