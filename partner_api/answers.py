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
    digest = hashlib.sha256(answer.body).hexdigest()
    known = unchanged(request, digest, cache_control=cache_control)
    if known is not None:
        return known
    answer.headers.update(_tag_headers(digest, cache_control))
    return answer


def unchanged(request: Request, digest: str, *, cache_control: str) -> Response | None:
    """Return 304 if the client has the content with this SHA-256 already, else ``None``."""
    headers = _tag_headers(digest, cache_control)
    if _has(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return None


def tagged_file(content: bytes, media_type: str, digest: str, *, cache_control: str) -> Response:
    """Return a file with its ``ETag``; the middleware forbids to guess its type."""
    headers = _tag_headers(digest, cache_control)
    return Response(content, media_type=media_type, headers=headers)


def _tag_headers(digest: str, cache_control: str) -> dict[str, str]:
    tag = f'"{digest[:32]}"'
    return {"ETag": tag, "Cache-Control": cache_control, "Vary": "Authorization"}


def _has(if_none_match: str, tag: str) -> bool:
    known = [entry.strip().removeprefix("W/") for entry in if_none_match.split(",")]
    return "*" in known or tag in known
