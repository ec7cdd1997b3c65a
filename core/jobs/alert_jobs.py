"""Periodic work of alerts; each channel has a job of its own, so that none waits for another."""

from collections.abc import Sequence
from functools import partial

from core.alerts import sending, service, telling
from core.alerts.lines import outlets_for
from core.jobs import audit_watch, watch
from core.jobs.runner import Job
from core.jobs.watch import Streaks
from core.kernel.db import Database
from core.kernel.settings import Settings


def alert_jobs(db: Database, settings: Settings, streaks: Streaks) -> Sequence[Job]:
    """Return the jobs that notice what becomes an alert, and that tell operators."""
    outlets = outlets_for(db, settings)
    watching = partial(
        watch.tell, db, streaks, node_id=settings.node_id, limit=settings.job_failures_alert
    )

    async def resolve_silent() -> None:
        async with db.transaction() as tx:
            await service.resolve_silent(tx)

    async def count_open() -> None:
        async with db.transaction() as tx:
            await telling.count_open(tx)

    async def delete_old() -> None:
        async with db.transaction() as tx:
            await telling.delete_old(tx, kept=settings.alert_retention)

    return (
        Job(name="verify_audit_trail", every_s=3600, work=partial(audit_watch.look, db)),
        Job(name="tell_failing_jobs", every_s=15, work=watching),
        Job(name="tell_alerts", every_s=1, work=partial(telling.tell, db, settings, outlets)),
        *(
            Job(
                name=f"send_{channel}_alerts",
                every_s=1,
                work=partial(sending.send_due, db, outlet),
            )
            for channel, outlet in outlets.items()
        ),
        Job(name="resolve_silent_alerts", every_s=60, work=resolve_silent),
        Job(name="count_open_alerts", every_s=15, work=count_open),
        Job(name="delete_old_alerts", every_s=600, work=delete_old),
    )
