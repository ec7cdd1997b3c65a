"""How operators see chargers and what is recorded of them; unlike partners, all of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from core.audit.models import AuditEntry
from core.chargers.models import Charger, Connector
from core.chargers.record_models import Frame, IdToken, Quarantined, RefusedHandshake, Variable
from core.chargers.token_formats import oddity
from core.chargers.views import connector_view
from core.commands.models import CommandRow
from core.kernel.times import rfc3339, rfc3339_or_none
from core.operations.models import Operation, Reservation, Step
from core.operations.views import operation_view, reservation_view
from core.partners.group_models import GroupGrant, StationGroup
from core.partners.models import Grant
from core.sessions.models import Order, Session
from core.sessions.views import order_view, session_view
from csms.redact import redact


def charger_view(charger: Charger, connectors: Iterable[Connector] | None = None) -> dict[str, Any]:
    """Return a charger as JSON, with its *connectors* if they are given; never its credential."""
    view: dict[str, Any] = {
        "id": charger.id,
        "object": "charger",
        "identity": charger.identity,
        "station_id": charger.station_id,
        "registration": charger.registration,
        "held_reason": charger.held_reason,
        "security_profile": charger.security_profile,
        "has_password": charger.credential is not None,
        "online": charger.online,
        "ocpp_version": charger.ocpp_version,
        "vendor": charger.vendor,
        "model": charger.model,
        "serial_number": charger.serial_number,
        "firmware_version": charger.firmware_version,
        "status": charger.status,
        "error_code": charger.error_code,
        "last_seen_at": rfc3339_or_none(charger.last_seen_at),
        "created_at": rfc3339(charger.created_at),
        "updated_at": rfc3339(charger.updated_at),
    }
    if connectors is not None:
        view["connectors"] = [operator_connector_view(connector) for connector in connectors]
    return view


def operator_connector_view(connector: Connector) -> dict[str, Any]:
    """Return a connector with the status that its charger last reported, as it was."""
    return {
        **connector_view(connector),
        "learned": connector.learned,
        "status": connector.status,
        "error_code": connector.error_code,
        "error_info": connector.error_info,
        "since": rfc3339(connector.since),
        "as_of": rfc3339(connector.as_of),
        "reported_at": rfc3339_or_none(connector.reported_at),
    }


def connection_view(charger: Charger, refused: Iterable[RefusedHandshake]) -> dict[str, Any]:
    """Return where a charger is connected, since when, and what was refused of its identity."""
    return {
        "object": "connection",
        "charger_id": charger.id,
        "identity": charger.identity,
        "online": charger.online,
        "node_id": charger.node_id,
        "epoch": charger.epoch,
        "remote_address": charger.remote_address,
        "ocpp_version": charger.ocpp_version,
        "security_profile": charger.security_profile,
        "connected_at": rfc3339_or_none(charger.connected_at),
        "disconnected_at": rfc3339_or_none(charger.disconnected_at),
        "last_seen_at": rfc3339_or_none(charger.last_seen_at),
        "booted_at": rfc3339_or_none(charger.booted_at),
        "boot_reason": charger.boot_reason,
        "refused_handshakes": [refusal_view(refusal) for refusal in refused],
    }


def refusal_view(refusal: RefusedHandshake) -> dict[str, Any]:
    """Return a refused login; *fix* says in plain words what is wrong and what to do."""
    return {
        "object": "refused_handshake",
        "identity": refusal.identity,
        "address": refusal.address,
        "reason": refusal.reason,
        "fix": refusal.detail,
        "count": refusal.count,
        "first_at": rfc3339(refusal.first_at),
        "last_at": rfc3339(refusal.last_at),
    }


def variable_view(variable: Variable) -> dict[str, Any]:
    """Return one variable as reported (2.x)."""
    return {
        "component": variable.component,
        "variable": variable.variable,
        "attribute": variable.attribute,
        "value": variable.value,
        "readonly": variable.readonly,
        "reported_at": rfc3339(variable.reported_at),
    }


def configuration_view(variable: Variable) -> dict[str, Any]:
    """Return one configuration key as reported (1.6)."""
    return {
        "key": variable.variable,
        "value": variable.value,
        "readonly": variable.readonly,
        "reported_at": rfc3339(variable.reported_at),
    }


def command_view(command: CommandRow) -> dict[str, Any]:
    """Return a command: what was asked, when, and what the charger answered, secrets masked."""
    arguments = {name: one for name, one in command.arguments.items() if name != "sealed"}
    is_raw = command.kind == "raw"
    return {
        "id": command.id,
        "object": "command",
        "charger_id": command.charger_id,
        "action": command.action or (arguments["action"] if is_raw else None),
        "kind": command.kind,
        "payload": redact(arguments["payload"] if is_raw else arguments),
        "status": command.status,
        "response": redact(command.response),
        "error": redact(command.error),
        "operation_id": command.operation_id,
        "session_id": command.session_id,
        "requested_by": command.requested_by,
        "message_id": command.message_id,
        "timeout_s": command.timeout_s,
        "created_at": rfc3339(command.created_at),
        "expires_at": rfc3339(command.expires_at),
        "sent_at": rfc3339_or_none(command.sent_at),
        "answered_at": rfc3339_or_none(command.answered_at),
    }


def frame_view(frame: Frame) -> dict[str, Any]:
    """Return a frame of the log; secrets were masked before it was stored."""
    return {
        "id": frame.number,
        "object": "message",
        "at": rfc3339(frame.at),
        "charger_id": frame.charger_id,
        "direction": frame.direction,
        "kind": frame.kind,
        "message_id": frame.message_id,
        "action": frame.action,
        "operation_id": frame.operation_id,
        "text": frame.text,
    }


def quarantined_view(message: Quarantined) -> dict[str, Any]:
    """Return a message that was acknowledged but not believed."""
    return {
        "id": message.number,
        "object": "quarantined_message",
        "at": rfc3339(message.at),
        "charger_id": message.charger_id,
        "action": message.action,
        "message_id": message.message_id,
        "reasons": message.reasons.split(", "),
        "text": message.text,
    }


def id_token_view(token: IdToken, places: Sequence[str] | None = None) -> dict[str, Any]:
    """Return an id token, with the *places* where it may charge if they are given."""
    view: dict[str, Any] = {
        "token": token.token,
        "object": "id_token",
        "kind": token.kind,
        "blocked": token.blocked,
        "expires_at": rfc3339_or_none(token.expires_at),
        "group_token": token.group_token,
        "partner_id": token.partner_id,
        "note": token.note,
        "group_kind": token.group_kind,
        "valid_from": rfc3339_or_none(token.valid_from),
        "restricted": token.restricted,
        "evses": token.evses or [],
        "max_sessions": token.max_sessions,
        "master_pass": token.master_pass,
        "charging_priority": token.charging_priority,
        "language1": token.language1,
        "language2": token.language2,
        "personal_message": token.personal_message,
        "additional_info": token.additional_info or [],
        "oddity": oddity(token.kind, token.token),
        "created_at": rfc3339(token.created_at),
        "updated_at": rfc3339(token.updated_at),
    }
    return view if places is None else view | {"places": list(places)}


def grant_view(grant: Grant) -> dict[str, Any]:
    """Return what a partner may do at a station."""
    return {
        "object": "grant",
        "partner_id": grant.partner_id,
        "station_id": grant.station_id,
        "control": grant.control,
        "direct": grant.direct_control is not None,
        "created_at": rfc3339(grant.created_at),
    }


def operator_session_view(session: Session, *, request_id: str | None) -> dict[str, Any]:
    """Return a session with what partners do not see: charger, token, doubts."""
    return {
        **session_view(session, request_id=request_id),
        "partner_id": session.partner_id,
        "charger_id": session.charger_id,
        "transaction_ref": session.transaction_ref,
        "id_token": session.token,
        "id_token_status": session.verdict,
        "flags": session.flags,
        "billable": session.billable,
        "suspect_since": rfc3339_or_none(session.suspect_since),
    }


def operator_order_view(order: Order) -> dict[str, Any]:
    """Return an order with whose it is."""
    return {
        **order_view(order),
        "partner_id": order.partner_id,
        "charger_id": order.charger_id,
        "billable": order.billable,
    }


def operator_operation_view(operation: Operation, steps: Iterable[Step]) -> dict[str, Any]:
    """Return an operation with whose it is, and what exactly was asked for."""
    return {
        **operation_view(operation, list(steps)),
        "partner_id": operation.partner_id,
        "charger_id": operation.charger_id,
        "request": operation.body,
    }


def operator_reservation_view(reservation: Reservation) -> dict[str, Any]:
    """Return a reservation with whose it is, and the number that the charger knows."""
    return {
        **reservation_view(reservation),
        "partner_id": reservation.partner_id,
        "charger_id": reservation.charger_id,
        "number": reservation.number,
    }


def audit_view(entry: AuditEntry) -> dict[str, Any]:
    """Return one entry of the audit trail."""
    return {
        "id": entry.number,
        "object": "audit_entry",
        "at": rfc3339(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "object_id": entry.object_id,
        "before": entry.before,
        "after": entry.after,
        "request_id": entry.request_id,
        "seal": entry.seal,
        "hash": entry.hash,
    }


def group_view(group: StationGroup) -> dict[str, Any]:
    """Return a group of stations."""
    return {
        "id": group.id,
        "object": "station_group",
        "name": group.name,
        "livemode": group.livemode,
        "created_at": rfc3339(group.created_at),
        "updated_at": rfc3339(group.updated_at),
    }


def group_grant_view(grant: GroupGrant) -> dict[str, Any]:
    """Return who was granted a group."""
    return {
        "object": "group_grant",
        "partner_id": grant.partner_id,
        "group_id": grant.group_id,
        "control": grant.control,
        "created_at": rfc3339(grant.created_at),
    }
