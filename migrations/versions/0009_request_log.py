"""request log."""

import sqlalchemy as sa
from alembic import op

import core.kernel.db

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "request_logs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("route", sa.String(length=100), nullable=True),
        sa.Column("query", sa.String(length=500), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("remote_address", sa.String(length=64), nullable=True),
        sa.Column("user_agent", sa.String(length=200), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("operation_id", sa.String(length=32), nullable=True),
        sa.Column("replayed", sa.Boolean(), nullable=False),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("request_omitted", sa.String(length=20), nullable=True),
        sa.Column("response_bytes", sa.Integer(), nullable=False),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.Column("response_omitted", sa.String(length=20), nullable=True),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request_logs")),
    )
    with op.batch_alter_table("request_logs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_request_logs_partner_id",
            ["partner_id", "livemode", "updated_at", "id"],
            unique=False,
        )
        batch_op.create_index("ix_request_logs_updated_at", ["updated_at"], unique=False)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("request_logs")
