"""Invariants of desired state and of fleet commands, as statements that find what breaks them."""

from typing import Final

from core.doctor.checks import A_NODE_HAS_BEEN_UP, START_A_WORKER, Check

CHECKS_OF_WISHES: Final = (
    Check(
        invariant="desired",
        title="a wish that is sent has its command, and one at a time at a charger",
        sql="""
            SELECT d.id AS desired_id, d.charger_id, d.command_id FROM desired_states d
            LEFT JOIN commands c ON c.id = d.command_id AND c.desired_id = d.id
            WHERE d.status = 'sent' AND c.id IS NULL
            UNION ALL
            SELECT min(id), charger_id, NULL FROM desired_states WHERE status = 'sent'
            GROUP BY charger_id HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="desired",
        title="a wish whose command has an answer is settled",
        sql="""
            SELECT d.id AS desired_id, d.charger_id, c.id AS command_id
            FROM desired_states d JOIN commands c ON c.id = d.command_id
            WHERE d.status = 'sent' AND c.status IN ('answered', 'errored')
        """,
    ),
    Check(
        invariant="desired",
        title="a wish whose command ended unanswered is made due again",
        sql=f"""
            SELECT d.id AS desired_id, d.charger_id, c.id AS command_id
            FROM desired_states d JOIN commands c ON c.id = d.command_id
            WHERE d.status = 'sent' AND c.status IN ('timed_out', 'expired')
                AND c.expires_at <= :an_hour_ago AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - ours
        advice=START_A_WORKER,
    ),
)

CHECKS_OF_FLEETS: Final = (
    Check(
        invariant="fleet",
        title="a fleet command that is over has an outcome for each charger",
        sql="""
            SELECT f.id AS fleet_command_id, f.status, t.id AS target_id, t.status AS target_status
            FROM fleet_commands f JOIN fleet_targets t ON t.fleet_command_id = f.id
            WHERE (t.status IN ('pending', 'sent')
                    AND (f.closed_at IS NOT NULL OR f.status = 'finished'))
                OR (t.status = 'pending' AND f.status = 'cancelled')
        """,
    ),
    Check(
        invariant="fleet",
        title="a target that is under way has a command or a wish of its charger",
        sql="""
            SELECT t.id AS target_id, t.charger_id, t.command_id, t.desired_id
            FROM fleet_targets t
            LEFT JOIN commands c ON c.id = t.command_id AND c.charger_id = t.charger_id
                AND c.fleet_target_id = t.id
            WHERE t.status = 'sent' AND t.desired_id IS NULL AND c.id IS NULL
        """,
    ),
    Check(
        invariant="fleet",
        title="a target whose command has an answer has its outcome",
        sql="""
            SELECT t.id AS target_id, t.charger_id, c.id AS command_id
            FROM fleet_targets t JOIN commands c ON c.id = t.command_id
            WHERE t.status = 'sent' AND c.status IN ('answered', 'errored')
        """,
    ),
)
