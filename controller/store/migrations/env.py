"""Alembic's entry: runs migrations on the connection that the store hands over."""

from __future__ import annotations

from alembic import context

from controller.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
