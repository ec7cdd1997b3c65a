"""How routes describe their answers: what the OpenAPI document is generated from."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeVar

from pydantic import Field, create_model

from core.kernel.error_help import help_of
from core.kernel.errors import CATALOGUE
from partner_api.fields import Out
from partner_api.problems import MEDIA_TYPE, example

M = TypeVar("M", bound=Out)

EVERYWHERE: Final = (
    "invalid_parameter",
    "invalid_credentials",
    "signature_required",
    "invalid_signature",
    "signature_replayed",
    "insufficient_scope",
    "ip_not_allowed",
    "temporarily_banned",
    "partner_suspended",
    "rate_limited",
    "abnormal_usage",
    "internal_error",
    "overloaded",
    "dependency_unavailable",
)
TO_ANYBODY: Final = (
    "invalid_parameter",
    "invalid_credentials",
    "rate_limited",
    "internal_error",
    "overloaded",
    "dependency_unavailable",
)
"""What a route may answer whose caller has no API key."""
WITH_BODY: Final = ("malformed_json", "unknown_field", "body_too_large", "unsupported_media_type")

REQUEST_ID: Final = {"X-Request-Id": "Id of this request; name it when you ask us."}
RATE_LIMIT: Final = {
    "RateLimit-Policy": "The limits by name: `q` calls in any `w` seconds.",
    "RateLimit": "What is left of each: `r` calls; `t` seconds until all are there again.",
}


def answers(
    status: int,
    model: type[Out] | None,
    *codes: str,
    body: bool = False,
    headers: Mapping[str, str] | None = None,
    keyless: bool = False,
    files: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the arguments of a route decorator: what it answers, and which errors.

    Args:
        codes: Errors besides those that every route may answer.
        body: The route takes a body, with all the errors of bodies.
        headers: Of the good answer, with what they say.
        keyless: No API key is asked for.
        files: Media types of an answer that is a file.
    """
    always = REQUEST_ID if keyless else REQUEST_ID | RATE_LIMIT
    good: dict[str, Any] = {
        "description": "As asked.",
        "headers": _common(always) | headers_of(headers or {}),
    }
    if model is not None:
        good["model"] = model
    if media_types := list(files):
        binary = {"schema": {"type": "string", "format": "binary"}}
        good["content"] = dict.fromkeys(media_types, binary)
    everywhere = TO_ANYBODY if keyless else EVERYWHERE
    all_codes = [*everywhere, *(WITH_BODY if body else ()), *codes]
    return {
        "status_code": status,
        "response_model": None,
        "responses": {status: good, **problems(all_codes)},
    }


def problems(codes: list[str]) -> dict[int, Any]:
    """Return the error answers of a route, by status."""
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code in CATALOGUE:  # in the order of the catalogue
        if code in codes:
            by_status[CATALOGUE[code].status].append(code)
    return {
        status: {
            "description": "; ".join(f"`{code}`: {CATALOGUE[code].title}" for code in found),
            "headers": _common(REQUEST_ID),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in found},
                }
            },
        }
        for status, found in by_status.items()
    }


def list_of(model: type[M], **more: Any) -> type[Out]:
    """Return the model of a list of *model*; *more*: further members of its envelope."""
    name = model.__name__
    fields: dict[str, Any] = {
        "object": (Literal["list"], "list"),
        "data": (list[model], ...),  # type: ignore[valid-type]
        "has_more": (bool, ...),
        "next_cursor": (str | None, Field(description="For `?cursor=`; null on the last page.")),
    }
    return create_model(f"{name}List", __base__=Out, **(fields | more))


def components() -> dict[str, Any]:
    """Return the examples and headers that the descriptions of answers refer to."""
    return {
        "examples": {
            code: {
                "summary": kind.title,
                "description": f"{help_of(kind).cause} {help_of(kind).remedy}",
                "value": example(code),
            }
            for code, kind in CATALOGUE.items()
        },
        "headers": headers_of(REQUEST_ID | RATE_LIMIT),
    }


def headers_of(texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the description of headers, from what they say."""
    return {
        name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()
    }


def _common(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
