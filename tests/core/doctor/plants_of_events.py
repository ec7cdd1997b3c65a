"""What breaks the invariants of deliveries: number, part of the check's title, statements."""

from typing import Final

PLANTS_OF_EVENTS: Final = (
    ("I12", "superseded only", "UPDATE deliveries SET status = 'superseded' WHERE id = 'dlv-1'"),
    (
        "I12",
        "superseded only",
        (
            "UPDATE deliveries SET latest_of = 'con'; "
            "UPDATE deliveries SET status = 'superseded', created_at = :future WHERE id = 'dlv-1'"
        ),
    ),
    ("I12", "told of their changes", "DELETE FROM status_cursors"),
    (
        "I12",
        "told of their changes",
        (
            "UPDATE status_cursors SET seq = 0; "
            "UPDATE connectors SET seq = 1, updated_at = :long_ago"
        ),
    ),
    ("I12", "told of a dead letter", "UPDATE deliveries SET status = 'dead'"),
    (
        "I12",
        "told of an endpoint",
        "UPDATE webhook_endpoints SET enabled = false, disabled_reason = 'gone'",
    ),
    (
        "I12",
        "was put off",
        "UPDATE deliveries SET status = 'due', due_at = :future, parked = true, order_key = 'cs'",
    ),
)
