"""Runs migrations on the connection, and in the transaction, that experiments.database gives."""

from alembic import context

from experiments.database import VERSION_TABLE
from experiments.records import Record

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Record.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
context.run_migrations()
