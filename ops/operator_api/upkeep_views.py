"""How operators see transfers, reports, monitors, events, display messages."""

from collections.abc import Iterable
from typing import Any

from core.kernel.times import rfc3339, rfc3339_or_none
from core.upkeep.event_models import ChargerEvent
from core.upkeep.models import News, Transfer
from core.upkeep.report_models import DisplayMessage, Monitor, Report


def transfer_view(transfer: Transfer, news: Iterable[News] | None = None) -> dict[str, Any]:
    """Return a transfer, with all that the charger reported of it if *news* are given."""
    view: dict[str, Any] = {
        "id": transfer.id,
        "object": "transfer",
        "charger_id": transfer.charger_id,
        "kind": transfer.kind,
        "status": transfer.status,
        "word": transfer.word,
        "request_id": transfer.request if transfer.request > 0 else None,
        "location": transfer.address,
        "file_name": transfer.file_name,
        "detail": transfer.detail,
        "news_count": transfer.news,
        "requested_by": transfer.requested_by,
        "created_at": rfc3339(transfer.created_at),
        "changed_at": rfc3339(transfer.changed_at),
        "ended_at": rfc3339_or_none(transfer.ended_at),
    }
    if news is not None:
        view["news"] = [{"at": rfc3339(one.at), "word": one.word} for one in news]
    return view


def report_view(report: Report) -> dict[str, Any]:
    """Return how far a report in parts is; not what it brings."""
    return {
        "id": report.id,
        "object": "report",
        "charger_id": report.charger_id,
        "kind": report.kind,
        "status": report.status,
        "word": report.word,
        "request_id": report.request,
        "asked": report.asked,
        "parts": report.parts,
        "entries": report.entries,
        "dropped": report.dropped,
        "command_id": report.command_id,
        "requested_by": report.requested_by,
        "created_at": rfc3339(report.created_at),
        "changed_at": rfc3339(report.changed_at),
        "shown_at": rfc3339_or_none(report.shown_at),
    }


def monitor_view(monitor: Monitor) -> dict[str, Any]:
    """Return a monitor as the charger reported it."""
    return {
        "id": monitor.monitor,
        "object": "monitor",
        "component": monitor.component,
        "variable": monitor.variable,
        "type": monitor.type,
        "value": monitor.value,
        "severity": monitor.severity,
        "transaction": monitor.transaction,
        "reported_at": rfc3339(monitor.reported_at),
    }


def message_view(message: DisplayMessage) -> dict[str, Any]:
    """Return a display message as the charger reported it."""
    return {
        "number": message.message,
        "object": "display_message",
        **message.content,
        "reported_at": rfc3339(message.reported_at),
    }


def charger_event_view(event: ChargerEvent) -> dict[str, Any]:
    """Return an event of a charger's component."""
    return {
        "id": event.number,
        "object": "charger_event",
        "charger_id": event.charger_id,
        "event_id": event.event,
        "at": rfc3339_or_none(event.at),
        "received_at": rfc3339(event.received_at),
        "severity": event.severity,
        "component": event.component,
        "variable": event.variable,
        "value": event.value,
        "trigger": event.trigger,
        "cause_event_id": event.cause,
        "cleared": event.cleared,
        "monitor_id": event.monitor,
        "notification_type": event.notification_type,
        "tech_code": event.tech_code,
        "tech_info": event.tech_info,
        "transaction_ref": event.transaction_ref,
    }
