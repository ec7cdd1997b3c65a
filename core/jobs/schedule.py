"""The one list of periodic work."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from core.audit import chain as audit_chain
from core.certificates import ending, holdings, installing, key_change, signing
from core.certificates.signers import signer_for
from core.chargers import (
    frame_log,
    login,
    pictures,
    presence,
    pricing,
    security_events,
    telling,
    transfers,
)
from core.commands import service as commands
from core.conduct import judging
from core.conduct import service as conduct
from core.desired import availability, local_list, variables
from core.desired import service as desired
from core.fleet import service as fleet
from core.jobs.alert_jobs import alert_jobs
from core.jobs.runner import Job
from core.jobs.watch import Streaks
from core.joining import work as joining
from core.joining.states import ErrandKind
from core.kernel import partitions
from core.kernel.crypto import Vault
from core.kernel.db import Database, Tx
from core.kernel.settings import Settings
from core.operations import holds, reservations
from core.operations import service as operations
from core.partners import signing_keys
from core.request_log import service as request_log
from core.sandbox import service as sandbox
from core.sessions import costs, queries, recovery, stopping
from core.smart_charging import service as smart_charging
from core.upkeep import care
from core.webhooks import health, inbox, partner_events, retention

NODE_SILENT: Final = timedelta(seconds=15)
"""A node that has not been seen for so long is dead; its chargers are offline."""

WISHES: Final = (availability.AVAILABILITY, variables.VARIABLE)
"""Kinds that a worker reconciles are those that are imported here."""

_REFUSALS_KEPT: Final = timedelta(days=30)


_SECURITY_EVENTS_KEPT: Final = timedelta(days=365)

RECONCILED: Final = (installing.CERTIFICATE, key_change.PASSWORD, signing.SIGNED)
"""Kinds of wishes that are made known by importing their modules."""


def periodic_work(
    db: Database, settings: Settings, streaks: Streaks | None = None
) -> Sequence[Job]:
    """Return every job of a worker; those that fail as *streaks* counts become alerts."""

    def job(name: str, every_s: float, work: Callable[[Tx], Awaitable[object]]) -> Job:
        async def one_pass() -> None:
            async with db.transaction() as tx:
                await work(tx)

        return Job(name=name, every_s=every_s, work=one_pass)

    async def close_suspects(tx: Tx) -> None:
        await recovery.close_suspects(tx, grace=settings.suspect_grace)

    async def release_dead_nodes(tx: Tx) -> None:
        await presence.release_dead_nodes(tx, older_than=NODE_SILENT)

    vault = Vault(settings)
    signer = signer_for(db, vault, settings)
    outside = joining.outside_for(db, settings)

    async def sign_certificates() -> None:
        await signing.sign_what_is_due(db, signer)

    async def renew_certificates(tx: Tx) -> None:
        await holdings.renew_what_ends(tx, before_end=settings.certificate_renew_before)

    look_after = partial(care.look_after, stalled_after=settings.transfer_stalled_after)
    delete_old_upkeep = partial(
        care.delete_old,
        events_kept=settings.charger_event_retention,
        customer_information_kept=settings.customer_information_retention,
    )

    async def delete_old_frames(tx: Tx) -> None:
        await security_events.delete_older(tx, tx.now - _SECURITY_EVENTS_KEPT)
        await frame_log.delete_older(tx, tx.now - settings.frame_log_retention)
        await frame_log.delete_quarantined_older(tx, tx.now - settings.frame_log_retention)
        await transfers.delete_older(tx, tx.now - settings.frame_log_retention)
        await login.delete_refusals(tx, older_than=tx.now - _REFUSALS_KEPT)

    async def cut_frames(tx: Tx) -> None:
        await partitions.keep(tx, frame_log.PARTITIONED, kept=settings.frame_log_retention)

    async def cut_meter_values(tx: Tx) -> None:
        await partitions.keep(tx, queries.READINGS, kept=settings.meter_value_retention)

    return (
        job("cut_frames", 600, cut_frames),
        job("cut_meter_values", 600, cut_meter_values),
        job("expire_operations", 1, operations.expire_overdue),
        job("count_operations", 15, operations.measure),
        job("expire_commands", 1, commands.expire_overdue),
        job("expire_reservations", 1, reservations.expire_overdue),
        job("expire_holds", 10, holds.expire_overdue),
        job("settle_holds", 2, holds.settle_unanswered),
        job("reconcile_desired_states", 5, desired.sweep),
        _fleet_commands(db),
        job("look_for_local_list_changes", 10, local_list.look_for_changes),
        job("stop_sessions", 1, stopping.stop_what_must_not_go_on),
        job("close_suspect_sessions", 5, close_suspects),
        job("forget_unanswered_profiles", 600, smart_charging.forget_unanswered),
        job(
            "tell_running_costs",
            5,
            partial(costs.tell_running_costs, every=settings.cost_update_interval),
        ),
        Job(name="sign_certificates", every_s=1, work=sign_certificates),
        job("renew_certificates", 600, renew_certificates),
        job(
            "tell_ending_certificates",
            3600,
            partial(ending.tell, ahead=settings.certificate_alert_before),
        ),
        job("release_dead_nodes", 3, release_dead_nodes),
        Job(
            name="show_tariffs_that_hold",
            every_s=5,
            work=partial(pricing.show_what_holds, db),
        ),
        Job(
            name="delete_pictures_of_nobody",
            every_s=3600,
            work=partial(pictures.sweep, db, settings),
        ),
        Job(
            name="tell_status_changes",
            every_s=settings.status_interval.total_seconds(),
            work=partial(telling.tell_changes, db, backlog=settings.status_backlog),
        ),
        Job(
            name="tell_station_changes",
            every_s=settings.status_interval.total_seconds(),
            work=partial(telling.tell_station_changes, db),
        ),
        job("look_after_chargers", 5, look_after),
        job(
            "tell_expiring_keys",
            60,
            partial(partner_events.tell_expiring_keys, ahead=settings.key_expiring_before),
        ),
        Job(name="judge_counts", every_s=2, work=partial(judging.judge_counts, db, settings)),
        Job(name="judge_starts", every_s=15, work=partial(judging.judge_starts, db, settings)),
        job("ease_standings", 30, partial(conduct.ease, after=settings.conduct_step_down_after)),
        job("delete_old_counts", 600, judging.delete_old),
        job("delete_old_frames", 600, delete_old_frames),
        job("delete_old_upkeep", 600, delete_old_upkeep),
        job("delete_old_errands", 600, sandbox.delete_old),
        job("delete_old_inbox_messages", 600, inbox.delete_old),
        Job(
            name="delete_old_events",
            every_s=60,
            work=partial(retention.delete_old, db, kept=settings.event_retention),
        ),
        job("watch_webhook_endpoints", 30, health.watch),
        *(
            Job(
                name=f"run_{kind}_errands",
                every_s=2,
                work=partial(joining.run_errands, db, vault, settings, outside, (kind,)),
            )
            for kind in ErrandKind
        ),
        Job(
            name="tidy_up_applications",
            every_s=600,
            work=partial(joining.tidy_up, db, settings),
        ),
        *alert_jobs(db, settings, streaks or Streaks()),
        Job(name="seal_audit_trail", every_s=1, work=partial(audit_chain.seal_all, db)),
        Job(
            name="delete_old_request_logs",
            every_s=60,
            work=partial(request_log.delete_old, db, kept=settings.request_log_retention),
        ),
        job("forget_signature_nonces", 60, signing_keys.forget_nonces),
        Job(name="synchronise_clock", every_s=30, work=db.synchronise),
    )


def _fleet_commands(db: Database) -> Job:
    """Return the job that moves fleet commands along, each in a transaction of its own."""

    async def one_pass() -> None:
        async with db.transaction() as tx:
            waiting = await fleet.open_ids(tx)
        for fleet_id in waiting:
            async with db.transaction() as tx:
                await fleet.advance(tx, fleet_id)

    return Job(name="advance_fleet_commands", every_s=1, work=one_pass)
