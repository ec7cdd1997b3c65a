"""Loops that run beside the servers, on every node at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from core.jobs.watch import Streaks
from core.kernel import failpoints, metrics
from core.kernel.clock import Clock
from core.kernel.errors import DatabaseUnavailable

_GOLDEN: Final = 0.618034
"""Its multiples lie far apart within 1, however many there are."""
_LEAST: Final = 0.25
"""Of its period, a job rests at least for so long."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One loop: what to do, and how often, in seconds from pass to pass.

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
        asyncio.create_task(
            _forever(job, clock, counted, phase=phase_of(number)), name=f"job {job.name}"
        )
        for number, job in enumerate(jobs)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forever(job: Job, clock: Clock, streaks: Streaks, *, phase: float) -> None:
    """Repeat *job*; a failed pass is logged, and the next starts from the database again.

    Args:
        phase: Where in its period the job has its turn, from 0 to 1: jobs that all came at the
            same moment would hold up whoever asks for something just then.
    """
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
        await clock.sleep(rest_s(clock.monotonic(), every_s=job.every_s, phase=phase))


def phase_of(number: int) -> float:
    """Return the place of a job in its period, from 0 to 1."""
    return number * _GOLDEN % 1


def rest_s(now_s: float, *, every_s: float, phase: float) -> float:
    """Return how long to rest until a job's next turn, a quarter of its period at least."""
    left_s = every_s - (now_s - phase * every_s) % every_s
    return left_s if left_s >= every_s * _LEAST else left_s + every_s
