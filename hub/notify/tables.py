"""SQL tables of what people are told, and of each attempt to tell them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from hub.db import Ms, RowId, metadata

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
    Column("ask", String(16), comment="the question that it puts to a contact; null where it puts none"),
    Column("link", String(16), comment="names this row in the one-time link of its text"),
    Column("phone", Text, nullable=False, default="", comment="where to, for a channel that goes by numbers"),
    Column("email", Text, nullable=False, default=""),
    Column("drill", String(32), nullable=False, default="", comment="id of the drill; empty: in earnest"),
)
Index("ix_outbox_link", outbox.c.link, unique=True)
Index("ix_outbox_ask", outbox.c.ask)
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

facts = Table(
    "notice_facts",
    metadata,
    Column("outbox_key", Text, ForeignKey("outbox.key"), primary_key=True),
    Column("fact", String(16), primary_key=True, comment="sent, delivered, seen, acted"),
    Column("at_ms", Ms, nullable=False),
    Column("how", Text, nullable=False, comment="what proves it"),
)

asks = Table(
    "asks",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("key", Text, nullable=False, comment="of who asks: the same question to the same contact is one"),
    Column("contact", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("agency", String(64), nullable=False),
    Column("incident_id", String(32), nullable=False),
    Column("assignment", String(40), comment="null: there is nothing to answer"),
    Column("phone", Text, nullable=False, comment="only from there an answer by SMS is taken"),
    Column("code", String(4), nullable=False, comment="what an SMS says to mean this question"),
    Column("drill", String(32), nullable=False),
    Column("asked_ms", Ms, nullable=False),
    Column("expires_ms", Ms, nullable=False),
    Column("ended_ms", Ms, comment="the assignment is over, or nothing is left to answer"),
    Index(None, "key", "contact", unique=True),
    Index(None, "assignment"),
    Index(None, "incident_id"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("ask", String(16), ForeignKey("asks.id"), nullable=False),
    Column("outbox_key", Text, nullable=False, comment="the notice that was answered"),
    Column("word", String(16), nullable=False),
    Column("source", String(16), nullable=False, comment="link, sms, chat"),
    Column("note", Text, nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("news", Boolean, nullable=False, comment="false: it had been said before"),
    Index(None, "ask"),
    sqlite_autoincrement=True,
)

texts_received = Table(
    "texts_received",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("ref", Text, nullable=False, comment="the gateway's own name of the message"),
    Column("sender", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("received_ms", Ms, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("ask", String(16)),
    Index(None, "channel", "ref", unique=True),
    Index(None, "sender", "received_ms"),
    sqlite_autoincrement=True,
)
