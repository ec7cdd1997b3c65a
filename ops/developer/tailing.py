"""``voltgate logs tail``: the calls of a partner as they are answered."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from ops.developer.client import Api
from ops.developer.following import follow

_REMEMBERED: Final = 5_000
"""Entries; after a broken connection the last ones come twice."""


def tail(
    api: Api,
    *,
    filters: Mapping[str, str],
    count: int | None,
    tell: Callable[[dict[str, Any]], None],
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell each call that is logged from now on, once, until *count* were.

    Args:
        filters: As `GET /v1/request_logs` takes them.
        tell: Called with each entry.
        say: Called when the connection is made or lost.

    Raises:
        Refused: The key is not good, or a filter is not.
    """
    told: OrderedDict[str, None] = OrderedDict()
    path = f"/v1/request_logs/stream?{urlencode(filters)}".rstrip("?")
    total = 0
    for sent in follow(api, path, say=say, sleep=sleep):
        entry: dict[str, Any] = msgspec.json.decode(sent.data)
        if entry["id"] in told:
            continue
        told[entry["id"]] = None
        if len(told) > _REMEMBERED:
            told.popitem(last=False)
        tell(entry)
        total += 1
        if total == count:
            return
