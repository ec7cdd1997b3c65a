"""Requests straight into the application: no client, no socket, a fraction of their cost."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

JSON: Final = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    *,
    key: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | Mapping[str, Any] | None = None,
    address: str = "127.0.0.1",
    announce: bool = True,
) -> Answer:
    """Return the answer to one request.

    Args:
        target: Path and query, as they stand on the wire.
        announce: Say how long the body is.
    """
    raw_path, _, query = target.partition("?")
    sent = [("host", "api.test"), *headers]
    if key is not None:
        sent.append(("authorization", f"Bearer {key}"))
    content = body if isinstance(body, bytes) else b""
    if body is not None and not isinstance(body, bytes):
        content = json.dumps(body).encode()
        sent.append(JSON)
    if content and announce:
        sent.append(("content-length", str(len(content))))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent],
        "client": (address, 40_000),
        "server": ("api.test", 80),
        "state": {},
    }
    incoming: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]
    came: list[Message] = []

    async def receive() -> Message:
        return incoming.pop() if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        came.append(message)

    await app(scope, receive, send)
    pairs = tuple((name.decode(), value.decode("latin-1")) for name, value in came[0]["headers"])
    return Answer(came[0]["status"], pairs, b"".join(part.get("body", b"") for part in came[1:]))
