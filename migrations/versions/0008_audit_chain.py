"""audit chain."""

import sqlalchemy as sa
from alembic import op

import core.kernel.db

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_UNSEALED = sa.text("seal IS NULL")
_FUNCTION = "voltgate_refuse_audit_change()"
_REFUSAL = "the audit trail is append-only"

# What may never change; a later column of the table belongs here, too.
_FIXED = ("number", "at", "actor", "action", "object_id", "before", "after", "request_id")

_WAS_SEALED = "OLD.seal IS NOT NULL OR OLD.hash IS NOT NULL"
_BORN_SEALED = "NEW.seal IS NOT NULL OR NEW.hash IS NOT NULL"
_HEAD_GOES_BACK = "NEW.seal < OLD.seal OR (NEW.seal = OLD.seal AND NEW.hash <> OLD.hash)"


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "audit_heads",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", core.kernel.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_heads")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seal", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("hash", sa.String(length=64), nullable=True))
        batch_op.create_index("uq_audit_entries_seal", ["seal"], unique=True)
        batch_op.create_index(
            "ix_audit_entries_unsealed",
            ["number"],
            unique=False,
            sqlite_where=_UNSEALED,
            postgresql_where=_UNSEALED,
        )
    for statement in _statements(op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Take the step back."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {_FUNCTION} CASCADE")
    else:
        for name, _ in _triggers("sqlite"):
            op.execute(f"DROP TRIGGER {name}")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_entries_unsealed", sqlite_where=_UNSEALED)
        batch_op.drop_index("uq_audit_entries_seal")
        batch_op.drop_column("hash")
        batch_op.drop_column("seal")
    op.drop_table("audit_heads")


def _statements(dialect: str) -> list[str]:
    """Return statements after which nothing but a sealing changes the trail (S24)."""
    triggers = [f"CREATE TRIGGER {name} BEFORE {rest}" for name, rest in _triggers(dialect)]
    if dialect != "postgresql":
        return [f"{each} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END" for each in triggers]
    raising = f"RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'"
    function = f"CREATE FUNCTION {_FUNCTION} RETURNS trigger LANGUAGE plpgsql AS"
    return [
        f"{function} $$ BEGIN {raising}; END $$",
        *(f"{each} EXECUTE FUNCTION {_FUNCTION}" for each in triggers),
    ]


def _triggers(dialect: str) -> list[tuple[str, str]]:
    """Return each trigger's name, and what follows BEFORE."""
    is_postgres = dialect == "postgresql"
    differs = "IS DISTINCT FROM" if is_postgres else "IS NOT"
    changed = " OR ".join(f'NEW."{name}" {differs} OLD."{name}"' for name in _FIXED)
    no_sealing = f"{_WAS_SEALED} OR NEW.seal IS NULL OR NEW.hash IS NULL OR {changed}"
    found = [
        ("audit_entries_changed", f"UPDATE ON audit_entries FOR EACH ROW WHEN ({no_sealing})"),
        ("audit_entries_deleted", "DELETE ON audit_entries FOR EACH ROW"),
        ("audit_entries_forged", f"INSERT ON audit_entries FOR EACH ROW WHEN ({_BORN_SEALED})"),
        ("audit_heads_changed", f"UPDATE ON audit_heads FOR EACH ROW WHEN ({_HEAD_GOES_BACK})"),
        ("audit_heads_deleted", "DELETE ON audit_heads FOR EACH ROW"),
    ]
    if is_postgres:
        found += [
            ("audit_entries_emptied", "TRUNCATE ON audit_entries FOR EACH STATEMENT"),
            ("audit_heads_emptied", "TRUNCATE ON audit_heads FOR EACH STATEMENT"),
        ]
    else:  # INSERT OR REPLACE removes a row without asking the trigger of DELETE
        replaces = "EXISTS (SELECT 1 FROM audit_entries WHERE number = NEW.number)"
        found.append(
            ("audit_entries_replaced", f"INSERT ON audit_entries FOR EACH ROW WHEN {replaces}")
        )
    return found
