"""alerts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import core.kernel.db

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "alert_channels",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("composed_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("hour_began_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("in_hour", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_alert_channels")),
    )
    op.create_table(
        "alert_notifications",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column(
            "message",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column(
            "log",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("due_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_notifications")),
    )
    with op.batch_alter_table("alert_notifications", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_notifications_due", ["status", "channel", "due_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_alert_notifications_message_id"), ["message_id"], unique=False
        )

    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column(
            "facts",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("notice", sa.String(length=16), nullable=True),
        sa.Column("notified_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=64), nullable=True),
        sa.Column("resolved_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alerts_notice",
            ["notice"],
            unique=False,
            sqlite_where=sa.text("notice IS NOT NULL"),
            postgresql_where=sa.text("notice IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_alerts_object_id"), ["object_id"], unique=False)
        batch_op.create_index("ix_alerts_status", ["status", "updated_at"], unique=False)
        batch_op.create_index(
            "uq_alerts_unresolved",
            ["kind", "key"],
            unique=True,
            sqlite_where=sa.text("status IN ('open', 'acknowledged')"),
            postgresql_where=sa.text("status IN ('open', 'acknowledged')"),
        )

    op.create_table(
        "alert_notices",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alert_id", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.id"], name=op.f("fk_alert_notices_alert_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_alert_notices")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("alert_notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_notices_alert_id"), ["alert_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_alert_notices_message_id"), ["message_id"], unique=False
        )
        batch_op.create_index(
            "ix_alert_notices_waiting",
            ["channel"],
            unique=False,
            sqlite_where=sa.text("message_id IS NULL"),
            postgresql_where=sa.text("message_id IS NULL"),
        )


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("alert_notices", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_alert_notices_waiting",
            sqlite_where=sa.text("message_id IS NULL"),
            postgresql_where=sa.text("message_id IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_alert_notices_message_id"))
        batch_op.drop_index(batch_op.f("ix_alert_notices_alert_id"))

    op.drop_table("alert_notices")
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_alerts_unresolved",
            sqlite_where=sa.text("status IN ('open', 'acknowledged')"),
            postgresql_where=sa.text("status IN ('open', 'acknowledged')"),
        )
        batch_op.drop_index("ix_alerts_status")
        batch_op.drop_index(batch_op.f("ix_alerts_object_id"))
        batch_op.drop_index(
            "ix_alerts_notice",
            sqlite_where=sa.text("notice IS NOT NULL"),
            postgresql_where=sa.text("notice IS NOT NULL"),
        )

    op.drop_table("alerts")
    with op.batch_alter_table("alert_notifications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_notifications_message_id"))
        batch_op.drop_index("ix_alert_notifications_due")

    op.drop_table("alert_notifications")
    op.drop_table("alert_channels")
