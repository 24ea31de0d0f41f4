"""SQL table of drills."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from hub.db import Ms, metadata

drills = Table(
    "drills",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("incident_id", String(32), nullable=False),
    Column("started_by", Text, nullable=False),
    Column("started_ms", Ms, nullable=False),
    Column("ended_by", Text),
    Column("ended_ms", Ms),
    Column("note", Text, nullable=False, comment="what was learned, said at its end"),
    Index(None, "started_ms"),
)
