"""Answers: compact JSON, lists, entity tags."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from fastapi import Request, Response

from core.kernel.page import Slice

T = TypeVar("T")

REVALIDATE: Final = "private, no-cache"
"""May be kept, but is asked for anew each time (with If-None-Match)."""


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


def listed(
    data: Sequence[Any], *, has_more: bool, next_cursor: str | None, **members: Any
) -> dict[str, Any]:
    """Return the envelope of a list."""
    envelope = {"object": "list", "data": data, "has_more": has_more, "next_cursor": next_cursor}
    return envelope | members


def page_of(found: Slice[T], view: Callable[[T], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the envelope of one page, its rows rendered by *view*."""
    data = [view(row) for row in found.rows]
    return listed(data, has_more=found.next_cursor is not None, next_cursor=found.next_cursor)


def tagged(request: Request, content: Any, *, cache_control: str = REVALIDATE) -> Response:
    """Return *content* with its ``ETag``, or 304 if the client has it already."""
    answer = Json(content)
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": cache_control, "Vary": "Authorization"}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer


def _has(if_none_match: str, tag: str) -> bool:
    known = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return "*" in known or tag in known
