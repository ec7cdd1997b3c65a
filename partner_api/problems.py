"""Every error leaves as ``application/problem+json`` (RFC 9457), built from the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.status import (
    HTTP_401_UNAUTHORIZED,
    HTTP_405_METHOD_NOT_ALLOWED,
    HTTP_413_CONTENT_TOO_LARGE,
)
from starlette.types import Scope

from core.kernel.errors import CATALOGUE, PlatformError
from partner_api.bodies import escaped, why_unusable
from partner_api.services import Services

MEDIA_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 20
MAX_INSTANCE_CHARS: Final = 200

_OF_STATUS: Final = {
    400: ("malformed_json", "The request could not be read."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "See the header Allow for the methods of this address."),
}
_VALUE_ERROR: Final = "Value error, "


def problem(scope: Scope, error: PlatformError) -> Response:
    """Return the answer that describes *error*."""
    kind = error.kind
    settings, state = Services.of(scope).settings, scope["state"]
    state["code"] = kind.code
    public_url = settings.public_url.rstrip("/")
    document = {
        "type": f"{public_url}/docs/errors/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "code": kind.code,
        "detail": error.detail,
        "instance": _instance(scope),
        "request_id": state["request_id"],
        "retryable": kind.retryable,
        **error.facts,
    }
    if settings.request_log and "caller" in state:
        document["log_url"] = f"{public_url}/v1/request_logs/{state['request_id']}"
    headers = {}
    if "retry_after" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after"])
    if kind.status == HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if kind.code == "body_too_large":
        headers["Connection"] = "close"  # what is left of the body is not read
    return Response(msgspec.json.encode(document), kind.status, headers, MEDIA_TYPE)


def install(app: FastAPI, routes: Sequence[APIRoute] = ()) -> None:
    """Register the handlers; nothing else builds errors.

    Args:
        routes: All of the application, to name the methods that an address has.
    """

    async def expected(request: Request, exc: Exception) -> Response:
        if not isinstance(exc, PlatformError):
            raise exc
        return problem(request.scope, exc)

    async def invalid(request: Request, exc: Exception) -> Response:
        if not isinstance(exc, RequestValidationError):
            raise exc
        return problem(request.scope, _of_validation(exc))

    async def http(request: Request, exc: Exception) -> Response:
        if not isinstance(exc, HTTPException):
            raise exc
        code, detail = _OF_STATUS.get(exc.status_code, ("internal_error", "Try again."))
        if exc.status_code == HTTP_413_CONTENT_TOO_LARGE:
            limit_bytes = request.state.body_limit_bytes
            code, detail = "body_too_large", f"At most {limit_bytes} bytes."
        answer = problem(request.scope, PlatformError(code, detail))
        answer.headers.update(exc.headers or {})
        if routes and exc.status_code == HTTP_405_METHOD_NOT_ALLOWED:
            answer.headers["Allow"] = _methods(request.url.path, routes)
        return answer

    app.add_exception_handler(PlatformError, expected)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _methods(path: str, routes: Sequence[APIRoute]) -> str:
    found = {
        name for route in routes if route.path_regex.match(path) for name in route.methods or ()
    }
    return ", ".join(sorted(found))


def _instance(scope: Scope) -> str:
    """Return the path as it came, percent-encoded."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")[:MAX_INSTANCE_CHARS]


def _of_validation(exc: RequestValidationError) -> PlatformError:
    if (why := why_unusable(exc.body)) is not None:
        facts = {}
        if why.pointer is not None:
            facts["errors"] = [{"pointer": why.pointer, "detail": why.detail}]
        return PlatformError(why.code, why.detail, **facts)
    if isinstance(exc.body, bytes):
        return PlatformError("unsupported_media_type", "Send Content-Type: application/json.")
    found = exc.errors()
    types = {(error["type"], tuple(error["loc"])) for error in found}
    errors = [
        {"pointer": _pointer(error["loc"]), "detail": error["msg"].removeprefix(_VALUE_ERROR)}
        for error in found[:MAX_ERRORS]
    ]
    if ("missing", ("body",)) in types:
        return PlatformError("malformed_json", "The body is empty; send a JSON object.")
    if ("missing", ("body", "request_id")) in types:
        code, detail = "missing_request_id", "Send request_id in the body, or Idempotency-Key."
    elif unknown := [loc for type_, loc in types if type_ == "extra_forbidden"]:
        code = "unknown_field"
        detail = f"There is no such field: {', '.join(sorted(map(_pointer, unknown)))[:200]}."
    else:
        code, detail = "invalid_parameter", f"{errors[0]['pointer']}: {errors[0]['detail']}"
    return PlatformError(code, detail, errors=errors)


def _pointer(loc: Sequence[str | int]) -> str:
    """Return a JSON pointer into the body; other places are ``/query/limit``, ``/header/x``."""
    parts: list[Any] = list(loc)
    if parts[0] == "body":
        del parts[0]
    return "".join(f"/{escaped(str(part))}" for part in parts)


_EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "invalid_parameter": {
        "detail": "/limits/max_minutes: Input should be greater than or equal to 1",
        "errors": [
            {
                "pointer": "/limits/max_minutes",
                "detail": "Input should be greater than or equal to 1",
            }
        ],
    },
    "unknown_field": {
        "detail": "There is no such field: /conector_id.",
        "errors": [
            {"pointer": "/conector_id", "detail": "Extra inputs are not permitted"},
        ],
    },
    "temporarily_banned": {"until": "2026-01-31T12:15:00.000Z", "retry_after": 900},
    "idempotency_key_reused": {"operation_id": "op_01jd7zk3v5q8m2n4r6t8w0y2a4"},
    "rate_limited": {"retry_after": 12, "limit": "default"},
    "too_many_active_operations": {"retry_after": 5, "limit": "active_operations"},
    "overloaded": {"retry_after": 5},
    "dependency_unavailable": {"retry_after": 2},
}
_UNKNOWN_CALLER: Final = frozenset({"invalid_credentials", "ip_not_allowed", "document_refused"})


def example(code: str) -> dict[str, Any]:
    """Return a problem document as the documentation shows it."""
    kind = CATALOGUE[code]
    request_id = "req_01jd7zk3v5q8m2n4r6t8w0y2a4"
    base = "https://api.example.com"
    log_url = {"log_url": f"{base}/v1/request_logs/{request_id}"}
    return {
        "type": f"{base}/docs/errors/{code}",
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": "What is wrong in this case and what to do.",
        "instance": "/v1/start_charge",
        "request_id": request_id,
        "retryable": kind.retryable,
        **_EXAMPLES.get(code, {}),
        **({} if code in _UNKNOWN_CALLER else log_url),
    }
