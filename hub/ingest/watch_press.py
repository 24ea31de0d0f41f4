"""What a test press of the watch leaves behind: the last one, and nothing that people see."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from contract.topics import WATCH
from hub.ingest.events import StoredEvent
from hub.ingest.tables import events, streams


def keep_last(conn: Connection, event: StoredEvent) -> None:
    """The watch has pressed: it went the way of a press as far as the database, and no further.

    Those before it go, and with them the ledger of the watch's earlier lives: six a minute would be three million a
    year.
    """
    conn.execute(delete(events).where(events.c.gateway == WATCH, events.c.id < event.row_id))
    conn.execute(delete(streams).where(streams.c.gateway == WATCH, streams.c.epoch != event.epoch))
