"""How operators see a partner's conduct, and how it sees itself."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.audit.models import AuditEntry
from core.conduct.models import Incident
from core.conduct.service import Conduct
from core.kernel.times import rfc3339, rfc3339_or_none
from core.partners.service import Caller
from core.partners.standing_models import Standing
from core.partners.states import Step


def conduct_view(found: Conduct, now: datetime) -> dict[str, Any]:
    """Return how a partner stands in both modes, with what led there."""
    return {
        "object": "conduct",
        "partner_id": found.partner.id,
        "status": found.partner.status,
        "live": _mode(found.standings, now, livemode=True),
        "test": _mode(found.standings, now, livemode=False),
        "incidents": [incident_view(incident) for incident in found.incidents],
        "history": [_entry(entry) for entry in found.history],
    }


def standing_view(standing: Standing, now: datetime) -> dict[str, Any]:
    """Return how a partner stands in one mode; times are those that lie ahead."""
    return {
        "object": "standing",
        "partner_id": standing.partner_id,
        "livemode": standing.livemode,
        "step": standing.step,
        "throttled_until": rfc3339(standing.throttled_until)
        if standing.throttled_until is not None and standing.is_throttled(now)
        else None,
        "banned_until": rfc3339(standing.banned_until)
        if standing.banned_until is not None and standing.is_banned(now)
        else None,
        "incident_id": standing.incident_id,
        "since": rfc3339(standing.stepped_at),
    }


def own_standing_view(caller: Caller) -> dict[str, Any]:
    """Return what a partner sees of its own standing, in the mode of its key."""
    return {
        "step": caller.step,
        "throttled_until": rfc3339_or_none(caller.throttled_until),
        "banned_until": rfc3339_or_none(caller.banned_until),
    }


def incident_view(incident: Incident) -> dict[str, Any]:
    """Return an incident with its evidence."""
    return {
        "id": incident.id,
        "object": "incident",
        "partner_id": incident.partner_id,
        "livemode": incident.livemode,
        "rule": incident.rule,
        "status": incident.status,
        "step_before": incident.step_before,
        "step": incident.step,
        "until": rfc3339_or_none(incident.until),
        "count": incident.count,
        "evidence": incident.evidence,
        "opened_by": incident.opened_by,
        "closed_by": incident.closed_by,
        "closed_at": rfc3339_or_none(incident.closed_at),
        "created_at": rfc3339(incident.created_at),
        "updated_at": rfc3339(incident.updated_at),
    }


def _mode(standings: Sequence[Standing], now: datetime, *, livemode: bool) -> dict[str, Any]:
    for standing in standings:
        if standing.livemode == livemode:
            return standing_view(standing, now)
    return {"object": "standing", "livemode": livemode, "step": Step.GOOD}


def _entry(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "before": entry.before,
        "after": entry.after,
    }
