"""What is said of alerts: in a mail, in a text message, in the body of a webhook."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from core.alerts.kinds import KINDS, AlertKind
from core.alerts.models import Alert
from core.alerts.states import Reason, Severity
from core.kernel.times import rfc3339, rfc3339_or_none

LISTED: Final = 20
"""Alerts that one message names; of more it says how many."""
MAX_SMS_CHARS: Final = 300
_SHORTEST_TITLE: Final = 40


def message_of(
    told: Sequence[tuple[Alert, Reason]], *, at: datetime, held_until: datetime | None
) -> dict[str, Any]:
    """Return a message about alerts, the worst first.

    Args:
        held_until: The channel has said enough: nothing more comes before then.
    """
    ranked = sorted(told, key=lambda each: (each[1] is Reason.RESOLVED, -each[0].severity.rank))
    return {
        "alerts": [_brief(alert, reason) for alert, reason in ranked[:LISTED]],
        "more": max(0, len(ranked) - LISTED),
        "held_until": rfc3339_or_none(held_until),
        "at": rfc3339(at),
    }


def trial(*, at: datetime, by: str) -> dict[str, Any]:
    """Return the message that tries a channel."""
    return {"alerts": [], "more": 0, "held_until": None, "at": rfc3339(at), "test_by": by}


def subject(message: dict[str, Any]) -> str:
    """Return one line for a mail."""
    alerts = message["alerts"]
    if not alerts:
        return "[Voltgate] This is a test"
    first = _headline(alerts[0])
    count = len(alerts) + message["more"]
    return f"[Voltgate] {first}" if count == 1 else f"[Voltgate] {count} alerts, first {first}"


def mail_text(message: dict[str, Any]) -> str:
    """Return the text of a mail."""
    if not message["alerts"]:
        return (
            f"{message['test_by']} tries whether alerts reach you by mail. They do.\n\n"
            f"{message['at']}\n"
        )
    parts = [_paragraph(alert) for alert in message["alerts"]]
    if message["more"]:
        parts.append(f"And {message['more']} more: voltgate alert list\n")
    if message["held_until"]:
        parts.append(f"Further alerts are held back until {message['held_until']}.\n")
    return "\n".join(parts)


def sms_text(message: dict[str, Any]) -> str:
    """Return the text of an SMS: the worst alert, how many others there are; 300 characters."""
    alerts = message["alerts"]
    if not alerts:
        return f"Voltgate: {message['test_by']} tries whether alerts reach you by SMS. They do."
    others = len(alerts) - 1 + message["more"]
    end = f" And {others} more." if others else ""
    if message["held_until"]:
        end += f" Further alerts are held back until {message['held_until'][11:16]} UTC."
    end += " See: voltgate alert list"
    first = f"Voltgate {_headline(alerts[0])}"
    return first[: max(_SHORTEST_TITLE, MAX_SMS_CHARS - len(end))] + end


def webhook_body(message: dict[str, Any]) -> bytes:
    """Return the body of a webhook, in the form of Standard Webhooks 1.0.0."""
    data = {name: message[name] for name in ("alerts", "more", "held_until")}
    type_ = "alerts" if message["alerts"] else "alerts.test"
    return msgspec.json.encode({"type": type_, "timestamp": message["at"], "data": data})


def _brief(alert: Alert, reason: Reason) -> dict[str, Any]:
    return {
        "id": alert.id,
        "kind": alert.kind,
        "reason": reason,
        "status": alert.status,
        "severity": alert.severity,
        "title": alert.title,
        "object_id": alert.object_id,
        "count": alert.count,
        "facts": alert.facts,
        "created_at": rfc3339(alert.created_at),
        "last_seen_at": rfc3339(alert.last_seen_at),
    }


def _headline(alert: dict[str, Any]) -> str:
    if alert["reason"] == Reason.RESOLVED:
        return f"resolved: {alert['title']}"
    return f"{Severity(alert['severity'])}: {alert['title']}"


def _paragraph(alert: dict[str, Any]) -> str:
    explained = KINDS[AlertKind(alert["kind"])]
    lines = [_headline(alert)]
    if alert["reason"] == Reason.RESOLVED:
        return f"{lines[0]}\n  voltgate alert show {alert['id']}\n"
    lines.append(f"  {explained.means}")
    lines += [f"  {name}: {value}" for name, value in alert["facts"].items()]
    if alert["count"] > 1:
        lines.append(f"  {alert['count']} times since {alert['created_at']}")
    lines += [f"  What to do: {explained.advice}", f"  voltgate alert show {alert['id']}"]
    return "\n".join(lines) + "\n"
