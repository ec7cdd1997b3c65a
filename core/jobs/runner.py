"""Loops that run beside the servers, on every node at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from core.jobs.watch import Streaks
from core.kernel import failpoints, metrics
from core.kernel.clock import Clock
from core.kernel.errors import DatabaseUnavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One loop: what to do, and how long to wait between two passes, in seconds.

    *work* must be safe on several nodes at the same time: it claims what it does by a guarded
    statement, and a pass that finds nothing costs one indexed query.
    """

    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]


@asynccontextmanager
async def running(
    jobs: Sequence[Job], clock: Clock, streaks: Streaks | None = None
) -> AsyncIterator[None]:
    """Run *jobs* until the block is left; a pass under way is cancelled, its work rolls back.

    Args:
        streaks: Where failures in a row are counted.
    """
    counted = streaks or Streaks()
    tasks = [
        asyncio.create_task(_forever(job, clock, counted), name=f"job {job.name}") for job in jobs
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forever(job: Job, clock: Clock, streaks: Streaks) -> None:
    """Repeat *job*; a failed pass is logged, and the next starts from the database again."""
    while True:
        failpoints.enter("job", job.name)
        began_s = clock.monotonic()
        try:
            await job.work()
        except DatabaseUnavailable:
            metrics.JOB_RUNS.labels(job.name, "postponed").inc()
            log.warning("job_postponed", job=job.name, reason="database unavailable")
        except Exception as exc:
            metrics.JOB_RUNS.labels(job.name, "failed").inc()
            log.exception("job_failed", job=job.name)
            streaks.failed(job.name, exc)
        else:
            metrics.JOB_RUNS.labels(job.name, "succeeded").inc()
            metrics.JOB_SUCCEEDED.labels(job.name).set(clock.unix())
            streaks.succeeded(job.name)
        metrics.JOB_SECONDS.labels(job.name).observe(clock.monotonic() - began_s)
        await clock.sleep(job.every_s)
