"""Alembic's entry: runs the steps on the connection that ``run`` hands over."""

from alembic import context

from core.kernel.db import metadata
from ops.tables import import_tables

import_tables()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
