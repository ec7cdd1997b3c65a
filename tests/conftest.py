"""Fixtures that every test may ask for: both databases, a clock that moves, settings."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import hypothesis
import pytest
import structlog

from core.kernel.clock import ShiftedClock
from core.kernel.crypto import Vault
from core.kernel.db import Database
from core.kernel.doorbell import MemoryDoorbell
from core.kernel.settings import FixedSettings, Settings
from migrations import run as migrations
from tests import services
from tests.pki import Pki
from tests.services import pytest_configure, pytest_unconfigure

__all__ = ["pytest_configure", "pytest_unconfigure"]

# a busy machine is not a bug: pytest's timeout finds what hangs
hypothesis.settings.register_profile(
    "voltgate", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("voltgate")


LONG = ("crash", "flows", "fuzz", "sandbox", "benchmarks", "simulation", "large")
"""Folders whose tests take seconds each."""


SHORT_PER_LONG = 10


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long ones, which mostly wait, over the others; the last ones are all short.

    Beside each other they leave the cores without work, and so does one that is left at the end.
    """
    long = [item for item in items if _is_long(item)]
    short = (item for item in items if not _is_long(item))
    woven = (each for item in long for each in (item, *islice(short, SHORT_PER_LONG)))
    items[:] = [*woven, *short]


def _is_long(item: pytest.Item) -> bool:
    return item.path.parent.name in LONG or item.get_closest_marker("timeout") is not None


def _migrate(url: str) -> None:
    asyncio.run(migrations.upgrade(url))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every table, to be copied."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_of_worker() -> Iterator[str]:
    """A PostgreSQL database with every table, emptied before each test of this worker."""
    url = services.postgres_url(prepare=_migrate)
    yield url
    services.drop_postgres(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Run the test once on each database."""
    return str(request.param)


@pytest.fixture
def database_url(
    backend: str, sqlite_template: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """An empty database of the test's own, with every table."""
    if backend == "sqlite":
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - no disk to wait for
        with tempfile.TemporaryDirectory(prefix="voltgate-test-", dir=memory) as directory:
            path = Path(directory) / "voltgate.db"
            shutil.copy(sqlite_template, path)
            yield f"sqlite:///{path}"
        return
    url: str = request.getfixturevalue("postgres_of_worker")
    services.empty_postgres(url)
    yield url


@pytest.fixture
def clock() -> ShiftedClock:
    """The clock of the process under test; ``clock.advance(60)`` moves it by a minute."""
    return ShiftedClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Development defaults on the test's database, on ports that the system chooses."""
    return FixedSettings(
        database_url=database_url,
        node_id="node-a",
        api_port=0,
        operator_port=0,
        ocpp_port=0,
        webhook_allow_insecure=True,
        status_interval=timedelta(milliseconds=20),
        document_directory=tmp_path / "documents",
        picture_directory=tmp_path / "pictures",
        applicant_requests_per_minute=10_000,
    )


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return Vault(settings)


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """Certificates of the server and of chargers, from an authority of the test's own."""
    return Pki(tmp_path)


@pytest.fixture
async def db(settings: Settings, clock: ShiftedClock) -> AsyncIterator[Database]:
    """An open database with every table and no rows."""
    async with Database(settings.database_url, doorbell=MemoryDoorbell(), clock=clock) as db:
        yield db


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Undo what a test (a command in this process) set up for logging: its streams are closed."""
    structlog.contextvars.clear_contextvars()
    yield
    structlog.reset_defaults()
    for handler in logging.root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            logging.root.removeHandler(handler)
