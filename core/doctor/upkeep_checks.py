"""Invariants of transfers and of reports in parts, as statements that find what breaks them."""

from typing import Final

from core.doctor.checks import REPLACE_IT, Check

CHECKS_OF_UPKEEP: Final = (
    Check(
        invariant="upkeep",
        title="a transfer has an end exactly if it is over",
        sql="""
            SELECT id AS transfer_id, charger_id, status FROM transfers
            WHERE (ended_at IS NOT NULL) <> (status IN ('succeeded', 'failed', 'canceled'))
        """,
    ),
    Check(
        invariant="upkeep",
        title="a complete report has each of its parts",
        sql="""
            SELECT id AS report_id, charger_id, parts, last_seq FROM charger_reports
            WHERE status = 'complete' AND last_seq IS NOT NULL AND parts <= last_seq
        """,
    ),
    Check(
        invariant="I21",
        title="a transfer or report, its wish and its command are of one charger",
        sql="""
            SELECT t.id, t.charger_id, d.charger_id AS other_charger_id
            FROM transfers t JOIN desired_states d ON d.id = t.desired_id
            WHERE d.charger_id <> t.charger_id
            UNION ALL
            SELECT t.id, t.charger_id, c.charger_id
            FROM transfers t JOIN commands c ON c.id = t.command_id
            WHERE c.charger_id <> t.charger_id
            UNION ALL
            SELECT r.id, r.charger_id, c.charger_id
            FROM charger_reports r JOIN commands c ON c.id = r.command_id
            WHERE c.charger_id <> r.charger_id
        """,
    ),
    Check(
        invariant="I34",
        title="the address of a transfer has no credentials",
        sql="""
            SELECT id AS transfer_id, charger_id FROM transfers
            WHERE address LIKE '%://%@%' AND address NOT LIKE '%://***@%'
        """,
        advice=REPLACE_IT,
    ),
)
