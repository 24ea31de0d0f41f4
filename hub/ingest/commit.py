"""Panic and event records to SQL, together with what they cause, in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from hub.ingest.events import AcceptedEvents, Committed, Consequences


def commit_events(
    conn: Connection, frame: AcceptedEvents, *, now_ms: int, consequences: Consequences
) -> Committed:
    """Store every record of the frame once, its refusals as dead letters, its ranges in the ledger.

    Idempotent: the same frame again gives the same ranges and no consequence.
    """
    raise NotImplementedError
