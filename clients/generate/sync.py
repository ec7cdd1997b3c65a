"""The code for threads, made from the code for asyncio: the logic is written once."""

import re
from typing import Final

_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\basync (def|for|with)\b", r"\1"),
        (r"\bawait\s+", ""),
        (r"\b__a(iter|next|enter|exit)__\b", r"__\1__"),
        (r"\ba(close|iter|read|next)\b", r"\1"),
        (r"\basynccontextmanager\b", "contextmanager"),
        (r"\bStopAsyncIteration\b", "StopIteration"),
        (r"\bAsync([A-Z]\w*)", r"\1"),
        (r"\basync_(\w+)", r"sync_\1"),
        (r"\b_async\b", "_sync"),
    )
)


def sync(text: str) -> str:
    """Return the module *text* without its ``async`` and ``await``."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
