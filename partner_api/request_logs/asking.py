"""Which entries a caller may see, and which of them it wants."""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator, StringConstraints

from core.kernel.errors import CATALOGUE
from core.partners.scopes import Scope
from core.partners.service import Caller
from core.request_log.service import Wanted, statuses_of


def visible_to(caller: Caller) -> Wanted:
    """Return what a caller may see: the calls of its key; with `keys:manage`, of all keys."""
    manages = Scope.KEYS_MANAGE in caller.scopes
    return Wanted(
        partner_id=caller.partner_id,
        livemode=caller.livemode,
        key_id=None if manages else caller.key_id,
    )


def _code(text: str) -> str:
    if text not in CATALOGUE:
        raise ValueError("is not a code of the error catalogue")
    return text


async def _filters(
    status: Annotated[
        str | None,
        Query(pattern=r"^[1-5]([xX]{2}|\d{2})$", description="`409`, or `4xx` for all of them."),
    ] = None,
    method: Annotated[
        str | None, Query(pattern=r"^[A-Z]{1,10}$", description="`POST`, for example.")
    ] = None,
    path: Annotated[
        str | None,
        Query(min_length=1, max_length=300, description="What the path begins with."),
    ] = None,
    code: Annotated[
        Annotated[str, StringConstraints(max_length=40), AfterValidator(_code)] | None,
        Query(description="Of the problem, from the error catalogue."),
    ] = None,
    request_id: Annotated[
        str | None,
        Query(
            pattern=r"^[A-Za-z0-9_.:-]{1,64}$",
            description="That of a control call, to see every attempt; or an entry's own id.",
        ),
    ] = None,
) -> Wanted:
    return Wanted(
        partner_id=None,
        statuses=None if status is None else statuses_of(status),
        method=method,
        path=path,
        code=code,
        request_id=request_id,
    )


Filters = Annotated[Wanted, Depends(_filters)]
"""``status``, ``method``, ``path``, ``code``, ``request_id``."""


def of_caller(filters: Wanted, caller: Caller) -> Wanted:
    """Return what is wanted of what *caller* may see."""
    seen = visible_to(caller)
    return replace(filters, partner_id=seen.partner_id, livemode=seen.livemode, key_id=seen.key_id)
