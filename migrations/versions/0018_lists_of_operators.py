"""lists of operators."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_deliveries_updated_at", "deliveries", ["endpoint_id", "updated_at", "id"]),
    ("ix_operations_remote_start_id", "operations", ["remote_start_id"]),
    ("ix_operations_request_id", "operations", ["request_id"]),
    ("ix_operations_updated_at", "operations", ["updated_at", "id"]),
    ("ix_orders_updated_at", "orders", ["updated_at", "id"]),
)


_CRITICAL = sa.text("critical")
_OVER = sa.text("status IN ('ended', 'invalid')")


def upgrade() -> None:
    """Apply the step."""
    op.create_index(
        "ix_sessions_over",
        "sessions",
        ["updated_at", "id"],
        sqlite_where=_OVER,
        postgresql_where=_OVER,
    )
    op.create_index(
        "ix_security_events_critical",
        "security_events",
        ["number"],
        sqlite_where=_CRITICAL,
        postgresql_where=_CRITICAL,
    )
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Take the step back."""
    op.drop_index("ix_security_events_critical", table_name="security_events")
    op.drop_index("ix_sessions_over", table_name="sessions")
    for name, table, _ in _INDEXES:
        op.drop_index(name, table_name=table)
