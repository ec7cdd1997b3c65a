"""The checks of operations, reservations, events and deliveries."""

from typing import Final

from core.doctor.checks import A_NODE_HAS_BEEN_UP, START_A_WORKER, Check
from core.operations.states import MACHINE, RESERVATION_MACHINE

_FINAL: Final = ", ".join(f"'{status}'" for status in sorted(MACHINE.final))
_OPEN_RESERVATION: Final = ", ".join(f"'{s}'" for s in sorted(RESERVATION_MACHINE.unfinished))
_MOVES: Final = ", ".join(
    f"'{source}>{target}'"
    for source, targets in sorted(MACHINE.transitions.items())
    for target in sorted({source, *targets})
)
"""A step may stay in its status: a later stage, a late outcome."""

CHECKS_OF_OPERATIONS: Final = (
    Check(
        invariant="I2",
        title="a request_id is one operation",
        sql="""
            SELECT partner_id, livemode, request_id, count(*) AS operations FROM operations
            GROUP BY partner_id, livemode, request_id HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I4",
        title="an operation is over 5 s after its deadline",
        sql=f"""
            SELECT id AS operation_id, type, status, stage FROM operations
            WHERE status NOT IN ({_FINAL}) AND deadline_at < :grace_ago AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - names of ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="I5",
        title="an operation is what its last step says, and no step is missing",
        sql="""
            SELECT o.id AS operation_id, o.status, o.stage, o.sequence, count(s.sequence) AS steps,
                   max(s.sequence) AS last_step
            FROM operations o LEFT JOIN operation_steps s ON s.operation_id = o.id
            GROUP BY o.id, o.status, o.stage, o.sequence
            HAVING count(s.sequence) <> o.sequence OR max(s.sequence) <> o.sequence
                OR min(s.sequence) <> 1
                OR sum(CASE WHEN s.sequence = o.sequence AND s.status = o.status
                            AND s.stage = o.stage THEN 1 ELSE 0 END) <> 1
        """,
    ),
    Check(
        invariant="I5",
        title="steps follow the machine",
        sql=f"""
            SELECT a.operation_id, a.sequence, a.status AS from_status, b.status AS to_status
            FROM operation_steps a JOIN operation_steps b
              ON b.operation_id = a.operation_id AND b.sequence = a.sequence + 1
            WHERE a.status || '>' || b.status NOT IN ({_MOVES})
            UNION ALL
            SELECT operation_id, sequence, '', status FROM operation_steps
            WHERE sequence = 1 AND status <> 'accepted'
        """,  # noqa: S608 - names of ours
    ),
    Check(
        invariant="I6",
        title="at most one command of an operation was sent",
        sql="""
            SELECT operation_id, count(*) AS sent FROM commands
            WHERE operation_id IS NOT NULL AND sent_at IS NOT NULL
            GROUP BY operation_id HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I7",
        title="a start succeeded only with a transaction that the charger reported",
        sql="""
            SELECT o.id AS operation_id, o.session_id FROM operations o
            LEFT JOIN sessions s ON s.id = o.session_id AND s.operation_id = o.id
            WHERE o.type = 'start_charge' AND o.status = 'succeeded' AND (
                s.id IS NULL OR NOT EXISTS (
                    SELECT 1 FROM transaction_messages m WHERE m.session_id = s.id))
        """,
    ),
    Check(
        invariant="I7",
        title="a transaction's start succeeded, or its late outcome is recorded",
        sql="""
            SELECT o.id AS operation_id, o.status, s.id AS session_id
            FROM sessions s JOIN operations o ON o.id = s.operation_id
            WHERE o.type <> 'start_charge' OR coalesce(o.session_id, '') <> s.id
               OR (o.status <> 'succeeded' AND o.late_outcome IS NULL)
        """,
    ),
    Check(
        invariant="I7",
        title="a stop succeeded only with the end of its session, and every end confirms its stops",
        sql=f"""
            SELECT o.id AS operation_id, o.status, s.id AS session_id
            FROM operations o JOIN sessions s ON s.id = o.session_id
            WHERE o.type = 'stop_charge' AND (
                (o.status = 'succeeded' AND s.ended_at IS NULL)
                OR (o.status NOT IN ({_FINAL}) AND s.ended_at IS NOT NULL))
        """,  # noqa: S608 - names of ours
    ),
    Check(
        invariant="I8",
        title="an operation and a transaction are one to one",
        sql="""
            SELECT operation_id AS id, count(*) AS times FROM sessions
            WHERE operation_id IS NOT NULL GROUP BY operation_id HAVING count(*) > 1
            UNION ALL
            SELECT session_id, count(*) FROM operations
            WHERE type = 'start_charge' AND session_id IS NOT NULL
            GROUP BY session_id HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I9",
        title="a connector has at most one unfinished start",
        sql=f"""
            SELECT connector_id, count(*) AS starts FROM operations
            WHERE type = 'start_charge' AND status NOT IN ({_FINAL})
            GROUP BY connector_id HAVING count(*) > 1
        """,  # noqa: S608 - names of ours
    ),
    Check(
        invariant="I9",
        title="a connector has at most one current session",
        sql="""
            SELECT connector_id, count(*) AS sessions FROM sessions WHERE is_current
            GROUP BY connector_id HAVING count(*) > 1 OR connector_id IS NULL
        """,
    ),
    Check(
        invariant="I9",
        title="a connector is held by at most one reservation",
        sql=f"""
            SELECT connector_id, count(*) AS reservations FROM reservations
            WHERE status IN ({_OPEN_RESERVATION}) GROUP BY connector_id HAVING count(*) > 1
        """,  # noqa: S608 - names of ours
    ),
    Check(
        invariant="I21",
        title="an operation, its connector, its session and its commands are of one charger",
        sql="""
            SELECT o.id AS operation_id, o.charger_id, c.charger_id AS other_charger_id
            FROM operations o JOIN connectors c ON c.id = o.connector_id
            WHERE c.charger_id <> o.charger_id
            UNION ALL
            SELECT o.id, o.charger_id, s.charger_id
            FROM operations o JOIN sessions s ON s.id = o.session_id
            WHERE s.charger_id <> o.charger_id
            UNION ALL
            SELECT o.id, o.charger_id, c.charger_id
            FROM operations o JOIN commands c ON c.operation_id = o.id
            WHERE c.charger_id <> o.charger_id
        """,
    ),
)

