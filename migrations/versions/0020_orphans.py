"""orphans: ends of transactions that no begin was found for, found without reading all sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_ORPHAN = sa.text("status = 'invalid' AND reported_start_wh IS NULL")


def upgrade() -> None:
    """Apply the step."""
    op.create_index(
        "ix_sessions_orphans",
        "sessions",
        ["charger_id", "ended_at"],
        sqlite_where=_ORPHAN,
        postgresql_where=_ORPHAN,
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_index("ix_sessions_orphans", table_name="sessions")
