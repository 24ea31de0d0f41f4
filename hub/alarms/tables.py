"""SQL tables of alarms, of what happened to them, and of the rivers' levels."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from hub.db import Ms, RowId, metadata

alarms = Table(
    "alarms",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("site", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("point", Text, nullable=False),
    Column("condition", Text, nullable=False),
    Column("severity", Integer, nullable=False),  # 0..3, 3 is the worst; of the last raising
    Column("state", Text, nullable=False),
    Column("count", Integer, nullable=False),  # how often it was raised, ever
    Column("happened_ms", Ms),  # time of the record that raised it, None where no clock knew
    Column("delay_ms", Ms, nullable=False),  # how late the hub heard of it
    Column("raised_ms", Ms, nullable=False),
    Column("changed_ms", Ms, nullable=False),
    Column("acknowledged_ms", Ms),
    Column("acknowledged_by", Text),
    Column("cleared_ms", Ms),
    Column("detail", Text, nullable=False),  # JSON
    Column("beneath", Text, nullable=False),  # what its condition is while it is withheld, else the state
    Column("withheld_by", Text),  # a person, the cause "silent", or "rule:ID"; None: it is not withheld
    Column("withheld_ms", Ms),
    Column("withheld_until_ms", Ms),  # None: until it is released
    Column("withheld_severity", Integer),  # how bad it was then
    Column("withheld_note", Text),
    UniqueConstraint("site", "gateway", "device", "point", "condition"),
    sqlite_autoincrement=True,
)
Index("ix_alarms_state", alarms.c.state)
Index("ix_alarms_gateway", alarms.c.gateway)

alarm_history = Table(
    "alarm_history",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("alarm_id", RowId, ForeignKey("alarms.id"), nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("step", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("happened_ms", Ms),
    Column("delay_ms", Ms, nullable=False),
    Column("actor", Text, nullable=False),  # empty where the hub itself did it
    Column("note", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_alarm_history_alarm", alarm_history.c.alarm_id, alarm_history.c.id)
Index("ix_alarm_history_at_ms", alarm_history.c.at_ms)

level_changes = Table(
    "level_changes",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("station", Text, nullable=False),
    Column("t_ms", Ms, nullable=False),
    Column("old_severity", Integer, nullable=False),
    Column("new_severity", Integer, nullable=False),
    Column("value_mm", Integer, nullable=False),
    Column("rate_mm_h", Integer),
    Column("next_ms", Ms),  # projected time of the next worse level
    Column("history", Boolean, nullable=False),  # found later, in a gap that filled
    Column("gateway", Text, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", Ms, nullable=False),  # 0 for history
    Column("noted_ms", Ms, nullable=False),
    UniqueConstraint("station", "t_ms", "new_severity"),
    sqlite_autoincrement=True,
)

station_states = Table(
    "station_states",
    metadata,
    Column("station", Text, primary_key=True),
    Column("severity", Integer, nullable=False),
    Column("rising", Boolean, nullable=False),
    Column("epoch", Text, nullable=False),
    Column("seq", Ms, nullable=False),
    Column("t_ms", Ms, nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("value_mm", Integer),  # None: never judged
    Column("rate_mm_h", Integer),
    Column("skipped_epoch", Text),  # records that wait for the history pass; None: none do
    Column("skipped_top_seq", Ms),
    Column("skipped_from_ms", Ms),
    Column("skipped_to_ms", Ms),
)
