"""station groups."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import core.kernel.db

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_DIRECT_SO_FAR = "UPDATE station_grants SET direct_control = control"


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "station_groups",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("removed_at", core.kernel.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station_groups")),
    )
    op.create_table(
        "station_group_members",
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("station_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["station_groups.id"], name=op.f("fk_station_group_members_group_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_station_group_members_station_id")
        ),
        sa.PrimaryKeyConstraint("group_id", "station_id", name=op.f("pk_station_group_members")),
    )
    with op.batch_alter_table("station_group_members", schema=None) as batch_op:
        batch_op.create_index("ix_station_group_members_station_id", ["station_id"], unique=False)
    op.create_table(
        "station_group_grants",
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("group_id", sa.String(length=32), nullable=False),
        sa.Column("control", sa.Boolean(), nullable=False),
        sa.Column("created_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["station_groups.id"], name=op.f("fk_station_group_grants_group_id")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_station_group_grants_partner_id")
        ),
        sa.PrimaryKeyConstraint("partner_id", "group_id", name=op.f("pk_station_group_grants")),
    )
    with op.batch_alter_table("station_group_grants", schema=None) as batch_op:
        batch_op.create_index("ix_station_group_grants_group_id", ["group_id"], unique=False)
    with op.batch_alter_table("station_grants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("direct_control", sa.Boolean(), nullable=True))
    op.execute(_DIRECT_SO_FAR)
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tariff_id", sa.String(length=32), nullable=True))
        batch_op.add_column(
            sa.Column(
                "pictures",
                sa.JSON(none_as_null=True).with_variant(
                    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
                ),
                nullable=True,
            )
        )
    with op.batch_alter_table("tariffs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("shown", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    """Take the step back."""
    with op.batch_alter_table("tariffs", schema=None) as batch_op:
        batch_op.drop_column("shown")
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_column("pictures")
        batch_op.drop_column("tariff_id")
    with op.batch_alter_table("station_grants", schema=None) as batch_op:
        batch_op.drop_column("direct_control")
    op.drop_table("station_group_grants")
    op.drop_table("station_group_members")
    op.drop_table("station_groups")
