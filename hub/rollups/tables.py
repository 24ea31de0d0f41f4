"""SQL tables of the rollups: how far they are, and which hours are to be made again."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from hub.db import Ms, metadata

rollup_progress = Table(
    "rollup_progress",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="1"),
    Column("until_ms", Ms, nullable=False, comment="minutes before this are made"),
)

rollup_marks = Table(
    "rollup_marks",
    metadata,
    Column("hour_ms", Ms, primary_key=True, autoincrement=False, comment="begin of the hour"),
    Column("gateway", String(48), primary_key=True, comment="whose samples came late; empty: everybody's"),
)
