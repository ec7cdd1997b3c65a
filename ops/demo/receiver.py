"""A partner's webhook receiver, as a partner would write it: it trusts nothing unsigned."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook, WebhookVerificationError

from ops.http import serving

Event = dict[str, Any]

OUTCOMES: Final = tuple(
    f"operation.{status}" for status in ("succeeded", "failed", "timed_out", "cancelled")
)


@dataclass(slots=True)
class Receiver:
    """Verifies with the independent ``standardwebhooks`` package and keeps every event once.

    Attributes:
        secrets: Secrets of the endpoints that deliver here; any may have signed.
        events: Events in order of arrival, duplicates by ``webhook-id`` dropped.
        attempts: ``webhook-id`` of every verified POST, duplicates included.
        forged: POSTs whose signature did not verify.
        status: What to answer; a test may make it fail.
    """

    url: str = ""
    secrets: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    forged: int = 0
    status: int = 204
    on_event: Callable[[Event], None] | None = None
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: Request) -> Response:
        """Answer one POST."""
        body = await request.body()
        if not self._is_genuine(body, dict(request.headers)):
            self.forged += 1
            return Response(status_code=400)
        event: Event = json.loads(body)
        self.attempts.append(request.headers["webhook-id"])
        if self.status >= 300:  # noqa: PLR2004 - what is not a 2xx
            return Response(status_code=self.status)
        if event["id"] not in {known["id"] for known in self.events}:
            self.events.append(event)
            if self.on_event is not None:
                self.on_event(event)
            async with self._arrived:
                self._arrived.notify_all()
        return Response(status_code=self.status)

    async def wait(self, *types: str, within_s: float = 30, **related: str | None) -> Event:
        """Return the first event of one of *types* whose ``related`` members are as given.

        Raises:
            TimeoutError: It did not come in time.
        """
        async with asyncio.timeout(within_s), self._arrived:
            while not (found := self.all(*types, **related)):
                await self._arrived.wait()
            return found[0]

    def all(self, *types: str, **related: str | None) -> list[Event]:
        """Return every event of *types* that has come."""
        return [
            event
            for event in self.events
            if event["type"] in types
            and all(event["related"].get(name) == value for name, value in related.items())
        ]

    async def outcome(self, request_id: str, *, within_s: float = 30) -> Event:
        """Return the terminal event of the operation that *request_id* made."""
        return await self.wait(*OUTCOMES, within_s=within_s, request_id=request_id)

    def _is_genuine(self, body: bytes, headers: dict[str, str]) -> bool:
        for secret in self.secrets:
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            return True
        return False


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Listen on a loopback port until the block is left; ``url`` is where to deliver."""
    receiver = Receiver()
    app = FastAPI(openapi_url=None)
    app.add_api_route("/webhooks", receiver.receive, methods=["POST"])
    async with serving(app, host="127.0.0.1", port=0) as url:
        receiver.url = f"{url}/webhooks"
        yield receiver
