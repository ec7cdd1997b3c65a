"""The smallest frame that still goes wrong in the same way."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.fuzz.mutants import Text, written

MAX_TRIES = 300


async def smallest(text: Text, is_wrong: Callable[[Text], Awaitable[bool]]) -> Text:
    """Leave out what can be left out; *text* itself where it does not go wrong alone."""
    if not isinstance(text, str) or not await is_wrong(text):
        return text
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return text
    tries = 0
    improved = True
    while improved and tries < MAX_TRIES:
        improved = False
        for smaller in _smaller(frame):
            tries += 1
            if tries >= MAX_TRIES:
                break
            if await is_wrong(written(smaller)):
                frame, text, improved = smaller, written(smaller), True
                break
    return text


def _smaller(node: Any) -> Iterator[Any]:
    """Yield *node* with one thing less."""
    match node:
        case dict():
            for name, child in node.items():
                yield {other: node[other] for other in node if other != name}
                yield from ({**node, name: less} for less in _smaller(child))
        case list():
            for index, child in enumerate(node):
                yield node[:index] + node[index + 1 :]
                yield from ([*node[:index], less, *node[index + 1 :]] for less in _smaller(child))
        case str() if len(node) > 1:
            yield node[: len(node) // 2]
        case _:
            return
