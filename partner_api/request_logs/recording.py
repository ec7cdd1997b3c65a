"""Notes every call of a known caller for the request log, once it is answered."""

from typing import Any, Final

from starlette.status import HTTP_400_BAD_REQUEST, HTTP_500_INTERNAL_SERVER_ERROR
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.kernel.times import seconds
from core.partners.service import Caller
from core.request_log.models import Body, Call, Omitted
from core.request_log.redaction import MAX_READ_BYTES
from partner_api.security.address import client_address
from partner_api.services import PartnerServices

_READS: Final = frozenset({"GET", "HEAD"})
_MAX_CHARS: Final = 2000
"""Of an address or a header that are looked at at all."""


class Recording:
    """ASGI middleware inside the envelope: what it costs a request is to append to a list."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not PartnerServices.of(scope).request_log.enabled:
            await self.app(scope, receive, send)
            return
        clock = PartnerServices.of(scope).clock
        exchange = _Exchange(scope["method"], receive, send)
        began = clock.monotonic()
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except Exception:
            if exchange.status is None:  # the envelope will answer so
                exchange.status = HTTP_500_INTERNAL_SERVER_ERROR
                scope["state"]["code"] = "internal_error"
            raise
        finally:
            if "caller" in scope["state"]:
                _note(scope, exchange, duration_s=clock.monotonic() - began)


class _Exchange:
    """A call as it passes: bodies as far as they may be kept."""

    def __init__(self, method: str, receive: Receive, send: Send) -> None:
        self.status: int | None = None
        self.replayed = False
        self.asked = _Gathered()
        self.answered = _Gathered()
        self._is_read = method in _READS
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.asked.add(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = status = int(message["status"])
            self.answered.is_wanted = not self._is_read or status >= HTTP_400_BAD_REQUEST
            self.replayed = (b"idempotency-replayed", b"true") in message["headers"]
        elif message["type"] == "http.response.body":
            self.answered.add(message.get("body", b""))
        await self._send(message)


class _Gathered:
    """The parts of a body."""

    __slots__ = ("is_wanted", "parts", "size_bytes")

    def __init__(self) -> None:
        self.is_wanted = True
        self.size_bytes = 0
        self.parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        self.size_bytes += len(part)
        if self.is_wanted and self.size_bytes <= MAX_READ_BYTES:
            self.parts.append(part)

    def body(self) -> Body:
        if not self.is_wanted:
            return Body(self.size_bytes, omitted=Omitted.SUCCESSFUL_READ)
        if self.size_bytes > MAX_READ_BYTES:
            return Body(self.size_bytes, omitted=Omitted.TOO_LARGE)
        return Body(self.size_bytes, b"".join(self.parts))


def _note(scope: Scope, exchange: _Exchange, *, duration_s: float) -> None:
    services = PartnerServices.of(scope)
    state: dict[str, Any] = scope["state"]
    caller: Caller = state["caller"]
    headers = dict(scope["headers"])
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    services.request_log.add(
        Call(
            id=state["request_id"],
            partner_id=caller.partner_id,
            livemode=caller.livemode,
            key_id=caller.key_id,
            at=services.db.now() - seconds(duration_s),
            method=scope["method"],
            path=_text(raw_path.partition(b"?")[0]),
            route=state.get("route"),
            query=_text(scope["query_string"]),
            status=exchange.status,
            code=state.get("code"),
            duration_ms=round(duration_s * 1000),
            remote_address=client_address(scope, services.settings.trusted_proxies),
            user_agent=_text(headers[b"user-agent"]) if b"user-agent" in headers else None,
            idempotency_key=_text(headers.get(b"idempotency-key", b"")) or None,
            replayed=exchange.replayed,
            request=exchange.asked.body(),
            response=exchange.answered.body(),
        )
    )


def _text(raw: bytes) -> str:
    return raw[:_MAX_CHARS].decode("ascii", "replace")
