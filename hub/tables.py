"""Every table of the hub, in ``hub.db.metadata``: importing this module declares them all."""

from hub.fleet import tables as fleet
from hub.ingest import tables as ingest

__all__ = ["fleet", "ingest"]
