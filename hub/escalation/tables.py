"""SQL tables of escalations: how far each is, and everything that it did."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from hub.db import Ms, metadata

escalations = Table(
    "escalations",
    metadata,
    # One question of one subject is one row, however often it is asked: there cannot be two.
    Column("ladder", String(16), primary_key=True),
    Column("subject", String(40), primary_key=True, comment="the incident, or the assignment"),
    Column("incident_id", String(32), ForeignKey("incidents.id"), nullable=False),
    Column("assignment_id", String(40), ForeignKey("assignments.id")),
    Column("agency", String(64), comment="whose people are asked; null: the duty desk's"),
    Column("state", String(16), nullable=False),
    Column("begun", Integer, nullable=False, comment="how often it has begun"),
    Column("round", Integer, nullable=False),
    Column("rung", Integer, nullable=False, comment="the next one to take"),
    Column("cause_ms", Ms, nullable=False, comment="hub time of what it last began for"),
    Column("due_ms", Ms, nullable=False, comment="when the next rung is taken"),
    Column("wait_ms", Ms, nullable=False, comment="the whole wait that ends then; none is ever longer"),
    Column("changed_ms", Ms, nullable=False),
    Index(None, "state"),
    Index(None, "incident_id"),
)

escalation_steps = Table(
    "escalation_steps",
    metadata,
    Column("ladder", String(16), primary_key=True),
    Column("subject", String(40), primary_key=True),
    Column("n", Integer, primary_key=True, comment="1 and up, without a gap"),
    Column("incident_id", String(32), ForeignKey("incidents.id"), nullable=False),
    Column("at_ms", Ms, nullable=False),
    Column("step", String(16), nullable=False),
    Column("begun", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("level", String(16), nullable=False, comment="who was to be asked; empty where nobody was"),
    Column("contact", String(64), nullable=False, comment="who was; empty where nobody was"),
    Column("outcome", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "incident_id"),
    Index(None, "at_ms"),
)
