"""signing keys."""

import sqlalchemy as sa
from alembic import op

import core.kernel.db

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    instant = core.kernel.db.UtcDateTime(timezone=True)
    with op.batch_alter_table("partners", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("signs_control", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("require_signature", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("signs_as", sa.String(length=32), nullable=True))
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner_id", sa.String(length=32), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("api_key_id", sa.String(length=32), nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.String(length=512), nullable=True),
        sa.Column("public_key", sa.String(length=64), nullable=True),
        sa.Column("expires_at", instant, nullable=True),
        sa.Column("revoked_at", instant, nullable=True),
        sa.Column("last_used_at", instant, nullable=True),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("updated_at", instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_signing_keys_partner_id")
        ),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("fk_signing_keys_api_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
    )
    with op.batch_alter_table("signing_keys", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_signing_keys_partner_id"), ["partner_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_signing_keys_api_key_id"), ["api_key_id"], unique=False
        )
    op.create_table(
        "signature_nonces",
        sa.Column("signing_key_id", sa.String(length=32), nullable=False),
        sa.Column("nonce", sa.String(length=128), nullable=False),
        sa.Column("used_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("signing_key_id", "nonce", name=op.f("pk_signature_nonces")),
    )
    with op.batch_alter_table("signature_nonces", schema=None) as batch_op:
        batch_op.create_index("ix_signature_nonces_used_at", ["used_at"], unique=False)


def downgrade() -> None:
    """Take the step back."""
    op.drop_table("signature_nonces")
    op.drop_table("signing_keys")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_column("signs_as")
        batch_op.drop_column("require_signature")
    with op.batch_alter_table("partners", schema=None) as batch_op:
        batch_op.drop_column("signs_control")
