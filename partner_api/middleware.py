"""What every request goes through: id, limits of the body, headers, log line, last resort."""

import re
from typing import Any, Final

import structlog
from anyio import BrokenResourceError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.kernel import failpoints, metrics, tracing
from core.kernel.errors import PlatformError
from core.kernel.ids import new_id
from partner_api.problems import problem
from partner_api.security import rate
from partner_api.services import Services

_log = structlog.get_logger()

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DOCUMENTS: Final = re.compile(r"/v1/partner_applications/[^/]+/documents")
_PICTURES: Final = re.compile(r"/operator/v1/stations/[^/]+/pictures")


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode(), value.encode("latin-1")


_BY_DEFAULT: Final = [
    _header("X-Content-Type-Options", "nosniff"),
    _header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    _header("Referrer-Policy", "no-referrer"),
    _header("Cache-Control", "no-store"),
]
"""Of every answer that does not say otherwise: pages for people have a policy of their own."""


class Envelope:
    """ASGI middleware around an API; outermost but for the server's own.

    Bodies above the limit of the settings (files have ones of their own) are refused, by their
    announced length or while they come.

    Args:
        name: Of the application, in metrics and logs.
    """

    def __init__(self, app: ASGIApp, *, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        clock = Services.of(scope).clock
        state: dict[str, Any] = scope["state"]
        state["request_id"] = new_id("req")
        exchange = _Exchange(state, send)
        began = clock.monotonic()
        parent = _traceparent(scope) if tracing.is_on() else None
        with (
            structlog.contextvars.bound_contextvars(request_id=state["request_id"]),
            tracing.span("request", parent=parent) as span,
        ):
            try:
                await self._handle(scope, receive, exchange)
                failpoints.replied()
            finally:
                self._account(scope, exchange.status, clock.monotonic() - began, span)

    async def _handle(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        try:
            await self._within_limit(scope, receive, exchange)
        except Exception as exc:
            if exchange.status is not None and _is_gone(exc):
                return
            _log.exception("request_failed")
            if exchange.status is not None:
                raise  # the answer has begun: only a broken connection can tell
            error = PlatformError("internal_error", "We have been told. Try again later.")
            await problem(scope, error)(scope, receive, exchange.send)

    async def _within_limit(self, scope: Scope, receive: Receive, exchange: "_Exchange") -> None:
        limit_bytes = scope["state"]["body_limit_bytes"] = _limit_bytes(scope)
        if _announced(scope) <= limit_bytes:
            await self.app(scope, _counted(receive, limit_bytes), exchange.send)
            return
        error = PlatformError("body_too_large", f"At most {limit_bytes} bytes.")
        await problem(scope, error)(scope, receive, exchange.send)

    def _account(
        self, scope: Scope, status: int | None, duration_s: float, span: tracing.Span
    ) -> None:
        state: dict[str, Any] = scope["state"]
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = state.get("route", "unmatched")
        labels = {"app": self.name, "method": method, "route": route, "status": str(status)}
        metrics.REQUESTS.labels(*labels.values()).observe(duration_s)
        span.rename(f"{method} {route}")
        span.note(request_id=state["request_id"], app=self.name, status=status)
        if state.get("is_unlogged"):
            return
        caller = state.get("caller")
        who = {} if caller is None else {"partner_id": caller.partner_id, "key_id": caller.key_id}
        _log.info("request_answered", **labels, duration_ms=round(duration_s * 1000, 1), **who)


class _Exchange:
    """The answer as it passes: its status, and the headers that all answers have."""

    def __init__(self, state: dict[str, Any], send: Send) -> None:
        self.status: int | None = None
        self._state = state
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [
                *message.get("headers", ()),
                _header("X-Request-Id", self._state["request_id"]),
            ]
            said = {name for name, _ in headers}
            headers += [one for one in _BY_DEFAULT if one[0] not in said]
            if "verdict" in self._state:
                found = rate.headers(self._state["verdict"])
                headers += [_header(name, value) for name, value in found.items()]
            message = {**message, "headers": headers}
        await self._send(message)


def _is_gone(exc: Exception) -> bool:
    """Tell whether a stream ended because nobody reads it any more."""
    if not isinstance(exc, ExceptionGroup):
        return False
    _, others = exc.split(BrokenResourceError)
    return others is None


def _counted(receive: Receive, limit_bytes: int) -> Receive:
    total_bytes = 0

    async def counted() -> Message:
        nonlocal total_bytes
        message = await receive()
        if message["type"] == "http.request":
            total_bytes += len(message.get("body", b""))
            if total_bytes > limit_bytes:
                raise HTTPException(413)
        return message

    return counted


def _limit_bytes(scope: Scope) -> int:
    settings = Services.of(scope).settings
    if scope["method"] == "POST" and _DOCUMENTS.fullmatch(scope["path"]):
        return settings.document_limit_bytes
    if scope["method"] == "POST" and _PICTURES.fullmatch(scope["path"]):
        return settings.picture_limit_bytes
    return settings.body_limit_bytes


def _traceparent(scope: Scope) -> str | None:
    """Return what the caller says its trace is; an operator's or a partner's own."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return str(value[:55], "latin-1")
    return None


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0
