"""A database in which everything is as it should be: one charge, told to one endpoint."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert

from core.audit import chain
from core.audit.models import audit_entries
from core.chargers.models import chargers, connectors, nodes, stations
from core.commands.models import commands
from core.kernel.db import Tx
from core.operations.models import operation_steps, operations, reservations
from core.operators.models import operator_tokens
from core.partners.models import api_keys, partners
from core.sessions.models import order_versions, orders, sessions, transaction_messages
from core.webhooks.models import attempts, deliveries, endpoints, events
from tests.core.doctor import scene_of_devices, scene_of_sandbox

HASH = "v1$00$00"

Rows = list[tuple[Table, dict[str, Any]]]


async def build(tx: Tx) -> None:
    """Insert the scene; as of ``tx.now`` an hour has passed since."""
    for table, row in rows(tx.now):
        await tx.execute(insert(table), [row])
    await chain.seal(tx)


def rows(now: datetime) -> Rows:
    start = now - timedelta(hours=1)
    times = {"created_at": start, "updated_at": start}
    return [
        (nodes, {"id": "node", "started_at": start, "seen_at": now}),
        (partners, {"id": "prt", "name": "P", "status": "active", "event_seq": 3, **times}),
        (
            api_keys,
            {
                "id": "key",
                "partner_id": "prt",
                "livemode": True,
                "name": "K",
                "secret_hash": HASH,
                "scopes": [],
                "ip_allowlist": [],
                **times,
            },
        ),
        (
            operator_tokens,
            {"id": "otk", "name": "O", "role": "admin", "secret_hash": HASH, "created_at": start},
        ),
        (stations, {"id": "st", "name": "S", "livemode": True, "time_zone": "UTC", **times}),
        *_charger("cp", "node", times),
        *_operation(times, now),
        *_session(times, now),
        *_events(times),
        *scene_of_devices.rows(now),
        *scene_of_sandbox.rows(now, credential=HASH),
        *(
            (
                audit_entries,
                {"number": n, "at": start, "actor": "cli", "action": "x.done", "object_id": "key"},
            )
            for n in (1001, 1002)  # none that a sequence is about to give
        ),
    ]


def _charger(id_: str, node_id: str, times: dict[str, Any]) -> Rows:
    charger = {
        "id": id_,
        "station_id": "st",
        "identity": id_,
        "identity_key": id_,
        "registration": "accepted",
        "credential": HASH,
        "security_profile": 1,
        "node_id": node_id,
        "epoch": 1,
        **times,
    }
    connector = {
        "id": f"con-{id_}",
        "charger_id": id_,
        "evse": 1,
        "connector": 1,
        "learned": True,
        "status": "available",
        "since": times["created_at"],
        "as_of": times["created_at"],
        "seq": 1,
        **times,
    }
    return [(chargers, charger), (connectors, connector)]


def _operation(times: dict[str, Any], now: datetime) -> Rows:
    at = times["created_at"]
    operation = {
        "id": "op",
        "partner_id": "prt",
        "livemode": True,
        "request_id": "r-1",
        "type": "start_charge",
        "body": {},
        "status": "succeeded",
        "stage": "started",
        "charger_id": "cp",
        "connector_id": "con-cp",
        "token": "TOKEN",
        "session_id": "cs",
        "on_late_start": "stop",
        "metadata": {},
        "sequence": 3,
        "deadline_at": at,
        **times,
    }
    command = {
        "number": 1,
        "id": "cmd",
        "charger_id": "cp",
        "kind": "start",
        "arguments": {},
        "priority": 10,
        "status": "answered",
        "operation_id": "op",
        "requested_by": "partner:prt",
        "message_id": "m-1",
        "timeout_s": 30.0,
        "expires_at": at,
        "created_at": at,
        "sent_at": at,
        "answered_at": at,
        "response": {"status": "Accepted"},
    }
    reservation = {
        "number": 1,
        "id": "res",
        "partner_id": "prt",
        "livemode": True,
        "operation_id": "op",
        "charger_id": "cp",
        "connector_id": "con-cp",
        "token": "T",
        "status": "active",
        "expires_at": now,
        "sequence": 1,
        **times,
    }
    return [
        (operations, operation),
        *[(operation_steps, step(number, *state, at)) for number, state in enumerate(_STEPS, 1)],
        (commands, command),
        (reservations, reservation),
    ]


_STEPS = (("accepted", "queued"), ("in_progress", "sent_to_charger"), ("succeeded", "started"))


def step(number: int, status: str, stage: str, at: datetime) -> dict[str, Any]:
    return {
        "operation_id": "op",
        "sequence": number,
        "at": at,
        "status": status,
        "stage": stage,
        "facts": {},
    }


def _session(times: dict[str, Any], now: datetime) -> Rows:
    at = times["created_at"]
    session = {
        "number": 1,
        "id": "cs",
        "charger_id": "cp",
        "connector_id": "con-cp",
        "transaction_ref": "1",
        "start_key": "start-1",
        "partner_id": "prt",
        "livemode": True,
        "operation_id": "op",
        "token": "TOKEN",
        "verdict": "accepted",
        "status": "ended",
        "is_current": False,
        "started_at": at,
        "ended_at": now,
        "meter_start_wh": 1_000,
        "meter_stop_wh": 3_500,
        "last_wh": 3_500,
        "energy_wh": 2_500,
        "data_quality": "ok",
        "flags": [],
        "billable": True,
        "sequence": 2,
        **times,
    }
    message = {
        "charger_id": "cp",
        "key": "start-1",
        "digest": "d",
        "session_id": "cs",
        "action": "StartTransaction",
        "received_at": at,
        "raw": {},
    }
    order = {
        "id": "ord",
        "session_id": "cs",
        "partner_id": "prt",
        "livemode": True,
        "charger_id": "cp",
        "version": 1,
        "body": {"energy_wh": 2_500},
        "billable": True,
        **times,
    }
    version = {"order_id": "ord", "version": 1, "at": at, "reason": "stop", "body": {}}
    return [
        (sessions, session),
        (transaction_messages, message),
        (orders, order),
        (order_versions, version),
    ]


def _events(times: dict[str, Any]) -> Rows:
    at = times["created_at"]
    endpoint = {
        "id": "we",
        "partner_id": "prt",
        "livemode": True,
        "url": "https://example.com/hook",
        "event_types": ["*"],
        "enabled": True,
        "secret": "k0:abc",
        **times,
    }
    told = (
        ("operation.succeeded", "op", 3),
        ("session.ended", "cs", 2),
        ("order.finalized", "ord", 1),
    )
    found: Rows = [(endpoints, endpoint)]
    for seq, (type_, object_id, object_sequence) in enumerate(told, 1):
        event = {
            "id": f"evt-{seq}",
            "partner_id": "prt",
            "livemode": True,
            "seq": seq,
            "type": type_,
            "object_id": object_id,
            "object_sequence": object_sequence,
            "body": "{}",
            "created_at": at,
        }
        delivery = {
            "id": f"dlv-{seq}",
            "event_id": f"evt-{seq}",
            "endpoint_id": "we",
            "event_type": type_,
            "status": "delivered",
            "attempts": 1,
            "due_at": at,
            **times,
        }
        attempt = {
            "delivery_id": f"dlv-{seq}",
            "number": 1,
            "at": at,
            "status_code": 204,
            "duration_ms": 5,
        }
        found += [(events, event), (deliveries, delivery), (attempts, attempt)]
    return found
