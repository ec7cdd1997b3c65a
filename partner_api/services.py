"""One application of many: its routes are built once per process, what they work with is its own.

To analyse the routes takes FastAPI some tenths of a second. So all platforms of a process share
them, and each request finds the services of the platform that it came to.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from core.chargers.board import Board
from core.conduct.watch import Watch
from core.kernel.clock import Clock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.joint import Joint
from core.kernel.settings import Settings
from core.partners.limiter import Limiter
from core.request_log.recorder import RequestLog
from partner_api.security.door import Door
from partner_api.security.gate import Gate
from partner_api.security.refusals import Refusals
from partner_api.security.streams import Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes of every application work with."""

    db: Database
    settings: Settings
    vault: Vault
    clock: Clock

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """Return those of the platform that a request came to."""
        found: Self = scope["state"]["services"]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerServices(Services):
    """What the routes for partners work with.

    Attributes:
        closing: Set when the server is about to stop; whoever waits answers then.
        document: Returns the OpenAPI document.
        gate: Holds back callers without a key.
        request_log: Where calls of partners are noted.
        joint: Does control calls that come at the same time in one transaction.
        door: Holds back addresses from which keys are tried.
        streams: Counts the open streams of each partner.
        refusals: Remembers who has used up its limit, to refuse it cheaply.
        watch: Counts how partners behave.
        board: The newest statuses, for all who follow them.
    """

    limiter: Limiter
    gate: Gate
    door: Door
    streams: Streams
    refusals: Refusals
    watch: Watch
    board: Board
    closing: asyncio.Event
    document: Callable[[], dict[str, Any]]
    request_log: RequestLog
    joint: Joint

    async def wait_closing(self, within_s: float) -> None:
        """Wait so long, or until the server is about to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.closing.wait()


S = TypeVar("S", bound=Services)


@dataclass(frozen=True, slots=True, eq=False)
class Application(Generic[S]):
    """The ASGI application of one platform: routes shared with others, and its own services."""

    fastapi: FastAPI
    services: S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["services"] = self.services
        await self.fastapi(scope, receive, send)
