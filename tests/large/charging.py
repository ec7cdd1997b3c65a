"""Statements that fill a database: charging, and all that it leaves behind."""

from collections.abc import Sequence
from typing import Final

from tests.large.step import BEGAN, DAYS, MESSAGE, ORDER, SAMPLES, SESSION, Step, id_of

CHARGING: Final[Sequence[Step]] = (
    Step(
        "the plan of sessions",
        f"""
        CREATE UNLOGGED TABLE plan AS
        SELECT n, at, at + interval '40 minutes' AS ended_at, energy, partner_id, k.charger_id,
            k.id AS connector_id, t.station_id, t.identity,
            {id_of("ses", "at", "'session' || n")} AS session_id,
            {id_of("op", "at", "'start' || n")} AS start_id,
            {id_of("op", "at + interval '40 minutes'", "'stop' || n")} AS stop_id,
            {id_of("ord", "at + interval '40 minutes'", "'order' || n")} AS order_id
        FROM (SELECT n, date_trunc('milliseconds', {BEGAN} + (n * interval '{DAYS} days' * 0.99)
                / <sessions>) AS at,
            5000 + (n * 7919) % 40000 AS energy, (n * 48271) % <chargers> AS c, n % 2 AS k,
            CASE WHEN n % 5 < 2 THEN 0 ELSE 1 + (n / 5) % (<partners> - 1) END AS p
            FROM generate_series(1, <sessions>::bigint) AS n) AS drawn
        JOIN (SELECT id AS partner_id, row_number() OVER (ORDER BY name) - 1 AS pn FROM partners)
            AS p ON p.pn = drawn.p
        JOIN (SELECT id AS of_charger, identity, station_id,
            row_number() OVER (ORDER BY identity) - 1 AS cn FROM chargers) AS t ON t.cn = drawn.c
        JOIN connectors AS k ON k.charger_id = t.of_charger AND k.evse = 1 + drawn.k
        """,
    ),
    Step("the plan's order", "CREATE INDEX ON plan (n)"),
    Step(
        "operations",
        """
        INSERT INTO operations (id, partner_id, livemode, request_id, type, body, status, stage,
            charger_id, connector_id, token, remote_start_id, session_id, on_late_start, metadata,
            result, sequence, created_at, updated_at, deadline_at)
        SELECT s.start_id, s.partner_id, true, 'r-' || s.n, 'start_charge',
            jsonb_build_object('connector_id', s.connector_id, 'limits', NULL), 'succeeded',
            'started', s.charger_id, s.connector_id, upper(substr(md5('t' || s.n), 1, 16)),
            s.n::integer, s.session_id, 'stop', '{}'::jsonb,
            jsonb_build_object('session_id', s.session_id), 4, s.at, s.at + interval '3 seconds',
            s.at + interval '60 seconds'
        FROM plan s
        UNION ALL
        SELECT s.stop_id, s.partner_id, true, 's-' || s.n, 'stop_charge',
            jsonb_build_object('session_id', s.session_id), 'succeeded', 'stopped', s.charger_id,
            s.connector_id, NULL, NULL, s.session_id, 'stop', '{}'::jsonb,
            jsonb_build_object('session_id', s.session_id, 'already_ended', false), 3,
            s.ended_at - interval '3 seconds', s.ended_at, s.ended_at + interval '57 seconds'
        FROM plan s
        """,
    ),
    Step(
        "steps of operations",
        """
        INSERT INTO operation_steps (operation_id, sequence, at, status, stage, facts)
        SELECT o.id, x.sequence, o.created_at + x.sequence * interval '1 second',
            CASE WHEN x.sequence = 1 THEN 'accepted' WHEN x.sequence = o.sequence THEN 'succeeded'
                ELSE 'in_progress' END,
            CASE WHEN x.sequence = 1 THEN 'queued' WHEN x.sequence = o.sequence THEN o.stage
                WHEN x.sequence = 2 THEN 'sent_to_charger' ELSE 'accepted_by_charger' END,
            '{"response": {"status": "Accepted"}}'
        FROM operations o, LATERAL generate_series(1, o.sequence) AS x(sequence)
        """,
    ),
    Step(
        "commands",
        f"""
        INSERT INTO commands (id, charger_id, kind, arguments, action, priority, status,
            operation_id, requested_by, message_id, timeout_s, expires_at, created_at, sent_at,
            answered_at, response)
        SELECT {id_of("cmd", "o.created_at", "o.id")}, o.charger_id, o.type,
            jsonb_build_object('evse', 1, 'connector', 1, 'token', o.token),
            CASE o.type WHEN 'start_charge' THEN 'RemoteStartTransaction'
                ELSE 'RemoteStopTransaction' END,
            10, 'answered', o.id, 'partner', md5(o.id), 30, o.deadline_at, o.created_at,
            o.created_at + interval '1 second', o.created_at + interval '2 seconds',
            '{{"status": "Accepted"}}'
        FROM operations o
        """,
    ),
    Step(
        "sessions",
        """
        INSERT INTO sessions (number, id, charger_id, connector_id, transaction_ref, start_key,
            partner_id, livemode, operation_id, token, verdict, status, is_current, started_at,
            ended_at, reported_start_wh, reported_stop_wh, meter_start_wh, meter_stop_wh, last_wh,
            last_at, energy_wh, stop_reason, data_quality, flags, billable, sequence, announced_at,
            created_at, updated_at)
        SELECT s.n, s.session_id, s.charger_id, s.connector_id, s.n::text, md5('start' || s.n),
            s.partner_id, true, s.start_id, upper(substr(md5('t' || s.n), 1, 16)), 'Accepted',
            'ended', false, s.at, s.ended_at, 1000, 1000 + s.energy, 1000, 1000 + s.energy,
            1000 + s.energy, s.ended_at, s.energy, 'partner', 'ok', '[]', true, 9, s.at, s.at,
            s.ended_at
        FROM plan s
        """,
    ),
    Step(
        "messages of transactions",
        """
        INSERT INTO transaction_messages (charger_id, key, digest, session_id, action, received_at,
            raw)
        SELECT s.charger_id, x.action || ':' || s.n, md5(x.action || s.n) || md5(s.n::text),
            s.session_id, x.action, CASE x.k WHEN 1 THEN s.at ELSE s.ended_at END,
            jsonb_build_object('connectorId', 1, 'idTag', 'X', 'meterStart', 1000,
                'timestamp', s.at, 'transactionId', s.n)
        FROM plan s, (VALUES (1, 'StartTransaction'), (2, 'StopTransaction')) AS x(k, action)
        """,
    ),
    Step(
        "meter values",
        f"""
        INSERT INTO meter_values (session_id, at, received_at, energy_wh, power_w, current_ma,
            voltage_mv, context, accepted, flags, samples, message_key, message)
        SELECT s.session_id, s.at + v * interval '3 minutes', s.at + v * interval '3 minutes',
            1000 + s.energy * v / 12, 11000, 16000, 230000, 'Sample.Periodic', true, '[]',
            {SAMPLES}, hashtextextended(s.n || '-' || v, 0), {MESSAGE}
        FROM plan s, generate_series(1, <readings>) AS v
        """,
    ),
    Step(
        "orders",
        f"""
        INSERT INTO orders (id, session_id, partner_id, livemode, charger_id, version, body,
            billable, created_at, updated_at)
        SELECT s.order_id, s.session_id, s.partner_id, true, s.charger_id, 1, {ORDER}, true,
            s.ended_at, s.ended_at FROM plan s
        """,
    ),
    Step(
        "versions of orders",
        """
        INSERT INTO order_versions (order_id, version, at, reason, body)
        SELECT o.id, 1, o.created_at, 'session_ended', o.body FROM orders o
        """,
    ),
    Step(
        "events",
        f"""
        INSERT INTO events (id, partner_id, livemode, seq, type, object_id, object_sequence,
            session_id, station_id, body, created_at)
        SELECT {id_of("evt", "e.at", "e.kind || s.n")}, s.partner_id, true,
            row_number() OVER (PARTITION BY s.partner_id ORDER BY e.at, s.n, e.k), e.kind,
            e.object_id, e.object_sequence, s.session_id, s.station_id,
            json_build_object('type', e.kind, 'timestamp', e.at, 'related', jsonb_build_object(
                'operation_id', s.start_id, 'request_id', 'r-' || s.n, 'session_id', s.session_id),
                'data', jsonb_build_object('object', {SESSION}))::text,
            e.at
        FROM plan s, LATERAL (VALUES
            (1, s.at + interval '3 seconds', 'operation.succeeded', s.start_id, 4),
            (2, s.at + interval '3 seconds', 'session.started', s.session_id, 2),
            (3, s.ended_at, 'operation.succeeded', s.stop_id, 3),
            (4, s.ended_at, 'session.ended', s.session_id, 9),
            (5, s.ended_at, 'order.finalized', s.order_id, 1)
        ) AS e(k, at, kind, object_id, object_sequence)
        """,
    ),
    Step(
        "numbers of partners",
        """
        UPDATE partners p SET event_seq = coalesce(
            (SELECT max(e.seq) FROM events e WHERE e.partner_id = p.id), 0)
        """,
    ),
    Step(
        "deliveries",
        f"""
        INSERT INTO deliveries (id, event_id, endpoint_id, event_type, status, attempts, due_at,
            created_at, updated_at)
        SELECT {id_of("dlv", "e.created_at", "e.id")}, e.id, w.id, e.type,
            CASE WHEN e.seq > p.event_seq - <backlog> THEN 'due'
                WHEN e.seq % 2000 = 7 AND e.created_at < now() - interval '3 days' THEN 'dead'
                ELSE 'delivered' END,
            CASE WHEN e.seq > p.event_seq - <backlog> THEN 0 ELSE 1 END,
            CASE WHEN e.seq > p.event_seq - <backlog> THEN now() + interval '6 hours'
                ELSE e.created_at END,
            e.created_at, e.created_at + interval '1 second'
        FROM events e JOIN partners p ON p.id = e.partner_id
        JOIN webhook_endpoints w ON w.partner_id = e.partner_id
        """,
    ),
    Step(
        "attempts",
        """
        INSERT INTO delivery_attempts (delivery_id, number, at, status_code, duration_ms, excerpt)
        SELECT d.id, 1, d.updated_at, CASE d.status WHEN 'dead' THEN 500 ELSE 204 END, 35, ''
        FROM deliveries d WHERE d.attempts = 1
        """,
    ),
    Step(
        "frames",
        """
        INSERT INTO frames (at, charger_id, direction, kind, message_id, action, operation_id, text)
        SELECT s.at + f * interval '90 seconds', s.charger_id,
            CASE WHEN f % 2 = 1 THEN 'in' ELSE 'out' END,
            CASE WHEN f % 2 = 1 THEN 'call' ELSE 'result' END, md5(s.n::text || f / 2),
            CASE WHEN f < 3 THEN 'StartTransaction' ELSE 'MeterValues' END,
            CASE WHEN f = 1 THEN s.start_id END,
            CASE WHEN f % 2 = 1 THEN '[2,"' || md5(s.n::text || f / 2) || '","MeterValues",'
                || repeat('{"value":"12345","measurand":"Energy.Active.Import.Register"},', 4)
                || ']' ELSE '[3,"' || md5(s.n::text || f / 2) || '",{}]' END
        FROM plan s, generate_series(1, <frames>) AS f
        """,
    ),
    Step(
        "logged requests",
        f"""
        INSERT INTO request_logs (id, partner_id, livemode, key_id, at, method, path, route, status,
            duration_ms, remote_address, user_agent, request_id, operation_id, replayed,
            request_bytes, request_body, response_bytes, response_body, updated_at)
        SELECT {id_of("req", "s.at + r * interval '1 minute'", "'request' || s.n || r")},
            s.partner_id, true, k.id, s.at + r * interval '1 minute',
            CASE WHEN r = 1 THEN 'POST' ELSE 'GET' END,
            CASE WHEN r = 1 THEN '/v1/start_charge' ELSE '/v1/operations/' || s.start_id END,
            CASE WHEN r = 1 THEN '/v1/start_charge' ELSE '/v1/operations/{{operation_id}}' END,
            CASE WHEN (s.n + r) % 50 = 0 THEN 409 ELSE 200 END, 12, '192.0.2.7',
            'voltgate-client/0.1', CASE WHEN r = 1 THEN 'r-' || s.n END, s.start_id, false, 180,
            CASE WHEN r = 1 THEN '{{"connector_id": "' || s.connector_id || '"}}' END, 900,
            CASE WHEN r = 1 THEN {SESSION}::text END, s.at + r * interval '1 minute'
        FROM plan s JOIN (SELECT DISTINCT ON (partner_id) id, partner_id FROM api_keys) AS k
            ON k.partner_id = s.partner_id, generate_series(1, <requests>) AS r
        """,
    ),
    Step(
        "the next number of a session",
        "SELECT setval(pg_get_serial_sequence('sessions', 'number'), (SELECT max(n) FROM plan))",
    ),
    Step("no plan", "DROP TABLE plan"),
)
