"""Alembic's entry: it is given an open connection and works in its transaction."""

from alembic import context

from bot.stores.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
