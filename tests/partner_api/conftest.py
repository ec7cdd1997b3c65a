"""The application, a partner with every scope, and a place it may use."""

from collections.abc import AsyncIterator

import pytest

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from partner_api.app import PartnerApp, create_app
from tests.partner_api.scenes import Party, Place, grant, make_place, party


@pytest.fixture
def backend() -> str:
    """Run on SQLite; modules whose rules the database keeps ask for both."""
    return "sqlite"


@pytest.fixture
def app(db: Database, settings: Settings, vault: Vault, clock: ShiftedClock) -> PartnerApp:
    return create_app(db, settings, vault, clock)


@pytest.fixture
async def partner(app: PartnerApp, db: Database, vault: Vault) -> AsyncIterator[Party]:
    async with party(app, db, vault) as opened:
        yield opened


@pytest.fixture
async def place(db: Database, vault: Vault, partner: Party) -> Place:
    """Return a place that is online, available and granted to ``partner``."""
    place = await make_place(db, vault)
    await grant(db, place, partner.partner_id)
    return place
