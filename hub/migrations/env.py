"""Alembic's entry: runs migrations on the connection that ``hub.db.migrate`` gives, in its transaction."""

from __future__ import annotations

from alembic import context

import hub.tables  # noqa: F401, every table is in the metadata by now
from hub.db import metadata


def run() -> None:
    """Bring the connection's schema to where Alembic was asked to bring it."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        # SQLite alters a table by making it anew.
        render_as_batch=True,
        compare_type=True,
        # The caller's transaction is the one that counts.
        transaction_per_migration=False,
    )
    context.run_migrations()


run()
