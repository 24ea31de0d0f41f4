"""The schema's history, by Alembic. ``hub.db`` runs it when it opens a store."""
