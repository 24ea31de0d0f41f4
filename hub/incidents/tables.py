"""SQL tables of incidents: what they are, which presses are theirs, and what was done."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from hub.db import Ms, RowId, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(32), primary_key=True, comment="follows from the event that opened it"),
    Column("number", Integer, nullable=False, unique=True, comment="what people say on the radio"),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False, comment="counts the changes by people"),
    Column("priority", Integer, nullable=False, comment="1 worst .. 4"),
    Column("site", String(64), nullable=False),
    Column("gateway", String(48), nullable=False),
    Column("device", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("call_back", Text, nullable=False),
    Column("happened_ms", Ms, comment="first press; null where no clock knows"),
    Column("error_ms", Ms, nullable=False),
    Column("opened_ms", Ms, nullable=False),
    Column("delay_ms", Ms, comment="from the first press to the hub; null where unknown"),
    Column("recovered", Boolean, nullable=False, comment="came again after a restore"),
    Column("presses", Integer, nullable=False),
    Column("last_press_ms", Ms, nullable=False, comment="hub time of the newest press"),
    Column("alarm_id", RowId),
    Column("acknowledged_by", Text),
    Column("acknowledged_ms", Ms),
    Column("claimed_by", Text),
    Column("claimed_ms", Ms),
    Column("assigned_to", Text, comment="id of the agency it was last assigned to"),
    Column("parent_id", String(32), ForeignKey("incidents.id"), comment="of a duplicate"),
    Column("closed_ms", Ms),
    Column("origin", String(16), nullable=False, default="gateway", comment="how the room heard of it"),
    Column(
        "caller", Text, nullable=False, default="", comment="who called, as they said; a number or a name"
    ),
    Column("description", Text, nullable=False, default=""),
    Column("lat", Float, comment="degrees, WGS 84; null where nobody knows"),
    Column("lon", Float),
    Column("error_m", Float, comment="how far off the position may be"),
    Column("drill", String(32), comment="id of the drill; null: in earnest"),
    Index(None, "gateway", "device", "state"),
    Index(None, "site", "last_press_ms"),
    Index(None, "opened_ms"),
)

presses = Table(
    "incident_presses",
    metadata,
    # The event of a press is here once: each panic is in exactly one incident.
    Column("gateway", String(48), primary_key=True),
    Column("event_id", String(64), primary_key=True),
    Column("incident_id", String(32), ForeignKey("incidents.id"), nullable=False),
    Column("row_id", RowId, nullable=False, comment="its row in events"),
    Column("site", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("happened_ms", Ms),
    Column("error_ms", Ms, nullable=False),
    Column("received_ms", Ms, nullable=False),
    Column("delay_ms", Ms),
    Column("again", Boolean, nullable=False),
    Index(None, "incident_id"),
    Index(None, "site", "received_ms"),
)

timeline = Table(
    "incident_timeline",
    metadata,
    Column("incident_id", String(32), ForeignKey("incidents.id"), primary_key=True),
    Column("n", Integer, primary_key=True, comment="1 and up, without a gap"),
    Column("at_ms", Ms, nullable=False),
    Column("actor", Text, nullable=False, comment="a user's name, or gateway:ID, or hub"),
    Column("source", String(16), nullable=False, comment="console, api, gateway or hub"),
    Column("action", String(24), nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("data", Text, nullable=False, comment="JSON"),
    Column("digest", String(64), nullable=False, comment="covers this entry and the digest before it"),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", String(40), primary_key=True, comment="the incident's id, a dash, and its number there"),
    Column("incident_id", String(32), ForeignKey("incidents.id"), nullable=False),
    Column("n", Integer, nullable=False, comment="1 and up, without a gap"),
    Column("agency", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("note", Text, nullable=False, comment="what the newest step came with"),
    Column("assigned_ms", Ms, nullable=False),
    Column("assigned_by", Text, nullable=False),
    Column("accepted_ms", Ms, comment="each of these: when it first came so far"),
    Column("departed_ms", Ms),
    Column("arrived_ms", Ms),
    Column("contained_ms", Ms),
    Column("ended_ms", Ms),
    Column("changed_ms", Ms, nullable=False),
    UniqueConstraint("incident_id", "n"),
)

checklist_ticks = Table(
    "checklist_ticks",
    metadata,
    Column("incident_id", String(32), ForeignKey("incidents.id"), primary_key=True),
    Column("item", String(64), primary_key=True, comment="of the kind's checklist in the region profile"),
    Column("done_by", Text, nullable=False),
    Column("done_ms", Ms, nullable=False),
    Column("note", Text, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("incident_id", String(32), ForeignKey("incidents.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_ms", Ms, nullable=False),
    Index(None, "incident_id"),
    sqlite_autoincrement=True,
)
