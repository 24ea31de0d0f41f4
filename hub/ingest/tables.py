"""Tables of ingest: events, dead letters, the ledger of streams, and the life of the database."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from hub.db import Ms, RowId, metadata

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("gateway", String(48), nullable=False),
    Column("cell", Integer, nullable=False),
    Column("site", String(64), nullable=False),
    Column("epoch", String(16), nullable=False),
    Column("lane", String(9), nullable=False),
    Column("seq", RowId, nullable=False),
    Column("hash", String(64), nullable=False, comment="SHA-256 of the body's bytes"),
    Column("body", LargeBinary, nullable=False),
    Column("event_id", String(32), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("boot", String(36), nullable=False),
    Column("t_ms", Ms, comment="when it happened, as the gateway says; null without a clock"),
    Column("error_ms", Ms, nullable=False),
    Column("received_ms", Ms, nullable=False),
    Column("age_ms", Ms, comment="how long ago it happened at arrival; null where nobody can know"),
    Column("again", Boolean, nullable=False),
    Column("conflict", Boolean, nullable=False),
    Column("malformed", Boolean, nullable=False),
    Column("copy_of", RowId, comment="the row of the same event under an earlier key"),
    UniqueConstraint("gateway", "epoch", "lane", "seq", "hash"),
    Index(None, "gateway", "event_id"),
    Index(None, "gateway", "received_ms"),
    Index(None, "received_ms"),
    sqlite_autoincrement=True,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("key", String(64), nullable=False, unique=True, comment="what makes a letter the same letter"),
    Column("gateway", String(48), comment="as the topic says; null where the topic is none"),
    Column("topic", Text, nullable=False),
    Column("epoch", String(16)),
    Column("lane", String(9)),
    Column("seq", RowId, comment="null for a whole message that could not be trusted or read"),
    Column("reason", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("times", Integer, nullable=False),
    Column("first_ms", Ms, nullable=False),
    Column("last_ms", Ms, nullable=False),
    Index(None, "gateway", "last_ms"),
    sqlite_autoincrement=True,
)

streams = Table(
    "streams",
    metadata,
    Column("gateway", String(48), primary_key=True),
    Column("epoch", String(16), primary_key=True),
    Column("lane", String(9), primary_key=True),
    Column("committed", Text, nullable=False, comment="JSON list of [first, last]"),
    Column("refused", Text, nullable=False),
    Column("lost", Text, nullable=False),
    Column("moved", Text, nullable=False),
    Column(
        "accounted", Text, nullable=False, comment="settled by the gateway's account, commit not on record"
    ),
    Column("next_seq", RowId, nullable=False, comment="highest next seq that the gateway has said"),
    Column("closed", Boolean, nullable=False),
    Column("first_ms", Ms, nullable=False),
    Column("last_ms", Ms, nullable=False),
)

losses = Table(
    "losses",
    metadata,
    Column("gateway", String(48), primary_key=True),
    Column("epoch", String(16), primary_key=True),
    Column("lane", String(9), primary_key=True),
    Column("first", RowId, primary_key=True),
    Column("last", RowId, nullable=False),
    Column("from_ms", Ms),
    Column("to_ms", Ms),
    Column("reason", String(64), nullable=False),
    Column("noted_ms", Ms, nullable=False),
)

life = Table(
    "hub_life",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", Integer, nullable=False),
    Column("random", RowId, nullable=False),
    Column("since_ms", Ms, nullable=False),
)
