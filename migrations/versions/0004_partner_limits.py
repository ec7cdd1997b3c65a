"""partner limits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import core.kernel.db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UNFINISHED = sa.text("status IN ('accepted', 'in_progress')")
_OPEN = sa.text("status IN ('pending', 'active')")


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "partner_limits",
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column(
            "overrides",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
        ),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_partner_limits_partner_id")
        ),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_partner_limits")),
    )
    op.create_table(
        "api_nodes",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("seen_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reaches_redis", sa.Boolean(), nullable=False),
        sa.Column(
            "report",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_nodes")),
    )
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_operations_unfinished",
            ["partner_id"],
            unique=False,
            sqlite_where=_UNFINISHED,
            postgresql_where=_UNFINISHED,
        )
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_reservations_open",
            ["partner_id"],
            unique=False,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("expiry_told", core.kernel.db.UtcDateTime(timezone=True), nullable=True)
        )


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_column("expiry_told")
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.drop_index("ix_reservations_open")
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.drop_index("ix_operations_unfinished")
    op.drop_table("api_nodes")
    op.drop_table("partner_limits")
