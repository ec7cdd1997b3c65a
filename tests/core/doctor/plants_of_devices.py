"""What breaks the invariants of certificates, keys, lists, holds and charging, to be planted."""

from typing import Final

from tests.core.doctor.plants_of_wishes import both

_ANOTHER_REQUEST: Final = """
    INSERT INTO certificate_requests (number, id, charger_id, use, csr, status, attempts, due_at,
        created_at, changed_at)
    SELECT 2, 'csr2', charger_id, use, csr, 'open', 0, due_at, created_at, changed_at
    FROM certificate_requests
"""
_PROFILE_3: Final = (
    "UPDATE chargers SET security_profile = 3, connected_at = :long_ago; "
    "UPDATE certificate_revocations SET revoked_at = :ten_minutes_ago"
)
_USE_THE_REVOKED: Final = (
    "UPDATE charger_certificates SET last_used_at = :long_ago WHERE id = 'crt2'; "
    "UPDATE charger_certificates SET last_used_at = :ten_minutes_ago WHERE id = 'crt1'"
)
_RESERVE: Final = "UPDATE reservations SET status = 'pending', expires_at = :long_ago"
_EXPIRE_HOLD: Final = "UPDATE holds SET expires_at = :long_ago WHERE number = 1"
_PLAN: Final = "UPDATE charging_needs SET"

PLANTS_OF_DEVICES: Final = (
    (
        "certificates",
        "that was signed has its",
        "UPDATE certificate_requests SET certificate_id = 'x'",
    ),
    (
        "certificates",
        "that was signed has its",
        "UPDATE certificate_requests SET certificate_id = NULL, status = 'signed'",
    ),
    (
        "certificates",
        "that was signed has its",
        "UPDATE charger_certificates SET charger_id = 'cp9'",
    ),
    (
        "certificates",
        "one request of a use",
        both("UPDATE certificate_requests SET status = 'signed'", _ANOTHER_REQUEST),
    ),
    (
        "certificates",
        "signed or given up",
        "UPDATE certificate_requests SET status = 'open', due_at = :long_ago",
    ),
    ("certificates", "lasts as long", "DELETE FROM charger_certificates WHERE id = 'crt2'"),
    ("S4", "no socket stands", both(_PROFILE_3, _USE_THE_REVOKED)),
    (
        "I34",
        "private keys",
        "UPDATE certificate_authorities SET sealed_key = '-----BEGIN PRIVATE KEY-----'",
    ),
    ("I34", "private keys", "UPDATE desired_states SET sealed = 'plain' WHERE number = 101"),
    ("keys", "one of two keys", "UPDATE chargers SET next_credential = credential"),
    (
        "keys",
        "one of two keys",
        (
            "UPDATE chargers SET next_credential = credential; "
            "DELETE FROM desired_states WHERE kind = 'password'"
        ),
    ),
    ("keys", "opens no door", "UPDATE chargers SET removed_at = :long_ago, node_id = NULL"),
    ("I34", "next key", "UPDATE chargers SET next_credential = 'plain'"),
    ("lists", "that the charger took", "UPDATE local_lists SET version = 0"),
    ("lists", "that the charger took", "UPDATE local_lists SET version = 4"),
    ("lists", "that the charger took", "DELETE FROM local_lists"),
    ("lists", "is what is wanted", "UPDATE local_lists SET source = NULL"),
    (
        "lists",
        "is what is wanted",
        (
            "UPDATE desired_states SET present = FALSE WHERE number = 102; "
            "UPDATE local_lists SET source = NULL"
        ),
    ),
    ("lists", "no key code", "UPDATE local_list_entries SET kind = 'KeyCode'"),
    ("holds", "whose request is over", "UPDATE holds SET status = 'pending' WHERE number = 1"),
    ("holds", "over with its time", _EXPIRE_HOLD),
    ("holds", "over with its time", _RESERVE),
    ("holds", "never have one number", "UPDATE reservations SET number = 1000000001"),
    ("holds", "never have one number", "UPDATE holds SET number = 1147483648 WHERE number = 1"),
    ("holds", "says why", "UPDATE holds SET reason = NULL WHERE number = 2"),
    ("charging", "took the place", "UPDATE charging_profiles SET stack_level = 0"),
    (
        "charging",
        "took the place",
        "UPDATE charging_profiles SET profile_id = 1, evse = number, purpose = 'transaction'",
    ),
    (
        "charging",
        "never accepted is forgotten",
        "UPDATE charging_profiles SET learned = 'sent', at = :long_ago",
    ),
    ("charging", "belongs to a transaction", _PLAN + " transaction_ref = '9'"),
    ("charging", "belongs to a transaction", _PLAN + " plan = NULL"),
    ("charging", "has a part", "UPDATE charging_profile_reports SET parts = 0"),
)
"""An invariant, a part of the check's title, and statements."""

SOUND: Final = (
    # the charger came back after the revocation, with another certificate
    both(_PROFILE_3, "UPDATE chargers SET connected_at = :a_minute_ago", _USE_THE_REVOKED),
    # it has the new key, and says so when it has rebooted
    (
        "UPDATE chargers SET next_credential = credential WHERE id = 'cp'; "
        "UPDATE desired_states SET reason = 'RebootRequired' WHERE number = 101"
    ),
    # it refused one of several that were sent: both are accepted until it logs in
    (
        "UPDATE chargers SET next_credential = credential WHERE id = 'cp'; "
        "UPDATE desired_states SET status = 'rejected' WHERE number = 101"
    ),
    # the versions of a list begin anew
    "UPDATE local_lists SET version = 2147483647, issued = 1",
    # nothing wanted, nothing there
    (
        "UPDATE desired_states SET present = FALSE WHERE number = 102; "
        "UPDATE local_lists SET source = NULL; DELETE FROM local_list_entries"
    ),
    # a signing that waits for a service that is away
    "UPDATE certificate_requests SET status = 'open', certificate_id = NULL, due_at = :future",
)
"""What looks like a violation, and is none."""
