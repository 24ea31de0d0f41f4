"""SQL table of the directory: each version that was in force, with the files that make it."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from hub.db import Ms, RowId, metadata

directory_versions = Table(
    "directory_versions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("version", Text, nullable=False, comment="of the texts"),
    Column("profile", Text, nullable=False, comment="version of the profile's files as they were then"),
    Column("at_ms", Ms, nullable=False),
    Column("actor", Text, nullable=False, comment="a user's name, or hub for what the profile's files said"),
    Column("texts", Text, nullable=False, comment="JSON: each file's name with its text"),
    sqlite_autoincrement=True,
)