CHECKS_OF_EVENTS: Final = (
    Check(
        invariant="I10",
        title="an operation has one event for its final status, and none before",
        sql=f"""
            SELECT o.id AS operation_id, o.status, count(e.id) AS events
            FROM operations o LEFT JOIN events e ON e.object_id = o.id AND e.type IN (
                'operation.succeeded', 'operation.failed', 'operation.timed_out',
                'operation.cancelled')
            GROUP BY o.id, o.status, o.partner_id, o.livemode, o.created_at
            HAVING (count(e.id) <> CASE WHEN o.status IN ({_FINAL}) THEN 1 ELSE 0 END
                    AND NOT (count(e.id) = 0 AND EXISTS (
                        SELECT 1 FROM deleted_events d WHERE d.partner_id = o.partner_id
                        AND d.livemode = o.livemode AND o.created_at <= d.until)))
                OR min(e.type) <> 'operation.' || o.status
        """,  # noqa: S608 - names of ours
    ),
    Check(
        invariant="I10",
        title="a partner is told once of the end of a session, and once of its order",
        sql="""
            SELECT object_id, type, count(*) AS events FROM events
            WHERE type IN ('session.ended', 'session.started', 'order.finalized')
            GROUP BY object_id, type, partner_id HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I10",
        title="a partner's order was announced",
        sql="""
            SELECT o.id AS order_id, o.partner_id, o.version FROM orders o
            WHERE o.partner_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM events e WHERE e.object_id = o.id AND e.object_sequence = o.version)
            AND NOT EXISTS (
                SELECT 1 FROM deleted_events d WHERE d.partner_id = o.partner_id
                AND d.livemode = o.livemode AND o.updated_at <= d.until)
        """,
    ),
    Check(
        invariant="I12",
        title="a due delivery is attempted while a node is up",
        sql=f"""
            SELECT d.id AS delivery_id, d.endpoint_id, d.event_type, d.attempts
            FROM deliveries d WHERE d.status = 'due' AND d.due_at < :an_hour_ago
              AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - names of ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="I12",
        title="every attempt is written down, and a delivered one was a success",
        sql="""
            SELECT d.id AS delivery_id, d.status, d.attempts, count(a.number) AS recorded
            FROM deliveries d LEFT JOIN delivery_attempts a ON a.delivery_id = d.id
            GROUP BY d.id, d.status, d.attempts
            HAVING count(a.number) <> d.attempts
                OR (d.status IN ('delivered', 'dead') AND d.attempts = 0)
                OR (d.status = 'delivered' AND sum(
                    CASE WHEN a.status_code BETWEEN 200 AND 299 THEN 1 ELSE 0 END) < 1)
        """,
    ),
    Check(
        invariant="I12",
        title="a delivery is superseded only by a newer one of the same object",
        sql="""
            SELECT endpoint_id, latest_of, max(created_at) AS newest FROM deliveries
            WHERE latest_of IS NOT NULL OR status = 'superseded'
            GROUP BY endpoint_id, latest_of
            HAVING max(CASE WHEN status <> 'superseded' THEN created_at END) IS NULL
                OR max(CASE WHEN status = 'superseded' THEN created_at END)
                 > max(CASE WHEN status <> 'superseded' THEN created_at END)
        """,
    ),
    Check(
        invariant="I12",
        title="operators were told of a dead letter",
        sql="""
            SELECT d.id AS delivery_id, d.endpoint_id, d.event_type FROM deliveries d
            WHERE d.status = 'dead' AND d.updated_at > :a_day_ago AND NOT EXISTS (
                SELECT 1 FROM alerts a WHERE a.kind = 'webhook_dead_letter'
                AND a.key = d.endpoint_id AND a.last_seen_at >= d.updated_at)
        """,
    ),
    Check(
        invariant="I12",
        title="a partner that may see stations is told of their changes while a node is up",
        sql=f"""
            SELECT g.partner_id, min(u.seq) AS told_until, count(c.id) AS connectors
            FROM station_grants g LEFT JOIN status_cursors u ON u.partner_id = g.partner_id
            LEFT JOIN chargers h ON h.station_id = g.station_id
            LEFT JOIN connectors c ON c.charger_id = h.id AND c.seq > u.seq
                AND c.updated_at < :an_hour_ago AND {A_NODE_HAS_BEEN_UP}
            GROUP BY g.partner_id HAVING min(u.seq) IS NULL OR count(c.id) > 0
        """,  # noqa: S608 - no value of anybody's is part of it
        advice=START_A_WORKER,
    ),
    Check(
        invariant="I12",
        title="operators were told of an endpoint that was given up",
        sql="""
            SELECT w.id AS endpoint_id, w.partner_id, w.disabled_reason FROM webhook_endpoints w
            WHERE NOT w.enabled AND w.deleted_at IS NULL AND w.updated_at > :a_day_ago
              AND w.disabled_reason IN ('gone', 'failing') AND NOT EXISTS (
                SELECT 1 FROM alerts a
                WHERE a.kind = 'webhook_endpoint_disabled' AND a.key = w.id)
        """,
    ),
    Check(
        invariant="I12",
        title="a delivery that was put off has an earlier one of its session to wait for",
        sql="""
            SELECT d.id AS delivery_id, d.endpoint_id, d.order_key FROM deliveries d
            WHERE d.status = 'due' AND d.parked AND d.due_at > :in_an_hour AND NOT EXISTS (
                SELECT 1 FROM deliveries e WHERE e.endpoint_id = d.endpoint_id
                AND e.order_key = d.order_key AND e.status = 'due' AND e.order_seq < d.order_seq)
        """,
    ),
    Check(
        invariant="I15",
        title="an object's sequence grows from event to event",
        sql="""
            SELECT object_id, seq, previous, object_sequence FROM (
                SELECT object_id, seq, object_sequence, lag(object_sequence) OVER (
                    PARTITION BY partner_id, object_id ORDER BY seq) AS previous
                FROM events) AS numbered
            WHERE previous >= object_sequence
        """,
    ),
    Check(
        invariant="I15",
        title="no event is ahead of its object",
        sql="""
            SELECT e.id AS event_id, e.object_sequence, o.sequence
            FROM events e JOIN operations o ON o.id = e.object_id
            WHERE e.object_sequence > o.sequence
            UNION ALL
            SELECT e.id, e.object_sequence, s.sequence
            FROM events e JOIN sessions s ON s.id = e.object_id
            WHERE e.object_sequence > s.sequence
        """,
    ),
    Check(
        invariant="I15",
        title="a partner's events are numbered without a hole, from the oldest that is kept",
        sql="""
            SELECT partner_id, event_seq, deleted, events, newest FROM (
                SELECT p.id AS partner_id, p.event_seq, count(DISTINCT e.seq) AS events,
                       max(e.seq) AS newest, (
                    SELECT coalesce(max(d.seq), 0) FROM deleted_events d
                    WHERE d.partner_id = p.id) AS deleted
                FROM partners p LEFT JOIN events e ON e.partner_id = p.id
                GROUP BY p.id, p.event_seq) AS counted
            WHERE events <> event_seq - deleted OR coalesce(newest, deleted) <> event_seq
        """,
    ),
    Check(
        invariant="I32",
        title="an event goes to endpoints of its own partner and mode only",
        sql="""
            SELECT d.id AS delivery_id, d.event_id, d.endpoint_id FROM deliveries d
            JOIN events e ON e.id = d.event_id JOIN webhook_endpoints w ON w.id = d.endpoint_id
            WHERE e.partner_id <> w.partner_id OR e.livemode <> w.livemode
        """,
    ),
    Check(
        invariant="I32",
        title="an event about an operation, a session or an order is its own partner's",
        sql="""
            SELECT e.id AS event_id, e.partner_id, o.partner_id AS owner
            FROM events e JOIN operations o ON o.id = e.object_id
            WHERE e.partner_id <> o.partner_id OR e.livemode <> o.livemode
            UNION ALL
            SELECT e.id, e.partner_id, s.partner_id FROM events e
            JOIN sessions s ON s.id = e.object_id WHERE e.partner_id <> s.partner_id
            UNION ALL
            SELECT e.id, e.partner_id, o.partner_id FROM events e
            JOIN orders o ON o.id = e.object_id WHERE e.partner_id <> o.partner_id
        """,
    ),
)
