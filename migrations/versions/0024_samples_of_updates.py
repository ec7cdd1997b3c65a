"""samples of updates: a 2.x TransactionEvent Updated leaves its samples to its readings."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step. Updates from before stay as they are, with their samples."""
    op.add_column("transaction_messages", sa.Column("samples", sa.JSON(none_as_null=True)))


def downgrade() -> None:
    """Take the step back; updates that came since lack their samples, their readings do not."""
    op.drop_column("transaction_messages", "samples")
