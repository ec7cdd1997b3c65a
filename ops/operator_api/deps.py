"""What routes ask for: the operator behind a token, who acts, which part of a list."""

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import structlog
from fastapi import APIRouter, Depends, Query, Request, Security
from fastapi.security import HTTPBearer

from core.audit.service import Actor
from core.kernel.db import Database, Tx
from core.kernel.errors import PlatformError
from core.operators import service as operators
from core.operators.models import Role
from core.operators.service import Operator
from partner_api.answers import listed
from partner_api.bodies import StrictRoute
from partner_api.deps import Transaction
from partner_api.fields import Count
from partner_api.services import Services

T = TypeVar("T")

_NUMBER: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)

bearer: Final = Security(
    HTTPBearer(
        auto_error=False,
        scheme_name="operator_token",
        description="`vg_op_...`; make one with `voltgate key operator --name NAME --role ROLE`.",
    )
)


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency: the operator, if its role is one of *roles*; no roles: any may read."""

    roles: tuple[Role, ...] | None

    async def __call__(self, request: Request, tx: Transaction) -> Operator:
        """Return who is calling.

        Raises:
            PlatformError: ``invalid_credentials``, ``insufficient_scope``, ``invalid_parameter``.
        """
        return await _admit(request, tx, self.roles)


@dataclass(frozen=True, slots=True)
class Waiter:
    """An operator who waits for a charger and holds no transaction meanwhile."""

    db: Database
    actor: Actor

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Tx]:
        """Open a transaction for one look."""
        async with self.db.transaction() as tx:
            yield tx


@dataclass(frozen=True, slots=True)
class NeedsToWait:
    """A dependency like ``Needs`` for routes that answer when a charger has."""

    roles: tuple[Role, ...] | None

    async def __call__(self, request: Request) -> Waiter:
        """Return who is calling; raises as ``Needs`` does."""
        db = Services.of(request.scope).db
        async with db.transaction() as tx:
            await _admit(request, tx, self.roles)
        return Waiter(db, await _actor(request))


async def _admit(request: Request, tx: Tx, roles: tuple[Role, ...] | None) -> Operator:
    vault = Services.of(request.scope).vault
    operator = await operators.authenticate(tx, vault, request.headers.get("authorization"))
    request.state.operator = operator
    structlog.contextvars.bind_contextvars(operator_id=operator.id)
    if roles is not None:
        operators.require_role(operator, *roles)
    odd: PlatformError | None = getattr(request.state, "odd_query", None)
    if odd is not None:
        raise odd
    return operator


async def _actor(request: Request) -> Actor:
    operator: Operator = request.state.operator
    return Actor(name=f"operator:{operator.id}", request_id=request.state.request_id)


READS: Final = Depends(Needs(None))
"""Any operator."""
SUPPORT: Final = Depends(Needs((Role.SUPPORT,)))
"""Support and admin."""
ADMIN: Final = Depends(Needs(()))
"""Admin alone."""

Acting = Annotated[Actor, Depends(_actor)]
"""The operator in the words of the audit trail; a route asks for its operator first."""

Waiting = Annotated[Waiter, Depends(NeedsToWait(None))]
WaitingSupport = Annotated[Waiter, Depends(NeedsToWait((Role.SUPPORT,)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """A part of a list that begins with the newest row: the page before a number."""

    limit: int
    before_number: int | None


def resource(prefix: str, *, tag: str, reads_only: bool = False) -> APIRouter:
    """Return a router of the operator API; with *reads_only*, each operator may use all of it."""
    return APIRouter(
        prefix=f"/operator/v1{prefix}",
        tags=[tag],
        route_class=StrictRoute,
        dependencies=[bearer, *([READS] if reads_only else [])],
    )


async def _newest(
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`next_cursor` of the previous page.")
    ] = None,
) -> Newest:
    if cursor is not None and not _NUMBER.fullmatch(cursor):
        raise PlatformError("invalid_cursor", "Use next_cursor of the previous page, unchanged.")
    return Newest(limit=limit, before_number=None if cursor is None else int(cursor))


NewestFirst = Annotated[Newest, Depends(_newest)]
"""``limit`` and ``cursor`` of lists that have the newest row first."""


def newest_page(
    rows: Sequence[T], page: Newest, view: Callable[[T], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the envelope of *rows*, of which one more than the limit was asked for."""
    shown = rows[: page.limit]
    has_more = len(rows) > page.limit
    last: Any = shown[-1] if has_more else None
    cursor = None if last is None else str(last.number)
    return listed([view(row) for row in shown], has_more=has_more, next_cursor=cursor)
