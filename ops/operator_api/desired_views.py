"""How operators see what is wanted of chargers, reports that come in parts, and fleet commands."""

from collections.abc import Mapping
from typing import Any, Final

from core.chargers.record_models import Variable
from core.chargers.report_models import Report
from core.commands.models import CommandRow
from core.desired.kinds import KINDS
from core.desired.models import Desired
from core.desired.states import DesiredStatus
from core.fleet.models import FleetCommand, Target
from core.fleet.states import TargetStatus
from core.kernel.times import rfc3339, rfc3339_or_none
from csms.redact import redact

_WAITS: Final = frozenset({DesiredStatus.PENDING, DesiredStatus.DRIFTED})


def desired_view(row: Desired) -> dict[str, Any]:
    """Return a wish as JSON; secrets in it are never shown."""
    return {
        "id": row.id,
        "object": "desired_state",
        "charger_id": row.charger_id,
        "kind": row.kind,
        "key": row.key,
        "present": row.present,
        "wanted": redact(row.wanted),
        "secret": row.sealed is not None,
        "reported": redact(row.reported),
        "reported_at": rfc3339_or_none(row.reported_at),
        "as_wanted": as_wanted(row),
        "status": row.status,
        "reason": row.reason,
        "attempts": row.attempts,
        "next_attempt_at": rfc3339(row.due_at) if row.status in _WAITS else None,
        "command_id": row.command_id,
        "requested_by": row.requested_by,
        "fleet_command_id": row.fleet_command_id,
        "created_at": rfc3339(row.created_at),
        "changed_at": rfc3339(row.changed_at),
        "settled_at": rfc3339_or_none(row.settled_at),
    }


def as_wanted(row: Desired) -> bool | None:
    """Tell whether the charger reports what is wanted; ``None`` where it never reported."""
    if row.reported_at is None or row.sealed is not None or row.kind not in KINDS.all:
        return None
    if not row.present:
        return row.reported is None
    return row.reported is not None and KINDS[row.kind].matches(row.wanted, row.reported)


def wished_view(row: Desired | None) -> dict[str, Any]:
    """Return what stands beside a reported variable: the wish for it, if there is one."""
    if row is None:
        return {"wanted": None, "desired_state_id": None, "status": None, "as_wanted": None}
    return {
        "wanted": redact({**row.wanted, "key": row.wanted.get("name")}).get("value"),
        "desired_state_id": row.id,
        "status": row.status,
        "reason": row.reason,
        "as_wanted": as_wanted(row),
    }


def characteristics_view(variable: Variable) -> dict[str, Any]:
    """Return what a variable of 2.x can be, as its charger reported it."""
    values = variable.values_list
    return {
        "data_type": variable.data_type,
        "unit": variable.unit,
        "min_limit": variable.min_limit,
        "max_limit": variable.max_limit,
        "values": None if values is None else [part.strip() for part in values.split(",")],
        "supports_monitoring": variable.supports_monitoring,
    }


def report_view(report: Report, command: CommandRow | None = None) -> dict[str, Any]:
    """Return the progress of a report, and what the charger said to the request for it."""
    view: dict[str, Any] = {
        "id": report.id,
        "object": "report",
        "charger_id": report.charger_id,
        "request_id": report.request,
        "kind": report.kind,
        "command_id": report.command_id,
        "parts_received": report.parts,
        "variables_received": report.variables,
        "parts_missing": report.gaps,
        "complete": report.complete,
        "created_at": rfc3339(report.created_at),
        "last_part_at": rfc3339_or_none(report.last_part_at),
    }
    if command is not None:
        view["command"] = {
            "status": command.status,
            "response": redact(command.response),
            "error": redact(command.error),
        }
    return view


def fleet_view(fleet: FleetCommand, counts: Mapping[TargetStatus, int]) -> dict[str, Any]:
    """Return a fleet command with its progress."""
    total = sum(counts.values())
    open_ = counts.get(TargetStatus.PENDING, 0) + counts.get(TargetStatus.SENT, 0)
    return {
        "id": fleet.id,
        "object": "fleet_command",
        "request_id": fleet.request_id,
        "act": redact(fleet.act),
        "wish": redact(fleet.wish),
        "status": fleet.status,
        "reason": fleet.reason,
        "progress": {
            "targets": total,
            "ended": total - open_,
            **{status.value: counts.get(status, 0) for status in TargetStatus},
        },
        "concurrency": fleet.concurrency,
        "stop_after_failures": fleet.stop_after_failures,
        "offline": fleet.offline,
        "deadline_at": rfc3339(fleet.deadline_at),
        "requested_by": fleet.requested_by,
        "created_at": rfc3339(fleet.created_at),
        "changed_at": rfc3339(fleet.changed_at),
        "closed_at": rfc3339_or_none(fleet.closed_at),
    }


def target_view(target: Target) -> dict[str, Any]:
    """Return one charger of a fleet command and its outcome."""
    return {
        "id": target.id,
        "object": "fleet_target",
        "charger_id": target.charger_id,
        "status": target.status,
        "reason": target.reason,
        "command_id": target.command_id,
        "desired_state_id": target.desired_id,
        "sent_at": rfc3339_or_none(target.sent_at),
        "ended_at": rfc3339_or_none(target.ended_at),
    }
