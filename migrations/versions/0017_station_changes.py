"""changes of stations that partners are still to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "station_changes",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("station_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_station_changes")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("station_changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_station_changes_station_id"), ["station_id"], unique=False
        )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("station_changes")
