"""partitions."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLES = (
    (
        "frames",
        "at",
        "date_trunc('day', now() AT TIME ZONE 'UTC') + interval '2 days'",
        {
            "ix_frames_charger_id": "charger_id, number",
            "ix_frames_operation_id": "operation_id",
            "ix_frames_at": "at",
        },
    ),
    (
        "meter_values",
        "received_at",
        "date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month'",
        {"ix_meter_values_session_id": "session_id, at, number"},
    ),
)
"""Table, column, end of the part that holds what there is, indexes."""


def upgrade() -> None:
    """Apply the step: what there is becomes the first part, as it lies."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column, end, indexes in _TABLES:
        before = f"{table}_before"
        op.execute(f"ALTER TABLE {table} RENAME TO {before}")
        op.execute(f"ALTER TABLE {before} DROP CONSTRAINT pk_{table}")
        for name in indexes:
            op.execute(f"ALTER INDEX {name} RENAME TO {name}_before")
        op.execute(
            f"CREATE TABLE {table} (LIKE {before} INCLUDING DEFAULTS) PARTITION BY RANGE ({column})"
        )
        op.execute(f"ALTER SEQUENCE {table}_number_seq OWNED BY {table}.number")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (number, {column})")
        for name, columns in indexes.items():
            op.execute(f"CREATE INDEX {name} ON {table} ({columns})")
        op.execute(
            f"""
            DO $$ BEGIN EXECUTE format(
                'ALTER TABLE {table} ATTACH PARTITION {before} FOR VALUES FROM (MINVALUE) TO (%L)',
                ({end}) AT TIME ZONE 'UTC'); END $$
            """
        )
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def downgrade() -> None:
    """Take the step back: all parts in one table again."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, _, _, indexes in _TABLES:
        whole = f"{table}_whole"
        op.execute(f"CREATE TABLE {whole} (LIKE {table} INCLUDING DEFAULTS)")
        op.execute(f"INSERT INTO {whole} SELECT * FROM {table}")  # noqa: S608 - names of ours
        op.execute(f"ALTER SEQUENCE {table}_number_seq OWNED BY {whole}.number")
        op.execute(f"DROP TABLE {table}")
        op.execute(f"ALTER TABLE {whole} RENAME TO {table}")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (number)")
        for name, columns in indexes.items():
            op.execute(f"CREATE INDEX {name} ON {table} ({columns})")
