"""SQL table of what programmes have reached."""

from __future__ import annotations

from sqlalchemy import Column, Float, String, Table, Text

from hub.db import Ms, metadata

programme_values = Table(
    "programme_values",
    metadata,
    Column("programme", String(48), primary_key=True, comment="its id in the profile"),
    Column("date", String(10), primary_key=True, comment="of the city, that the value is of: 2027-01-31"),
    Column("value", Float, nullable=False),
    Column("said_ms", Ms, nullable=False, comment="when it was reported or corrected last"),
    Column("actor", Text, nullable=False, comment="by whom"),
)
