"""Use cases of the request log: one entry, the newest, what comes, what goes."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from core.kernel.db import Database, Tx
from core.kernel.errors import PlatformError, not_found
from core.kernel.page import Page, Slice
from core.kernel.times import rfc3339
from core.request_log import store
from core.request_log.models import LoggedRequest
from core.request_log.store import Wanted

__all__ = ["Wanted", "after", "body_view", "delete_old", "get", "newest", "statuses_of", "view"]

DELETED_AT_ONCE: Final = 2_000
BATCHES: Final = 50
"""Of one pass; a pass a minute keeps up with more than a thousand calls a second."""

_STATUS: Final = re.compile(r"([1-5])(xx|\d\d)", re.ASCII | re.IGNORECASE)


async def get(tx: Tx, id_: str, wanted: Wanted) -> LoggedRequest:
    """Return the entry of a request, if it is one of those *wanted* by owner, mode and key.

    Raises:
        PlatformError: ``not_found``.
    """
    found = await store.entry(tx, id_, wanted)
    if found is None:
        raise not_found("logged request")
    return found


async def newest(tx: Tx, wanted: Wanted, page: Page) -> Slice[LoggedRequest]:
    """Return one page, the newest first.

    A page looks at 10,000 entries at most: with filters it may be short, even empty, and have a
    cursor to go on with.

    Raises:
        PlatformError: ``invalid_cursor``.
    """
    return await store.newest(tx, wanted, page)


async def after(tx: Tx, wanted: Wanted, *, at: datetime, limit: int) -> Sequence[LoggedRequest]:
    """Return what was written at or after *at*, the oldest first.

    Nodes write at the same time, so entries may become visible behind others that are newer.
    """
    return await store.since(tx, wanted, at=at, limit=limit)


async def delete_old(db: Database, *, kept: timedelta) -> int:
    """Delete what is older, a batch a transaction; return how many."""
    deleted = 0
    for _ in range(BATCHES):
        async with db.transaction() as tx:
            batch = await store.delete_some(tx, before=tx.now - kept, limit=DELETED_AT_ONCE)
        deleted += batch
        if batch < DELETED_AT_ONCE:
            break
    return deleted


def statuses_of(text: str) -> tuple[int, int]:
    """Return the statuses that ``404`` or ``4xx`` means: from and to, both inclusive.

    Raises:
        PlatformError: ``invalid_parameter``.
    """
    found = _STATUS.fullmatch(text)
    if found is None:
        raise PlatformError("invalid_parameter", "status: 409 or 4xx, for example.")
    if found[2].lower() == "xx":
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    return int(text), int(text)


def view(entry: LoggedRequest) -> dict[str, Any]:
    """Return an entry as lists show it: without bodies."""
    return {
        "id": entry.id,
        "object": "request_log",
        "livemode": entry.livemode,
        "at": rfc3339(entry.at),
        "method": entry.method,
        "path": entry.path,
        "route": entry.route,
        "query": entry.query,
        "status": entry.status,
        "code": entry.code,
        "duration_ms": entry.duration_ms,
        "key_id": entry.key_id,
        "remote_address": entry.remote_address,
        "user_agent": entry.user_agent,
        "request_id": entry.request_id,
        "operation_id": entry.operation_id,
        "replayed": entry.replayed,
        "updated_at": rfc3339(entry.updated_at),
    }


def body_view(entry: LoggedRequest) -> dict[str, Any]:
    """Return an entry with what was sent and answered."""
    return {
        **view(entry),
        "request": _body(entry.request_bytes, entry.request_body, entry.request_omitted),
        "response": _body(entry.response_bytes, entry.response_body, entry.response_omitted),
    }


def _body(size_bytes: int, text: str | None, omitted: str | None) -> dict[str, Any]:
    body = None if text is None else msgspec.json.decode(text)
    return {"bytes": size_bytes, "body": body, "omitted": omitted}
