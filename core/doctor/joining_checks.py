"""What must hold of applications, as far as a database can show it."""

from typing import Final

from core.doctor.checks import A_NODE_HAS_BEEN_UP, REPLACE_IT, START_A_WORKER, Check

CHECKS_OF_JOINING: Final = (
    Check(
        invariant="joining",
        title="a partner whose application nobody has approved has no live key",
        sql="""
            SELECT k.id AS key_id, k.partner_id FROM api_keys k
            JOIN partners p ON p.id = k.partner_id
            WHERE p.test_only AND k.livemode AND k.revoked_at IS NULL
        """,
        advice="Revoke it: voltgate key revoke KEY. Then see who made it: the audit trail of the "
        "key.",
    ),
    Check(
        invariant="joining",
        title="an applicant may have live keys if, and only if, its application is approved",
        sql="""
            SELECT a.id AS application_id, a.status, a.partner_id FROM partner_applications a
            JOIN partners p ON p.id = a.partner_id
            WHERE (a.status = 'approved') = p.test_only
        """,
    ),
    Check(
        invariant="joining",
        title="a webhook address that an applicant named is challenged in time",
        sql=f"""
            SELECT id AS errand_id, application_id, due_at FROM application_errands
            WHERE status = 'due' AND kind = 'webhook' AND due_at < :an_hour_ago
                AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="I34",
        title="tokens of applicants are stored as salted hashes, and errands are encrypted",
        sql="""
            SELECT 'partner_applications' AS table_name, id FROM partner_applications
            WHERE token_hash NOT LIKE 'v1$%$%' OR email_token_hash NOT LIKE 'v1$%$%'
            UNION ALL
            SELECT 'application_errands', id FROM application_errands
            WHERE sealed NOT LIKE '%_:_%'
        """,
        advice=REPLACE_IT,
    ),
)
