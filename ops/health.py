"""Can this process do its work? Looks at the parts that it needs."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from alembic.util.exc import CommandError
from sqlalchemy.exc import SQLAlchemyError

from core.kernel.db import Database
from core.kernel.errors import DatabaseUnavailable
from core.kernel.settings import Settings
from migrations import run as migrations

WITHIN_S: Final = 3.0
"""A part that takes longer to answer counts as away."""

OK: Final = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """State of each part by name; only the parts that nothing works without decide."""

    ready: bool
    parts: dict[str, str]

    def view(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"status": "ready" if self.ready else "not_ready", "checks": self.parts}


class Probe:
    """Looks at the parts this process needs; remembers that the tables are up to date."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._migrated = False

    async def look(self) -> Readiness:
        """Return what works; Redis may be away, everything is only slower then."""
        parts = {"database": await self._database()}
        parts["migrations"] = await self._migrations() if parts["database"] == OK else "unknown"
        ready = all(state == OK for state in parts.values())
        if self._settings.redis_url is not None:
            parts["redis"] = await self._redis(self._settings.redis_url.get_secret_value())
        return Readiness(ready=ready, parts=parts)

    async def _database(self) -> str:
        try:
            async with asyncio.timeout(WITHIN_S), self._db.transaction():
                return OK
        except (DatabaseUnavailable, TimeoutError):
            return "cannot be reached"

    async def _migrations(self) -> str:
        """A schema never goes back: once it is there it need not be asked for again."""
        if self._migrated:
            return OK
        try:
            async with asyncio.timeout(WITHIN_S):
                current = await migrations.current(self._settings.database_url)
        except (SQLAlchemyError, CommandError, OSError, TimeoutError):
            return "unknown"
        if current != migrations.head():
            return "missing; run: voltgate migrate"
        self._migrated = True
        return OK

    async def _redis(self, url: str) -> str:
        from redis.asyncio import Redis  # noqa: PLC0415 - slow; often not needed
        from redis.exceptions import RedisError  # noqa: PLC0415

        client = Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        try:
            async with asyncio.timeout(WITHIN_S):
                await client.ping()
        except (RedisError, OSError, TimeoutError):
            return "away; nodes poll the database instead"
        finally:
            await client.aclose()
        return OK
