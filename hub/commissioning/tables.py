"""SQL tables of commissionings: one each time that a gateway is put up, what was proven, and its photos."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from hub.db import Ms, RowId, metadata

commissionings = Table(
    "commissionings",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("gateway", String(48), nullable=False),
    Column("site", String(64), nullable=False),
    Column("begun_ms", Ms, nullable=False),
    Column("begun_by", String(64), nullable=False),
    Column("signed_ms", Ms, comment="null while it is open; of a gateway one at most is"),
    Column("signed_by", String(64)),
    Index(None, "gateway"),
    sqlite_autoincrement=True,
)

entries = Table(
    "commissioning_entries",
    metadata,
    Column("commissioning_id", RowId, ForeignKey("commissionings.id"), primary_key=True),
    Column("n", Integer, primary_key=True, comment="1 and up, without a gap"),
    Column(
        "item", String(160), nullable=False, comment="what was looked at; the newest entry of an item counts"
    ),
    Column("at_ms", Ms, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("outcome", String(8), nullable=False, comment="good, bad, skipped, or signed"),
    Column("note", Text, nullable=False),
    Column("data", Text, nullable=False, comment="JSON: what the hub saw itself then"),
    Column("digest", String(64), nullable=False, comment="covers this entry and the digest before it"),
)

photos = Table(
    "commissioning_photos",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("commissioning_id", RowId, ForeignKey("commissionings.id"), nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("jpeg", LargeBinary, nullable=False, comment="without what the telephone wrote into it"),
    Index(None, "commissioning_id"),
    sqlite_autoincrement=True,
)
