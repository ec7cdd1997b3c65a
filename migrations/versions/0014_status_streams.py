"""status streams."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    with op.batch_alter_table("status_cursors", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("grants_version", sa.BigInteger(), server_default="0", nullable=False)
        )


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("status_cursors", schema=None) as batch_op:
        batch_op.drop_column("grants_version")
