"""reports of charging profiles by criteria; renegotiations with vehicles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    with op.batch_alter_table("charging_profile_reports", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "criteria",
                sa.JSON(none_as_null=True).with_variant(
                    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
                ),
                nullable=True,
            )
        )
    with op.batch_alter_table("charging_needs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "renegotiated",
                sa.JSON(none_as_null=True).with_variant(
                    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
                ),
                nullable=True,
            )
        )


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("charging_needs", schema=None) as batch_op:
        batch_op.drop_column("renegotiated")
    with op.batch_alter_table("charging_profile_reports", schema=None) as batch_op:
        batch_op.drop_column("criteria")
