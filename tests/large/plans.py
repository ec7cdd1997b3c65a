"""Take the plan of every statement that is run, where it is run, with the values it is run with."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

import asyncpg

from core.kernel import engine_postgres
from core.kernel.engine import Rows
from core.kernel.engine_postgres import PostgresConnection

EXPLAINED: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")

_PART: Final = re.compile(r"_(\d{8}|before|default)$")
"""Of a table that is cut by time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run of a statement read.

    Attributes:
        where: The function of ours that ran it.
        rows: Rows that its scans looked at, whether they fitted or not.
        blocks: Pages of 8 KiB.
        scanned: Tables that were read from end to end, and the rows read so.
    """

    where: str
    sql: str
    rows: int
    blocks: int
    duration_ms: float
    scanned: dict[str, int]


@dataclass(slots=True)
class Plans:
    """What has been seen; the worst run of each statement counts.

    *times*: how often the same statement is looked at, since its values may matter.
    """

    times: int = 3
    worst: dict[tuple[str, str], Plan] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def wants(self, where: str, sql: str) -> bool:
        if not sql.lstrip().upper().startswith(EXPLAINED):
            return False
        count = self.seen[where, sql] = self.seen.get((where, sql), 0) + 1
        return count <= self.times

    def add(self, plan: Plan) -> None:
        known = self.worst.get((plan.where, plan.sql))
        if known is None or plan.rows > known.rows:
            self.worst[plan.where, plan.sql] = plan


@contextmanager
def watching(plans: Plans) -> Iterator[None]:
    """Look at the plans of all statements on PostgreSQL until the block is left."""

    class Explaining(PostgresConnection):
        __slots__ = ()

        async def _explained(self, sql: str, arguments: Sequence[Any]) -> None:
            if not self.has_begun:
                await self._begin()
            await _explain(self.raw, plans, sql, arguments)

        async def fetch(self, sql: str, arguments: Sequence[Any]) -> Rows:
            await self._explained(sql, arguments)
            return await super().fetch(sql, arguments)

        async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
            await self._explained(sql, arguments)
            return await super().execute(sql, arguments)

        async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
            await self._explained(sql, rows[0])
            await super().execute_many(sql, rows)

    usual = engine_postgres.PostgresConnection
    engine_postgres.PostgresConnection = Explaining  # type: ignore[misc]
    try:
        yield
    finally:
        engine_postgres.PostgresConnection = usual  # type: ignore[misc]


async def _explain(raw: Any, plans: Plans, sql: str, arguments: Sequence[Any]) -> None:
    """Run a statement for its plan alone: what it writes is undone."""
    where = _where()
    if not plans.wants(where, sql):
        return
    await raw.execute("SAVEPOINT plan")
    try:
        [[text]] = await raw.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
    except asyncpg.PostgresError:
        return  # the statement itself will tell
    finally:
        await raw.execute("ROLLBACK TO SAVEPOINT plan")
    [explained] = json.loads(text)
    top = explained["Plan"]
    rows, scanned = 0, dict[str, int]()
    for node in _nodes(top):
        if "Relation Name" not in node:
            continue
        fitting = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        read = int((fitting + node.get("Rows Removed by Index Recheck", 0)) * node["Actual Loops"])
        if node["Node Type"] == "ModifyTable":
            continue
        rows += read
        if node["Node Type"] == "Seq Scan":
            name = _PART.sub("", node["Relation Name"])
            scanned[name] = scanned.get(name, 0) + read
    plans.add(
        Plan(
            where=where,
            sql=sql,
            rows=rows,
            blocks=top.get("Shared Hit Blocks", 0) + top.get("Shared Read Blocks", 0),
            duration_ms=explained["Execution Time"],
            scanned=scanned,
        )
    )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _where() -> str:
    """Return the innermost function of a domain that waits for this statement."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name: str = frame.f_globals.get("__name__", "")
        if name.startswith(("core.", "csms.", "ops.", "partner_api.")) and not name.startswith(
            "core.kernel"
        ):
            return f"{name}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"
