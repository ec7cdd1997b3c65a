"""readings have their message: MeterValues are kept with their readings, and only there."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_OF_A_MESSAGE = sa.text("message_key IS NOT NULL")


def upgrade() -> None:
    """Apply the step. MeterValues from before stay among the messages of transactions."""
    op.add_column("meter_values", sa.Column("message_key", sa.BigInteger()))
    op.add_column("meter_values", sa.Column("message", sa.JSON(none_as_null=True)))
    op.create_index(
        "ix_meter_values_message",
        "meter_values",
        ["session_id", "message_key"],
        sqlite_where=_OF_A_MESSAGE,
        postgresql_where=_OF_A_MESSAGE,
    )


def downgrade() -> None:
    """Take the step back; the MeterValues that came since are lost, their readings are not."""
    op.drop_index("ix_meter_values_message", table_name="meter_values")
    op.drop_column("meter_values", "message")
    op.drop_column("meter_values", "message_key")
