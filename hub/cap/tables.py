"""SQL table of the CAP messages that were issued; none is ever changed, for receivers hold them by their names."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from hub.db import Ms, metadata

cap_messages = Table(
    "cap_messages",
    metadata,
    Column("identifier", String(120), primary_key=True),
    Column("subject", Text, nullable=False, comment="what it is about: incident/ID or station/ID"),
    Column("n", Integer, nullable=False, comment="counts the messages of the subject"),
    Column("sender", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("msg_type", String(16), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("sent_ms", Ms, nullable=False, comment="whole seconds, as it is written in the message"),
    Column("expires_ms", Ms, nullable=False),
    Column("said", String(64), nullable=False, comment="digest of what it says: the same is not said twice"),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("document", Text, nullable=False),
    Index(None, "subject", "n", unique=True),
    Index(None, "expires_ms"),
)
