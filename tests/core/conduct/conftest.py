"""One database: how two nodes share one is shown where PostgreSQL is asked for."""

from collections.abc import Awaitable, Callable

import pytest

from core.audit.service import CLI
from core.kernel.db import Database
from core.partners import service as partners

MakePartner = Callable[[], Awaitable[str]]


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def make_partner(db: Database) -> MakePartner:
    async def make() -> str:
        async with db.transaction() as tx:
            return (await partners.create_partner(tx, CLI, name="Acme")).id

    return make
