"""The application, a partner with every scope, and a place it may use."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.settings import Settings
from partner_api.app import PartnerApp, create_app
from tests import services
from tests.partner_api.furnished import (
    Furnished,
    Scene,
    free_settings,
    make_file,
    make_scene,
    opened,
)
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


@pytest.fixture(scope="session")
def scene_file(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Scene]:
    """An SQLite file with two furnished partners, to be copied, and what is in it."""
    path = tmp_path_factory.mktemp("furnished") / "voltgate.db"
    return path, asyncio.run(make_file(sqlite_template, path))


@pytest.fixture
def quiet() -> Iterator[None]:
    """Log nothing: thousands of lines cost more than the requests they are about."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def scene_url(scene_file: tuple[Path, Scene]) -> Iterator[str]:
    """A copy of that file, of the test's own."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - no disk to wait for
    with tempfile.TemporaryDirectory(prefix="voltgate-test-", dir=memory) as directory:
        yield f"sqlite:///{shutil.copy(scene_file[0], directory)}"


@pytest.fixture
async def furnished(
    scene_file: tuple[Path, Scene],
    scene_url: str,
    clock: ShiftedClock,
    tmp_path: Path,
    quiet: None,
) -> AsyncIterator[Furnished]:
    """A platform with two furnished partners, of the test's own."""
    async with opened(free_settings(scene_url, tmp_path), clock) as (app, db):
        yield Furnished(app, db, scene_file[1])


@pytest.fixture
async def furnished_postgres(
    postgres_of_worker: str, clock: ShiftedClock, tmp_path: Path, quiet: None
) -> AsyncIterator[Furnished]:
    """The same on PostgreSQL, furnished anew."""
    services.empty_postgres(postgres_of_worker)
    settings = free_settings(postgres_of_worker, tmp_path)
    async with opened(settings, clock) as (app, db):
        yield Furnished(app, db, await make_scene(app, db, Vault(settings)))
