"""Run by Alembic for every command: binds the steps to the connection and the table prefix handed over in `migrate`."""

from __future__ import annotations

from alembic import context

from vector_pipeline.state.schema import tables

prefix: str = context.config.attributes["prefix"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables(prefix).metadata,
    version_table=f"{prefix}alembic_version",
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
