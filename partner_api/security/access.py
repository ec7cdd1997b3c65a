"""What a route demands of its caller. A route that demands nothing admits nobody."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.partners import service as partners
from core.partners.scopes import WHILE_SUSPENDED, Scope
from core.partners.service import Caller
from partner_api.deps import Transaction
from partner_api.security.address import client_address
from partner_api.services import PartnerServices, Services

ANY_SCOPE = tuple(Scope)


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency: the caller, if its key has one of *scopes*.

    *unlimited*: a driver waits for it, so the number of requests does not stand in its way (S15).
    """

    scopes: tuple[Scope, ...]
    unlimited: bool = False

    async def __call__(self, request: Request, tx: Transaction) -> Caller:
        """Return who is calling.

        Raises:
            PlatformError: ``invalid_credentials``, ``ip_not_allowed``, ``insufficient_scope``,
                ``partner_suspended``, ``rate_limited``, ``invalid_parameter``.
        """
        caller = await _identify(request, tx)
        _admit(request, caller, self)
        return caller


@dataclass(frozen=True, slots=True)
class Watcher:
    """A caller that waits: it holds no transaction meanwhile, and every look checks its key."""

    request: Request
    scopes: tuple[Scope, ...]
    caller: Caller

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Tx]:
        """Open a transaction for one look.

        Raises:
            PlatformError: The key is not good any more.
        """
        async with Services.of(self.request.scope).db.transaction() as tx:
            caller = await _identify(self.request, tx)
            require_any(caller, self.scopes, reading=True)
            yield tx


@dataclass(frozen=True, slots=True)
class NeedsToWatch:
    """A dependency like ``Needs``, for routes that answer when something has happened."""

    scopes: tuple[Scope, ...]

    async def __call__(self, request: Request) -> Watcher:
        """Return who is calling; raises as ``Needs`` does."""
        async with Services.of(request.scope).db.transaction() as tx:
            caller = await _identify(request, tx)
            _admit(request, caller, Needs(self.scopes))
        return Watcher(request, self.scopes, caller)


def needs(*scopes: Scope, unlimited: bool = False) -> Any:
    """Return the dependency of a route for keys with one of *scopes*."""
    return Depends(Needs(scopes, unlimited))


def needs_to_watch(*scopes: Scope) -> Any:
    """Return the dependency of a waiting route for keys with one of *scopes*."""
    return Depends(NeedsToWatch(scopes))


def require_any(caller: Caller, scopes: Sequence[Scope], *, reading: bool) -> None:
    """Refuse a caller whose key has none of *scopes*, or that is suspended.

    Raises:
        PlatformError: ``insufficient_scope``, ``partner_suspended``.
    """
    held = [scope for scope in scopes if scope in caller.scopes]
    best = next((scope for scope in held if scope in WHILE_SUSPENDED), None)
    partners.require(caller, best or (held or scopes)[0], reading=reading)


def _actor(request: Request) -> Actor:
    caller: Caller = request.state.caller
    return Actor(name=f"partner:{caller.partner_id}", request_id=request.state.request_id)


ActingCaller = Annotated[Actor, Depends(_actor)]
"""The caller in the words of the audit trail; a route asks for its caller first."""


async def _identify(request: Request, tx: Tx) -> Caller:
    services = Services.of(request.scope)
    caller = await partners.authenticate(
        tx,
        services.vault,
        request.headers.get("authorization"),
        address=client_address(request.scope, services.settings.trusted_proxies),
    )
    request.state.caller = caller
    return caller


def _admit(request: Request, caller: Caller, needs: Needs) -> None:
    limiter = PartnerServices.of(request.scope).limiter
    allowance = limiter.take(caller.partner_id, always=needs.unlimited)
    request.state.allowance = allowance
    if not allowance.allowed:
        raise PlatformError(
            "rate_limited",
            f"At most {allowance.quota} requests a minute.",
            retry_after=allowance.retry_after_s,
        )
    require_any(caller, needs.scopes, reading=request.method == "GET")
    odd: str | None = getattr(request.state, "odd_query", None)
    if odd is not None:
        raise PlatformError("invalid_parameter", odd)
