"""Alembic's entry: runs the changes on the connection it is given."""

from alembic import context

from models.every_table import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Table.metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
