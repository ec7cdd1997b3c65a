"""Invariants of certificates and of keys, as statements that find what breaks them."""

from typing import Final

from core.doctor.checks import A_NODE_HAS_BEEN_UP, START_A_WORKER, Check

CHECKS_OF_CERTIFICATES: Final = (
    Check(
        invariant="certificates",
        title="a request that was signed has its charger's certificate",
        sql="""
            SELECT r.id AS request_id, r.charger_id, r.status, r.certificate_id
            FROM certificate_requests r LEFT JOIN charger_certificates c
                ON c.id = r.certificate_id AND c.charger_id = r.charger_id
            WHERE c.id IS NULL AND (r.certificate_id IS NOT NULL
                OR r.status IN ('signed', 'installed', 'rejected'))
        """,
        advice="Have the charger ask anew: voltgate certificate renew IDENTITY. The new request "
        "takes the place of this one.",
    ),
    Check(
        invariant="certificates",
        title="a charger has one request of a use under way",
        sql="""
            SELECT charger_id, use, count(*) AS requests FROM certificate_requests
            WHERE status IN ('open', 'signed') GROUP BY charger_id, use HAVING count(*) > 1
        """,
        advice="Have the charger ask anew: voltgate certificate renew IDENTITY; and report it: "
        "a unique index is missing (voltgate migrate --check).",
    ),
    Check(
        invariant="certificates",
        title="a request is signed or given up while a worker is up",
        sql=f"""
            SELECT id AS request_id, charger_id, attempts, due_at, reason
            FROM certificate_requests
            WHERE status = 'open' AND due_at < :an_hour_ago AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - names of ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="certificates",
        title="a certificate was replaced only by one that lasts as long",
        sql="""
            SELECT c.id AS certificate_id, c.charger_id, c.use, c.not_after
            FROM charger_certificates c
            WHERE c.superseded_at IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM charger_certificates other
                WHERE other.charger_id = c.charger_id AND other.use = c.use
                    AND other.id <> c.id AND other.not_after >= c.not_after)
        """,
        advice="It is not renewed by itself any more. Have the charger ask for a new one: "
        "voltgate certificate renew IDENTITY.",
    ),
    Check(
        invariant="S4",
        title="no socket stands on a certificate that was revoked",
        sql="""
            SELECT c.id AS charger_id, c.node_id, k.serial_number, r.revoked_at
            FROM chargers c
            JOIN nodes n ON n.id = c.node_id AND n.seen_at >= :silent_since
            JOIN charger_certificates k ON k.charger_id = c.id
            JOIN certificate_revocations r ON r.serial_number = k.serial_number
            WHERE c.security_profile = 3 AND r.revoked_at < :a_minute_ago
                AND c.connected_at < r.revoked_at AND k.last_used_at = (
                    SELECT max(last_used_at) FROM charger_certificates
                    WHERE charger_id = c.id)
        """,
        advice="End it: voltgate charger disable IDENTITY; enable it again if the charger may "
        "come back with another certificate. Look in the log of the node for sweep_failed.",
    ),
    Check(
        invariant="I34",
        title="private keys and keys on their way to chargers are encrypted",
        sql="""
            SELECT 'certificate_authorities' AS table_name, name AS id
            FROM certificate_authorities
            WHERE sealed_key LIKE '%PRIVATE KEY%' OR sealed_key NOT LIKE '%_:_%'
            UNION ALL
            SELECT 'desired_states', id FROM desired_states WHERE sealed NOT LIKE '%_:_%'
            UNION ALL
            SELECT 'charger_certificates', id FROM charger_certificates
            WHERE chain LIKE '%PRIVATE KEY%'
        """,
        advice="Take the key as known to others: replace it (for a charger: voltgate charger "
        "rotate-password IDENTITY), and report it.",
    ),
)

CHECKS_OF_KEYS: Final = (
    Check(
        invariant="keys",
        title="a charger that may have one of two keys has the change that decides",
        sql="""
            SELECT c.id AS charger_id, c.identity FROM chargers c
            LEFT JOIN desired_states d
                ON d.charger_id = c.id AND d.kind = 'password' AND d.key = 'basic_auth'
            WHERE c.next_credential IS NOT NULL AND (
                c.credential IS NULL OR d.id IS NULL OR (
                    d.status = 'accepted' AND coalesce(d.reason, '') <> 'RebootRequired'))
        """,
        advice="Both keys open the door until one is chosen. Enter a key in the charger and set "
        "the same here: voltgate charger set-password IDENTITY.",
    ),
    Check(
        invariant="keys",
        title="a charger that was removed opens no door",
        sql="""
            SELECT id AS charger_id, identity FROM chargers
            WHERE removed_at IS NOT NULL AND (identity_key IS NOT NULL
                OR credential IS NOT NULL OR next_credential IS NOT NULL)
        """,
    ),
    Check(
        invariant="I34",
        title="a charger's next key is stored as a salted hash",
        sql="""
            SELECT id AS charger_id FROM chargers
            WHERE next_credential IS NOT NULL AND next_credential NOT LIKE 'v1$%$%'
        """,
        advice="Set another one here and in the charger: voltgate charger set-password IDENTITY.",
    ),
)
