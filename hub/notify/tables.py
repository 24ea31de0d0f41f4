"""SQL tables of what people are told, and of each attempt to tell them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from hub.db import Ms, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("key", Text, primary_key=True),  # notice key and channel: the idempotency key that receivers see
    Column("notice", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("desk", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("incident_id", Text),
    Column("priority", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("fallback", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, default=""),  # why it is held or given up, or the last failure
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_ms", Ms, nullable=False),
    Column("created_ms", Ms, nullable=False),
    Column("updated_ms", Ms, nullable=False),
    Column("finished_ms", Ms),
)
Index("ix_outbox_due", outbox.c.state, outbox.c.channel, outbox.c.due_ms)
Index("ix_outbox_incident", outbox.c.incident_id)

deliveries = Table(
    "deliveries",
    metadata,
    Column("outbox_key", Text, ForeignKey("outbox.key"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("started_ms", Ms, nullable=False),
    Column("finished_ms", Ms),
    Column("outcome", Text, nullable=False),
    Column("status", Integer),  # HTTP status where there was one
    Column("detail", Text, nullable=False, default=""),
)
