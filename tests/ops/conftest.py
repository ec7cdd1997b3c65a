"""The operator API with a client for each role."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx2
import pytest

from core.audit.service import CLI
from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from core.operators import service as operators
from core.operators.models import Role
from ops.operator_api.app import OperatorApp, create_operator_app

Login = Callable[[Role], Awaitable[httpx2.AsyncClient]]


def client_of(app: OperatorApp, token: str | None) -> httpx2.AsyncClient:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx2.ASGITransport(app=app)
    return httpx2.AsyncClient(transport=transport, base_url="http://operator.test", headers=headers)


@pytest.fixture
def operator_app(
    db: Database, settings: Settings, vault: Vault, clock: ShiftedClock
) -> OperatorApp:
    return create_operator_app(db, settings, vault, clock)


@pytest.fixture
async def login(operator_app: OperatorApp, db: Database, vault: Vault) -> AsyncIterator[Login]:
    """``await login(Role.VIEWER)`` returns a client with a token of that role."""
    async with AsyncExitStack() as stack:

        async def open_client(role: Role) -> httpx2.AsyncClient:
            async with db.transaction() as tx:
                _, token = await operators.create_token(tx, vault, CLI, name=role, role=role)
            return await stack.enter_async_context(client_of(operator_app, token))

        yield open_client


@pytest.fixture
async def operator(login: Login) -> httpx2.AsyncClient:
    """A client that may do everything."""
    return await login(Role.ADMIN)


@pytest.fixture
async def anybody(operator_app: OperatorApp) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a token."""
    async with client_of(operator_app, None) as client:
        yield client
