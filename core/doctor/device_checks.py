"""Invariants of local lists, holds and charging profiles, as statements that find breaches."""

from typing import Final

from core.doctor.checks import A_NODE_HAS_BEEN_UP, START_A_WORKER, Check

_BEGIN_ANEW: Final = (
    "Have the list sent anew: voltgate charger local-list clear IDENTITY, and when that is "
    "accepted, set it again."
)

CHECKS_OF_LISTS: Final = (
    Check(
        invariant="lists",
        title="a local list has entries only in a version that the charger took",
        sql="""
            SELECT e.charger_id, l.version, l.issued, count(*) AS entries
            FROM local_list_entries e LEFT JOIN local_lists l ON l.charger_id = e.charger_id
            WHERE l.charger_id IS NULL OR l.version < 1
                OR (l.version > l.issued AND l.version < 2147483647)
            GROUP BY e.charger_id, l.version, l.issued
        """,
        advice=_BEGIN_ANEW,
    ),
    Check(
        invariant="lists",
        title="a local list that was accepted is what is wanted",
        sql="""
            SELECT d.charger_id, d.id AS desired_id, l.source
            FROM desired_states d LEFT JOIN local_lists l ON l.charger_id = d.charger_id
            WHERE d.kind = 'local_list' AND d.status = 'accepted' AND (
                (d.present AND l.source IS NULL)
                OR (NOT d.present AND (l.source IS NOT NULL OR EXISTS (
                    SELECT 1 FROM local_list_entries e WHERE e.charger_id = d.charger_id))))
        """,
        advice=_BEGIN_ANEW,
    ),
    Check(
        invariant="lists",
        title="no key code stands in a local list",
        sql="SELECT charger_id, token FROM local_list_entries WHERE kind = 'KeyCode'",
        advice="Whoever has the charger can read it: replace the key code, and have the list "
        "sent anew.",
    ),
)

CHECKS_OF_HOLDS: Final = (
    Check(
        invariant="holds",
        title="a hold whose request is over is confirmed, refused or failed",
        sql=f"""
            SELECT h.id AS hold_id, h.charger_id, h.created_at FROM holds h
            WHERE h.status = 'pending' AND h.created_at < :a_minute_ago
                AND {A_NODE_HAS_BEEN_UP} AND NOT EXISTS (
                    SELECT 1 FROM commands c WHERE c.charger_id = h.charger_id
                        AND c.kind = 'hold' AND c.status IN ('queued', 'sent'))
        """,  # noqa: S608 - names of ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="holds",
        title="a hold or a reservation is over with its time",
        sql=f"""
            SELECT 'hold' AS object, id, charger_id, status, expires_at FROM holds
            WHERE status IN ('pending', 'active') AND expires_at < :a_minute_ago
                AND {A_NODE_HAS_BEEN_UP}
            UNION ALL
            SELECT 'reservation', id, charger_id, status, expires_at FROM reservations
            WHERE status IN ('pending', 'active') AND expires_at < :a_minute_ago
                AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - names of ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="holds",
        title="a hold and a reservation never have one number at a charger",
        sql="""
            SELECT 'hold' AS object, id, number FROM holds
            WHERE number < 1 OR number > 1147483647
            UNION ALL
            SELECT 'reservation', id, number FROM reservations
            WHERE number < 1 OR number > 1000000000
        """,
    ),
    Check(
        invariant="holds",
        title="a hold that was refused or failed says why",
        sql="""
            SELECT id AS hold_id, charger_id, status FROM holds
            WHERE status IN ('refused', 'failed') AND reason IS NULL
        """,
    ),
)

CHECKS_OF_CHARGING: Final = (
    Check(
        invariant="charging",
        title="a profile that a charger accepted took the place of others like it",
        sql="""
            SELECT charger_id, min(profile_id) AS profile_id, purpose, count(*) AS profiles
            FROM charging_profiles WHERE source = 'CSO' AND learned = 'accepted'
            GROUP BY charger_id, evse, purpose, stack_level, coalesce(transaction_ref, '')
            HAVING count(*) > 1
            UNION ALL
            SELECT charger_id, profile_id, min(purpose), count(*)
            FROM charging_profiles WHERE source = 'CSO' AND learned = 'accepted'
            GROUP BY charger_id, profile_id HAVING count(*) > 1
        """,
        advice="Ask the charger which profiles it has (operator API: POST "
        "/chargers/{id}/charging_profiles/report); in 1.6, which cannot tell, clear them there "
        "(.../clear) and want them again.",
    ),
    Check(
        invariant="charging",
        title="a profile that was never accepted is forgotten",
        sql=f"""
            SELECT charger_id, profile_id, at FROM charging_profiles
            WHERE learned = 'sent' AND at < :a_day_ago AND {A_NODE_HAS_BEEN_UP}
        """,  # noqa: S608 - names of ours
        advice=START_A_WORKER,
    ),
    Check(
        invariant="charging",
        title="a vehicle's plan belongs to a transaction of its charger",
        sql="""
            SELECT n.charger_id, n.evse, n.transaction_ref FROM charging_needs n
            LEFT JOIN sessions s ON s.charger_id = n.charger_id
                AND s.transaction_ref = n.transaction_ref
            WHERE n.status = 'planned' AND (n.plan IS NULL OR s.id IS NULL)
        """,
    ),
    Check(
        invariant="charging",
        title="a report of profiles that is complete has a part",
        sql="""
            SELECT charger_id, request, parts FROM charging_profile_reports
            WHERE complete_at IS NOT NULL AND parts < 1
        """,
        advice="Ask the charger anew (operator API: POST /chargers/{id}/charging_profiles/report).",
    ),
)
