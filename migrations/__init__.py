"""The schema, step by step (Alembic); ``run`` applies the steps."""
