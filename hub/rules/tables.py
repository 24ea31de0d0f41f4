"""SQL tables of the rules: how each stands where, the last record judged of a device, and which rules were in force."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from hub.db import Ms, RowId, metadata

rule_states = Table(
    "rule_states",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("subject", Text, primary_key=True),  # site/gateway/device/point
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # of hub.rules.machine; a normal one has no row
    Column("since_ms", Ms, nullable=False),
    Column("last_ms", Ms, nullable=False),
)

rule_marks = Table(
    "rule_marks",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("seq", Ms, nullable=False),
    Column("t_ms", Ms, nullable=False),
    Column("at_ms", Ms, nullable=False),
)

rule_versions = Table(
    "rule_versions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("version", Text, nullable=False),
    Column("at_ms", Ms, nullable=False),  # when it came into force
    Column("text", Text, nullable=False),  # rules.toml as it was read
    sqlite_autoincrement=True,
)
