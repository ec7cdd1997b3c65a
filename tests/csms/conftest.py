from collections.abc import AsyncIterator

import pytest

from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from tests.csms.live import Running, running


@pytest.fixture
async def server(db: Database, settings: Settings, vault: Vault) -> AsyncIterator[Running]:
    """The server for chargers, on a port of its own."""
    async with running(db, settings, vault) as server:
        yield server


@pytest.fixture(params=["1.6", "2.0.1"])
def version(request: pytest.FixtureRequest) -> str:
    """Run the test once in each version."""
    return str(request.param)
