"""SQL tables of the watch: shifts, who took part in them, and what is left to do."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from hub.db import Ms, RowId, metadata

shifts = Table(
    "shifts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False, comment="of the roster's shift at its beginning; may be empty"),
    Column("began_ms", Ms, nullable=False),
    Column("began_by", Text, nullable=False),
    Column("ended_ms", Ms, comment="null: it is the present one"),
    Column("note", Text, nullable=False, comment="what it leaves to the next"),
    Column("noted_by", Text),
    Column("left", Text, nullable=False, comment="JSON: what was open when it ended; empty until then"),
    sqlite_autoincrement=True,
)

shift_people = Table(
    "shift_people",
    metadata,
    Column("shift_id", RowId, ForeignKey("shifts.id"), primary_key=True),
    Column("user", String(64), primary_key=True),
    Column("joined_ms", Ms, nullable=False),
    Column("sound_ms", Ms, comment="when they said that they hear the alarms; null: not in this shift"),
    Column("left_ms", Ms, comment="null: they are on watch"),
)

shift_items = Table(
    "shift_items",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("text", Text, nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("actor", Text, nullable=False),
    Column("done_ms", Ms, comment="null: it is open, whatever shift it is from"),
    Column("done_by", Text),
    Index(None, "done_ms"),
    sqlite_autoincrement=True,
)
