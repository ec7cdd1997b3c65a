"""open sessions by themselves: what a reading changes of a session is in no index."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_OPEN = sa.text("status IN ('pending', 'charging', 'suspended', 'finishing')")
_OVER = sa.text("status IN ('ended', 'invalid')")
_IS_OVER = sa.text("over_updated_at IS NOT NULL")


def upgrade() -> None:
    """Apply the step; PostgreSQL writes the table of sessions anew."""
    op.drop_index("ix_sessions_partner_id", table_name="sessions")
    op.drop_index("ix_sessions_over", table_name="sessions")
    # SQLite adds none that is stored; from an index it reads them all the same
    is_stored = op.get_bind().dialect.name == "postgresql"
    if is_stored:
        op.execute("ALTER TABLE sessions SET (fillfactor = 80)")
    op.add_column(
        "sessions",
        sa.Column(
            "over_updated_at",
            sa.DateTime(timezone=True),
            sa.Computed(
                "CASE WHEN status IN ('ended', 'invalid') THEN updated_at END", persisted=is_stored
            ),
        ),
    )
    _create("ix_sessions_open_of_partner", ["partner_id", "livemode"], _OPEN)
    _create("ix_sessions_over", ["over_updated_at", "id"], _IS_OVER)
    _create(
        "ix_sessions_over_of_partner",
        ["partner_id", "livemode", "over_updated_at", "id"],
        _IS_OVER,
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_index("ix_sessions_over_of_partner", table_name="sessions")
    op.drop_index("ix_sessions_over", table_name="sessions")
    op.drop_index("ix_sessions_open_of_partner", table_name="sessions")
    op.drop_column("sessions", "over_updated_at")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE sessions RESET (fillfactor)")
    _create("ix_sessions_over", ["updated_at", "id"], _OVER)
    op.create_index(
        "ix_sessions_partner_id", "sessions", ["partner_id", "livemode", "updated_at", "id"]
    )


def _create(name: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, "sessions", columns, sqlite_where=where, postgresql_where=where)
