"""What a route demands of its caller. A route that demands nothing admits nobody."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from core.audit.service import Actor
from core.kernel.db import Tx
from core.kernel.errors import PlatformError
from core.partners import limits
from core.partners import service as partners
from core.partners.scopes import WHILE_SUSPENDED, Scope
from core.partners.service import Caller
from core.partners.tokens import Bucket, Verdict
from core.sandbox import service as sandbox
from partner_api.deps import Transaction
from partner_api.security import rate, signed
from partner_api.security.identity import identify
from partner_api.services import PartnerServices, Services

ANY_SCOPE = tuple(Scope)


class Demand:
    """A dependency that demands something of its caller: a key with one of *scopes*."""

    __slots__ = ()
    scopes: tuple[Scope, ...]

    async def before(self, request: Request) -> None:
        """Verify a signed request, while no transaction is open."""
        await signed.verify(request)


@dataclass(frozen=True, slots=True)
class Needs(Demand):
    """A dependency: the caller, if its key has one of *scopes*.

    *buckets* are those that a call takes a token of. The one of stops refuses nothing here: a
    driver waits for it, so the route looks first whether there is something to stop (S15).
    """

    scopes: tuple[Scope, ...]
    buckets: tuple[Bucket, ...] = (Bucket.REQUESTS,)

    async def __call__(self, request: Request, tx: Transaction) -> Caller:
        """Return who is calling.

        Raises:
            PlatformError: ``invalid_credentials``, ``ip_not_allowed``, ``insufficient_scope``,
                ``partner_suspended``, ``rate_limited``, ``invalid_parameter``,
                ``signature_required``.
        """
        caller = await identify(request, tx)
        await _admit(request, tx, caller, self)
        await _furnish(request, tx, caller)
        return caller

    async def alone(self, request: Request) -> Caller:
        """Return who is calling, in a transaction of its own; raises as ``__call__`` does."""
        async with Services.of(request.scope).db.transaction() as tx:
            return await self(request, tx)


@dataclass(frozen=True, slots=True)
class NeedsFirst(Demand):
    """A dependency like ``Needs``, for routes whose own transaction begins after it."""

    scopes: tuple[Scope, ...]
    buckets: tuple[Bucket, ...]

    async def __call__(self, request: Request) -> Caller:
        """Return who is calling; raises as ``Needs`` does."""
        return await Needs(self.scopes, self.buckets).alone(request)


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
            caller = await identify(self.request, tx)
            await signed.still_holds(self.request, tx, caller)
            require_any(caller, self.scopes, reading=True)
            yield tx

    @property
    def is_banned(self) -> bool:
        """Whether the last look found that the partner is banned: then nobody waits."""
        return self._newest.banned_until is not None

    def refuse_banned(self) -> None:
        """Refuse what a banned partner may not even read.

        Raises:
            PlatformError: ``temporarily_banned``.
        """
        if self.is_banned:
            raise partners.banned(self._newest)

    @property
    def _newest(self) -> Caller:
        caller: Caller = self.request.state.caller
        return caller


@dataclass(frozen=True, slots=True)
class NeedsToWatch(Demand):
    """A dependency like ``Needs``, for routes that answer when something has happened."""

    scopes: tuple[Scope, ...]

    async def __call__(self, request: Request) -> Watcher:
        """Return who is calling; raises as ``Needs`` does."""
        return Watcher(request, self.scopes, await Needs(self.scopes).alone(request))


@dataclass(frozen=True, slots=True)
class NeedsToFollow(Demand):
    """A dependency like ``NeedsToWatch``, for answers without an end; few of them may be open."""

    scopes: tuple[Scope, ...]

    async def __call__(self, request: Request) -> AsyncIterator[Watcher]:
        """Yield who is calling and hold its place until the answer has ended.

        Raises:
            PlatformError: As ``Needs`` does; ``rate_limited``: too many are open.
        """
        watcher = await NeedsToWatch(self.scopes)(request)
        services, caller = PartnerServices.of(request.scope), watcher.caller
        allowed = limits.effective(services.settings, caller.limit_overrides)
        with services.streams.following(caller.partner_id, at_most=allowed.open_streams):
            yield watcher


def needs(*scopes: Scope) -> Any:
    """Return the dependency of a route for keys with one of *scopes*."""
    return Depends(Needs(scopes))


def needs_to_control(scope: Scope) -> Any:
    """Return the dependency of a control call for keys with *scope*; those are counted, too."""
    return Depends(NeedsFirst((scope,), (Bucket.REQUESTS, Bucket.CONTROL)))


def needs_to_stop(scope: Scope) -> Any:
    """Return the dependency of a stop: counted by itself, refused by ``refuse_excess`` at most."""
    return Depends(NeedsFirst((scope,), (Bucket.STOPS,)))


def needs_to_watch(*scopes: Scope) -> Any:
    """Return the dependency of a waiting route for keys with one of *scopes*."""
    return Depends(NeedsToWatch(scopes))


def needs_to_follow(*scopes: Scope) -> Any:
    """Return the dependency of a stream for keys with one of *scopes*."""
    return Depends(NeedsToFollow(scopes))


def require_any(caller: Caller, scopes: Sequence[Scope], *, reading: bool) -> None:
    """Refuse a caller whose key has none of *scopes*, or that is suspended.

    Raises:
        PlatformError: ``insufficient_scope``, ``partner_suspended``.
    """
    held = [scope for scope in scopes if scope in caller.scopes]
    best = next((scope for scope in held if scope in WHILE_SUSPENDED), None)
    partners.require(caller, best or (held or scopes)[0], reading=reading)


async def _excess(request: Request) -> PlatformError | None:
    verdict: Verdict = request.state.verdict
    return None if verdict.allowed else rate.refusal(verdict, request.state.caller)


Excess = Annotated[PlatformError | None, Depends(_excess)]
"""Why a stop may be refused that stops nothing; a route asks for its caller first."""


async def _actor(request: Request) -> Actor:
    caller: Caller = request.state.caller
    return Actor(name=f"partner:{caller.partner_id}", request_id=request.state.request_id)


ActingCaller = Annotated[Actor, Depends(_actor)]
"""The caller in the words of the audit trail; a route asks for its caller first."""


async def _furnish(request: Request, tx: Tx, caller: Caller) -> None:
    """Make the sandbox of a partner when the first test key asks for anything."""
    services = Services.of(request.scope)
    if services.settings.sandbox and not caller.livemode:
        await sandbox.ensure(tx, services.vault, caller.partner_id)


async def _admit(request: Request, tx: Tx, caller: Caller, needs: Needs) -> None:
    services = PartnerServices.of(request.scope)
    state = request.state
    quotas = rate.quotas_of(services.settings, caller, *needs.buckets)
    verdict = await services.limiter.take(caller.partner_id, quotas)
    state.verdict = verdict
    if Bucket.STOPS not in quotas:
        if not verdict.allowed:
            error = rate.refusal(verdict, caller)
            services.refusals.remember(state.credentials, state.network, caller, verdict, error)
            raise error
        services.refusals.forget(state.credentials, state.network, *quotas)
    await signed.demand(request, tx, caller, needs.scopes)
    require_any(caller, needs.scopes, reading=request.method == "GET")
    odd: PlatformError | None = getattr(request.state, "odd_query", None)
    if odd is not None:
        raise odd
