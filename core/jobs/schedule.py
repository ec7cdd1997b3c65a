"""The one list of periodic work."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from core.chargers import frame_log, login, presence
from core.commands import service as commands
from core.desired import service as desired
from core.jobs.runner import Job
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from core.operations import reservations
from core.operations import service as operations
from core.sessions import recovery, stopping

NODE_SILENT: Final = timedelta(seconds=15)
"""A node that has not been seen for so long is dead; its chargers are offline."""

_REFUSALS_KEPT: Final = timedelta(days=30)


def periodic_work(db: Database, settings: Settings) -> Sequence[Job]:
    """Return every job of a worker."""

    def job(name: str, every_s: float, work: Callable[[Tx], Awaitable[object]]) -> Job:
        async def one_pass() -> None:
            async with db.transaction() as tx:
                await work(tx)

        return Job(name=name, every_s=every_s, work=one_pass)

    async def close_suspects(tx: Tx) -> None:
        await recovery.close_suspects(tx, grace=settings.suspect_grace)

    async def release_dead_nodes(tx: Tx) -> None:
        await presence.release_dead_nodes(tx, older_than=NODE_SILENT)

    async def delete_old_frames(tx: Tx) -> None:
        await frame_log.delete_older(tx, tx.now - settings.frame_log_retention)
        await frame_log.delete_quarantined_older(tx, tx.now - settings.frame_log_retention)
        await login.delete_refusals(tx, older_than=tx.now - _REFUSALS_KEPT)

    return (
        job("expire_operations", 1, operations.expire_overdue),
        job("expire_commands", 1, commands.expire_overdue),
        job("expire_reservations", 1, reservations.expire_overdue),
        job("reconcile_desired_states", 5, desired.sweep),
        job("stop_sessions", 1, stopping.stop_what_must_not_go_on),
        job("close_suspect_sessions", 5, close_suspects),
        job("release_dead_nodes", 3, release_dead_nodes),
        job("delete_old_frames", 600, delete_old_frames),
        Job(name="synchronise_clock", every_s=30, work=db.synchronise),
    )
