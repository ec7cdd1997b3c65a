"""What must hold of alerts, as far as a database can show it."""

from typing import Final

from core.doctor.checks import A_NODE_HAS_BEEN_UP, START_A_WORKER, Check

CHECKS_OF_ALERTS: Final = (
    Check(
        invariant="alerts",
        title="a notification that is due is attempted, or given up after a day",
        sql=f"""
            SELECT id AS notification_id, channel, due_at FROM alert_notifications
            WHERE status = 'due' AND due_at < :a_day_ago AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="alerts",
        title="an open alert that operators were told of says over which channel",
        sql="""
            SELECT a.id AS alert_id, a.kind, a.notified_at FROM alerts a
            WHERE a.status <> 'resolved' AND a.notified_at IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM alert_notices n WHERE n.alert_id = a.id)
        """,
    ),
    Check(
        invariant="alerts",
        title="an alert that is acknowledged or resolved says when and by whom",
        sql="""
            SELECT id AS alert_id, kind, status FROM alerts
            WHERE (status = 'resolved' AND (resolved_at IS NULL OR resolved_by IS NULL))
                OR (status = 'acknowledged'
                    AND (acknowledged_at IS NULL OR acknowledged_by IS NULL))
        """,
    ),
)
