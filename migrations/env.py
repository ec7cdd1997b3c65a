"""Alembic's entry: runs the steps on the connection that ``run`` hands over."""

import re

from alembic import context

from core.kernel.db import metadata
from ops.tables import import_tables

_PART = re.compile(r"(frames|meter_values)_(\d{8}|before|default)")
"""Parts of tables that are cut by time on PostgreSQL; a job makes and drops them."""


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or name is None or not _PART.fullmatch(name)


import_tables()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    include_name=_is_ours,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
