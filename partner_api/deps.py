"""What routes ask for: a transaction, settings, secrets, the wanted page of a list."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Query, Request

from core.kernel.crypto import Vault
from core.kernel.db import Tx
from core.kernel.page import Page
from core.kernel.settings import Settings
from partner_api.fields import Count, Instant
from partner_api.services import Services


async def _transaction(request: Request) -> AsyncIterator[Tx]:
    async with Services.of(request.scope).db.transaction() as tx:
        yield tx


Transaction = Annotated[Tx, Depends(_transaction, scope="function")]
"""Committed before the answer leaves: a 202 is never a lie."""


async def _settings(request: Request) -> Settings:
    return Services.of(request.scope).settings


async def _vault(request: Request) -> Vault:
    return Services.of(request.scope).vault


Config = Annotated[Settings, Depends(_settings)]
Secrets = Annotated[Vault, Depends(_vault)]


async def _page(
    limit: Annotated[Count, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=200, description="`next_cursor` of the previous page.")
    ] = None,
    updated_from: Annotated[Instant | None, Query(description="Inclusive.")] = None,
    updated_to: Annotated[Instant | None, Query(description="Exclusive.")] = None,
) -> Page:
    return Page(limit=limit, cursor=cursor, updated_from=updated_from, updated_to=updated_to)


Paging = Annotated[Page, Depends(_page)]
"""``limit``, ``cursor``, ``updated_from``, ``updated_to``."""
