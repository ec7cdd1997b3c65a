"""found by index: ends of transactions without a begin, commands about a session, few frames."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_ORPHAN = sa.text("status = 'invalid' AND reported_start_wh IS NULL")
_OF_A_SESSION = sa.text("session_id IS NOT NULL")
_OF_AN_OPERATION = sa.text("operation_id IS NOT NULL")


def upgrade() -> None:
    """Apply the step."""
    op.create_index(
        "ix_sessions_orphans",
        "sessions",
        ["charger_id", "ended_at"],
        sqlite_where=_ORPHAN,
        postgresql_where=_ORPHAN,
    )
    op.create_index(
        "ix_commands_session_id",
        "commands",
        ["session_id"],
        sqlite_where=_OF_A_SESSION,
        postgresql_where=_OF_A_SESSION,
    )
    op.drop_index("ix_frames_operation_id", table_name="frames")
    op.create_index(
        "ix_frames_operation_id",
        "frames",
        ["operation_id"],
        sqlite_where=_OF_AN_OPERATION,
        postgresql_where=_OF_AN_OPERATION,
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_index("ix_frames_operation_id", table_name="frames")
    op.create_index("ix_frames_operation_id", "frames", ["operation_id"])
    op.drop_index("ix_commands_session_id", table_name="commands")
    op.drop_index("ix_sessions_orphans", table_name="sessions")
