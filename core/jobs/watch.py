"""Jobs that fail again and again become alerts, and stop being some when they succeed."""

from dataclasses import dataclass, field

from core.alerts import service as alerts
from core.alerts.kinds import AlertKind
from core.kernel.db import Database


@dataclass(slots=True)
class Streaks:
    """How often jobs of this process failed in a row, with the last error's name; memory alone."""

    failures: dict[str, tuple[int, str]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def failed(self, job: str, error: Exception) -> None:
        """Count one more failure in a row."""
        count, _ = self.failures.get(job, (0, ""))
        self.failures[job] = (count + 1, type(error).__name__)

    def succeeded(self, job: str) -> None:
        """End the row of failures of a job."""
        if self.failures.pop(job, None) is not None:
            self.ended.add(job)


async def tell(db: Database, streaks: Streaks, *, node_id: str, limit: int) -> None:
    """Raise an alert for each job with *limit* failures in a row; resolve those that are over.

    Each node speaks for itself: a job may work on one and fail on another.
    """
    ended = frozenset(streaks.ended)
    failing = {job: each for job, each in streaks.failures.items() if each[0] >= limit}
    if not ended and not failing:
        return
    async with db.transaction() as tx:
        for job in sorted(ended):
            alerts.resolve(tx, AlertKind.JOB_FAILING, _key(job, node_id))
        for job, (count, error) in sorted(failing.items()):
            alerts.raise_alert(
                tx,
                AlertKind.JOB_FAILING,
                key=_key(job, node_id),
                title=f"Job {job} failed {count} times in a row",
                facts={"job": job, "node": node_id, "failures": count, "error": error},
            )
    streaks.ended -= ended


def _key(job: str, node_id: str) -> str:
    return f"{job} {node_id}"[: alerts.MAX_KEY_CHARS]
