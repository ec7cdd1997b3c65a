"""What must hold of throttles, bans and incidents, as far as a database can show it."""

from typing import Final

from core.doctor.checks import Check

CHECKS_OF_CONDUCT: Final = (
    Check(
        invariant="ON-4",
        title="what is held against a partner has an incident of that partner and mode",
        sql="""
            SELECT s.id AS standing_id, s.partner_id, s.step, s.incident_id
            FROM partner_standings s
            LEFT JOIN conduct_incidents i ON i.id = s.incident_id
                AND i.partner_id = s.partner_id AND i.livemode = s.livemode
            WHERE i.id IS NULL AND (s.step <> 'good' OR s.throttled_until IS NOT NULL
                OR s.banned_until IS NOT NULL)
        """,
        advice="Nobody can say why it is throttled or banned: lift it "
        "(voltgate partner lift PARTNER) and report it.",
    ),
    Check(
        invariant="ON-4",
        title="an incident has evidence, and an entry in the audit trail",
        sql="""
            SELECT i.id AS incident_id, i.partner_id, i.rule, i.count FROM conduct_incidents i
            WHERE i.count < 1 OR NOT EXISTS (
                SELECT 1 FROM audit_entries a
                WHERE a.object_id = i.partner_id AND a.action LIKE 'conduct.%'
                    AND a.at = i.created_at AND a.actor = i.opened_by)
        """,
    ),
    Check(
        invariant="ON-4",
        title="test mode is never suspended, and only the ladder's own suspension lasts",
        sql="""
            SELECT s.id AS standing_id, s.partner_id, p.status FROM partner_standings s
            JOIN partners p ON p.id = s.partner_id
            WHERE s.step = 'suspended' AND (NOT s.livemode OR p.status <> 'suspended')
        """,
        advice="Lift it: voltgate partner lift PARTNER (--test for test mode).",
    ),
    Check(
        invariant="ON-4",
        title="a partner that stands well has no open incident",
        sql="""
            SELECT i.id AS incident_id, i.partner_id FROM conduct_incidents i
            LEFT JOIN partner_standings s ON s.partner_id = i.partner_id
                AND s.livemode = i.livemode
            WHERE i.status = 'open' AND coalesce(s.step, 'good') = 'good'
        """,
    ),
)
