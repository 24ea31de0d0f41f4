"""Tables of the fleet: what was last heard from each gateway, and when it was silent."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, String, Table, Text

from hub.db import Ms, RowId, metadata

gateways = Table(
    "gateways",
    metadata,
    Column("gateway", String(48), primary_key=True),
    Column("first_ms", Ms, nullable=False),
    Column("last_ms", Ms, nullable=False, comment="hub time of the last birth or beat"),
    Column("online", Boolean, nullable=False),
    Column("connection", String(64), nullable=False, comment="id of the current connection"),
    Column("boot", String(36), nullable=False),
    Column("interval_s", Float, nullable=False),
    Column("software", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("clock", String(64), nullable=False),
    Column("ring_h", Float),
    Column("beat", Text, comment="the last beat as it came; null before the first"),
    Column("silent_since_ms", Ms),
)

silences = Table(
    "silences",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("gateway", String(48), nullable=False),
    Column("since_ms", Ms, nullable=False, comment="hub time of the last word before the silence"),
    Column("found_ms", Ms, nullable=False),
    Column("until_ms", Ms),
    Column("reason", String(16), nullable=False, comment="beats or will"),
    Index(None, "gateway", "until_ms"),
    sqlite_autoincrement=True,
)
