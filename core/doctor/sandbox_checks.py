"""Invariants of test mode, as statements that find what breaks them."""

from typing import Final

from core.doctor.checks import REPLACE_IT, Check

CHECKS_OF_SANDBOXES: Final = (
    Check(
        invariant="I32",
        title="a sandbox is test data, and its own partner's alone",
        sql="""
            SELECT b.partner_id, b.station_id FROM sandboxes b
            JOIN stations s ON s.id = b.station_id
            WHERE s.livemode OR EXISTS (
                SELECT 1 FROM station_grants g
                WHERE g.station_id = b.station_id AND g.partner_id <> b.partner_id)
        """,
        advice="Take the grant back from everybody else: the chargers there do what one developer "
        "wants them to. A sandbox in live mode is a bug: report it.",
    ),
    Check(
        invariant="I32",
        title="a simulated charger stands in the sandbox of its partner",
        sql="""
            SELECT g.charger_id, g.partner_id, c.station_id FROM sandbox_chargers g
            JOIN chargers c ON c.id = g.charger_id
            LEFT JOIN sandboxes b ON b.partner_id = g.partner_id
            WHERE c.removed_at IS NULL AND coalesce(c.station_id, '') <> coalesce(b.station_id, '-')
        """,
        advice="Move it back: PATCH /operator/v1/chargers/{id} with the station_id of the sandbox.",
    ),
    Check(
        invariant="I32",
        title="an inbox belongs to test mode",
        sql="""
            SELECT id AS endpoint_id, partner_id FROM webhook_endpoints
            WHERE livemode AND url LIKE 'voltgate%'
        """,
        advice="Nothing of it is sent. Have its partner delete it, and report it: it is a bug.",
    ),
    Check(
        invariant="I34",
        title="passwords of simulated chargers are encrypted",
        sql="""
            SELECT charger_id FROM sandbox_chargers WHERE password NOT LIKE '%_:_%'
        """,
        advice=REPLACE_IT,
    ),
)
