"""Every invariant that a database can show, as a statement that returns what breaks it.

The numbers are those of the invariants that tests name, too. A statement works on SQLite and on
PostgreSQL alike, reads only, and returns ids and facts but never a secret. Parameters: ``now`` and
instants before it, see ``service``.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.kernel.db import Tx

REPORT_IT: Final = (
    "Change nothing by hand: keep these rows and the log of their time, and report it. The "
    "platform must never come here."
)

START_A_WORKER: Final = (
    "See that a worker is up (voltgate worker), and look in its log for job_failed; what it missed "
    "it does then."
)
REPLACE_IT: Final = (
    "Take the secret as known to others: replace it, then delete what holds it, and report it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One invariant: its number, what holds, the statement that finds what does not, what to do.

    *look* finds it in place of a statement, where none can.
    """

    invariant: str
    title: str
    sql: str = ""
    advice: str = REPORT_IT
    look: Callable[[Tx], Awaitable[Sequence[dict[str, Any]]]] | None = None


A_NODE_HAS_BEEN_UP: Final = (
    "EXISTS (SELECT 1 FROM nodes WHERE started_at <= :grace_ago AND seen_at >= :silent_since)"
)
"""What a worker should have done is only missed if something has been running."""

CHECKS_OF_SESSIONS: Final = (
    Check(
        invariant="I18",
        title="a transaction is one session, however often it was reported",
        sql="""
            SELECT charger_id, transaction_ref, min(start_key) AS start_key, count(*) AS sessions
            FROM sessions GROUP BY charger_id, transaction_ref HAVING count(*) > 1
            UNION ALL
            SELECT charger_id, min(transaction_ref), start_key, count(*)
            FROM sessions GROUP BY charger_id, start_key HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I18",
        title="a transaction message is recorded once",
        sql="""
            SELECT charger_id, key, count(*) AS messages FROM transaction_messages
            GROUP BY charger_id, key HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I18",
        title="a MeterValues is stored once",
        sql="""
            SELECT session_id, message_key, count(*) AS messages FROM meter_values
            WHERE message IS NOT NULL GROUP BY session_id, message_key HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I20",
        title="a session that is over has exactly one order",
        sql="""
            SELECT s.id AS session_id, s.status, count(o.id) AS orders
            FROM sessions s LEFT JOIN orders o ON o.session_id = s.id
            WHERE s.ended_at IS NOT NULL
            GROUP BY s.id, s.status HAVING count(o.id) <> 1
        """,
    ),
    Check(
        invariant="I20",
        title="every recorded transaction message has its session",
        sql="""
            SELECT m.charger_id, m.key, m.action, m.session_id
            FROM transaction_messages m LEFT JOIN sessions s ON s.id = m.session_id
            WHERE s.id IS NULL
        """,
    ),
    Check(
        invariant="I21",
        title="a session, its connector, its order and its messages are of one charger",
        sql="""
            SELECT s.id AS session_id, s.charger_id, c.charger_id AS other_charger_id
            FROM sessions s JOIN connectors c ON c.id = s.connector_id
            WHERE c.charger_id <> s.charger_id
            UNION ALL
            SELECT s.id, s.charger_id, o.charger_id
            FROM sessions s JOIN orders o ON o.session_id = s.id
            WHERE o.charger_id <> s.charger_id
            UNION ALL
            SELECT s.id, s.charger_id, m.charger_id
            FROM sessions s JOIN transaction_messages m ON m.session_id = s.id
            WHERE m.charger_id <> s.charger_id
        """,
    ),
    Check(
        invariant="I22",
        title="energy is the last accepted register less the first, and never negative",
        sql="""
            SELECT id AS session_id, energy_wh, meter_start_wh, meter_stop_wh FROM sessions
            WHERE energy_wh < 0 OR (
                status = 'ended' AND meter_start_wh IS NOT NULL AND meter_stop_wh IS NOT NULL
                AND energy_wh <> meter_stop_wh - meter_start_wh)
        """,
    ),
    Check(
        invariant="I24",
        title="a session that is over stays over",
        sql="""
            SELECT id AS session_id, status, is_current FROM sessions
            WHERE (ended_at IS NOT NULL AND status NOT IN ('ended', 'invalid'))
               OR (ended_at IS NULL AND status IN ('ended', 'invalid'))
               OR (ended_at IS NOT NULL AND is_current)
        """,
    ),
    Check(
        invariant="I24",
        title="an order keeps every version it had",
        sql="""
            SELECT o.id AS order_id, o.version, count(v.version) AS versions,
                   max(v.version) AS newest
            FROM orders o LEFT JOIN order_versions v ON v.order_id = o.id
            GROUP BY o.id, o.version
            HAVING count(v.version) <> o.version OR max(v.version) <> o.version
                OR min(v.version) <> 1
        """,
    ),
    Check(
        invariant="I25",
        title="transaction ids are positive 32 bit integers, unique for ever",
        sql="""
            SELECT min(id) AS session_id, number, count(*) AS sessions FROM sessions
            GROUP BY number HAVING number < 1 OR number > 2147483647 OR count(*) > 1
        """,
    ),
    Check(
        invariant="I32",
        title="a session's order belongs to the session's partner and mode",
        sql="""
            SELECT s.id AS session_id, o.id AS order_id FROM sessions s
            JOIN orders o ON o.session_id = s.id
            WHERE coalesce(o.partner_id, '') <> coalesce(s.partner_id, '')
               OR (o.partner_id IS NOT NULL AND o.livemode <> s.livemode)
        """,
    ),
    Check(
        invariant="I32",
        title="a session belongs to the partner and mode of the operation that started it",
        sql="""
            SELECT s.id AS session_id, s.partner_id, o.id AS operation_id
            FROM sessions s JOIN operations o ON o.id = s.operation_id
            WHERE coalesce(s.partner_id, '') <> o.partner_id OR s.livemode <> o.livemode
        """,
    ),
)

CHECKS_OF_CHARGERS: Final = (
    Check(
        invariant="I26",
        title="a charger that is online is held by a living node, and may be",
        sql=f"""
            SELECT c.id AS charger_id, c.node_id, c.epoch, c.registration FROM chargers c
            LEFT JOIN nodes n ON n.id = c.node_id
            WHERE c.node_id IS NOT NULL AND (
                c.epoch < 1 OR c.removed_at IS NOT NULL
                OR ((n.id IS NULL OR n.seen_at < :a_minute_ago) AND {A_NODE_HAS_BEEN_UP}))
        """,  # noqa: S608 - no value of anybody's is part of it
        advice=START_A_WORKER,
    ),
    Check(
        invariant="I27",
        title="a message id of ours is used once",
        sql="""
            SELECT message_id, count(*) AS commands FROM commands
            WHERE message_id IS NOT NULL GROUP BY message_id HAVING count(*) > 1
        """,
    ),
    Check(
        invariant="I27",
        title="an answer belongs to a command that was sent",
        sql="""
            SELECT id AS command_id, status FROM commands
            WHERE (status IN ('sent', 'answered', 'errored', 'timed_out') AND sent_at IS NULL)
               OR (status IN ('queued', 'expired') AND sent_at IS NOT NULL)
               OR (status = 'answered' AND answered_at IS NULL)
        """,
    ),
)

CHECKS_OF_SECRETS: Final = (
    Check(
        invariant="I34",
        title="keys, tokens and passwords are stored as salted hashes",
        sql="""
            SELECT 'api_keys' AS table_name, id FROM api_keys
            WHERE secret_hash NOT LIKE 'v1$%$%'
            UNION ALL
            SELECT 'operator_tokens', id FROM operator_tokens WHERE secret_hash NOT LIKE 'v1$%$%'
            UNION ALL
            SELECT 'chargers', id FROM chargers
            WHERE credential IS NOT NULL AND credential NOT LIKE 'v1$%$%'
        """,
        advice=REPLACE_IT,
    ),
    Check(
        invariant="I34",
        title="webhook secrets are encrypted",
        sql=r"""
            SELECT id AS endpoint_id FROM webhook_endpoints
            WHERE secret LIKE 'whsec\_%' ESCAPE '\' OR secret NOT LIKE '%_:_%'
               OR previous_secret LIKE 'whsec\_%' ESCAPE '\'
        """,
        advice=REPLACE_IT,
    ),
    Check(
        invariant="I34",
        title="secrets of request signing are encrypted",
        sql=r"""
            SELECT id AS signing_key_id FROM signing_keys
            WHERE secret LIKE 'sgsec\_%' ESCAPE '\' OR secret NOT LIKE '%_:_%'
        """,
        advice=REPLACE_IT,
    ),
    Check(
        invariant="I34",
        title="no secret of ours stands in an event, in the audit trail or in an answer we kept",
        sql="\nUNION ALL\n".join(
            rf"""
            SELECT '{table}' AS table_name, CAST({key} AS VARCHAR(64)) AS id FROM {table}
            WHERE (CAST({column} AS TEXT) LIKE '%sec\_%' ESCAPE '\'
                OR CAST({column} AS TEXT) LIKE '%vg\_%' ESCAPE '\'
            ) AND (CAST({column} AS TEXT) LIKE '%whsec\_%' ESCAPE '\'
                OR CAST({column} AS TEXT) LIKE '%sgsec\_%' ESCAPE '\'
                OR CAST({column} AS TEXT) LIKE '%vg\_op\_%' ESCAPE '\'
                OR CAST({column} AS TEXT) LIKE '%vg\_live\_%' ESCAPE '\'
                OR CAST({column} AS TEXT) LIKE '%vg\_test\_%' ESCAPE '\')
            """  # noqa: S608 - names of ours
            for table, key, column in (
                ("events", "id", "body"),
                ("audit_entries", "number", "before"),
                ("audit_entries", "number", "after"),
                ("commands", "id", "response"),
            )
        ),
        advice=REPLACE_IT,
    ),
)
