"""What breaks the rules of alerts, to be planted."""

from typing import Final

ALERT = """
    INSERT INTO alerts (id, kind, key, status, severity, title, facts, count, notified_at,
        acknowledged_at, resolved_at, resolved_by, last_seen_at, created_at, updated_at)
    VALUES ('alr', 'job_failing', 'k', '{status}', 'critical', 'T', '{{}}', 1, {notified_at},
        {at}, {at}, {by}, :long_ago, :long_ago, :long_ago)
"""
NOTICE: Final = """
    INSERT INTO alert_notices (number, alert_id, channel, reason, created_at)
    VALUES (1, 'alr', 'sms', 'raised', :long_ago)
"""
NOTIFICATION = """
    INSERT INTO alert_notifications (id, message_id, channel, recipient, status, message, attempts,
        log, due_at, created_at, updated_at)
    VALUES ('aln', 'alm', 'sms', '+1', '{status}', '{{}}', 0, '[]', :long_ago, :long_ago, :long_ago)
"""


def alert(status: str = "open", **values: str) -> str:
    defaults = {"notified_at": "NULL", "at": "NULL", "by": "NULL"}
    return ALERT.format(status=status, **defaults | values)


PLANTS_OF_ALERTS: Final = (
    ("alerts", "is attempted", NOTIFICATION.format(status="due")),
    ("alerts", "over which channel", alert(notified_at=":long_ago")),
    ("alerts", "when and by whom", alert("resolved")),
    ("alerts", "when and by whom", alert("resolved", at=":long_ago")),
    ("alerts", "when and by whom", alert("acknowledged", at=":long_ago")),
)
SOUND_ALERTS: Final = (
    f"{alert(notified_at=':long_ago')}; {NOTICE}",
    alert("resolved", at=":long_ago", by="'cli'", notified_at=":long_ago"),
    NOTIFICATION.format(status="failed"),
)
