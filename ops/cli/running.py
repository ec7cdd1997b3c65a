"""One command, one transaction, on the database that the settings name."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from core.kernel import log
from core.kernel.clock import Clock, SystemClock
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.doorbell import Doorbell, MemoryDoorbell
from core.kernel.errors import DatabaseUnavailable, PlatformError
from core.kernel.settings import Settings
from migrations import run as migrations
from ops.cli.output import MISUSED, err, fail
from ops.tables import import_tables

T = TypeVar("T")


CONNECTIONS = 4
"""At most; only the doctor uses more than one."""
PATIENCE_S = 600.0
"""How long a statement of a command may take: the doctor reads whole tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a command works with."""

    settings: Settings
    db: Database
    vault: Vault


def load_settings() -> Settings:
    """Return the settings of the environment, or say what is wrong with them and exit."""
    try:
        return Settings()
    except ValidationError as exc:
        wrong = []
        for error in exc.errors():
            name = "_".join(str(part) for part in error["loc"][:1]).upper()
            detail = error["msg"].removeprefix("Value error, ")
            wrong.append(f"VOLTGATE_{name}: {detail}" if name else detail)
        raise fail("; ".join(wrong), then="See docs/operators/settings.md.", code=MISUSED) from exc


def quiet_logs(settings: Settings) -> None:
    """Let only warnings through: a command prints its result itself."""
    is_person = sys.stderr.isatty()
    log.configure(level="WARNING", format_="console" if is_person else "json", bound={})


def transact(work: Callable[[Tx, Opened], Awaitable[T]], *, waiting: str | None = None) -> T:
    """Run *work* in one transaction and return its result; errors end the process.

    Args:
        waiting: Shown beside a spinner while it runs.
    """

    async def in_transaction(opened: Opened) -> T:
        async with opened.db.transaction() as tx:
            return await work(tx, opened)

    return run(in_transaction, waiting=waiting)


def run(work: Callable[[Opened], Awaitable[T]], *, waiting: str | None = None) -> T:
    """Run *work* on the opened database and return its result; errors end the process."""
    settings = load_settings()
    quiet_logs(settings)

    async def on_database() -> T:
        await require_tables(settings)
        async with _open(settings) as opened:
            return await work(opened)

    try:
        if waiting is None or not err().is_terminal:
            return asyncio.run(on_database())
        with err().status(waiting):
            return asyncio.run(on_database())
    except DatabaseUnavailable as exc:
        raise unreachable(settings) from exc
    except PlatformError as exc:
        raise fail(exc.detail) from exc
    except KeyboardInterrupt:
        raise fail("interrupted", code=130) from None


def unreachable(settings: Settings) -> Exception:
    """Say that the database is away; return the exit to raise."""
    return fail(
        f"The database {_shown(settings.database_url)} cannot be reached.",
        then="Is it running, and is VOLTGATE_DATABASE_URL right?",
    )


async def require_tables(settings: Settings) -> None:
    """Exit with a hint unless the database is at this version's newest migration."""
    revision = await revision_of(settings)
    if revision is None:
        raise fail(
            f"{_shown(settings.database_url)} has no tables yet.",
            then="Run: voltgate migrate (voltgate serve does it by itself in development).",
        )
    if revision != migrations.head():
        raise fail(
            f"{_shown(settings.database_url)} is at {revision}, this version needs "
            f"{migrations.head()}.",
            then="Run: voltgate migrate",
        )


async def revision_of(settings: Settings) -> str | None:
    """Return the revision of the database; ``None``: there is none, or it is empty."""
    try:
        url = make_url(settings.database_url)
    except ArgumentError as exc:
        raise fail(f"VOLTGATE_DATABASE_URL: {exc}", code=MISUSED) from exc
    if url.get_backend_name() == "sqlite" and not _exists(url.database):
        return None  # asking would create it
    try:
        return await migrations.current(settings.database_url)
    except (SQLAlchemyError, OSError) as exc:
        raise unreachable(settings) from exc


def _exists(file: str | None) -> bool:
    return file is not None and Path(file).exists()


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Opened]:
    import_tables()
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        bell = await _doorbell(stack, settings, clock)
        db = Database(
            settings.database_url,
            doorbell=bell,
            clock=clock,
            pool_size=CONNECTIONS,
            patience_s=PATIENCE_S,
        )
        await stack.enter_async_context(db)
        yield Opened(settings=settings, db=db, vault=Vault(settings))


async def _doorbell(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Doorbell:
    if settings.redis_url is None:
        return MemoryDoorbell()
    from core.kernel.doorbell_redis import RedisDoorbell  # noqa: PLC0415 - slow; often not needed

    bell = RedisDoorbell(settings.redis_url.get_secret_value(), clock)
    return await stack.enter_async_context(bell)


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)
