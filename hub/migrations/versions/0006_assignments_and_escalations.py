"""Several agencies to an incident, incidents by hand, checklists, attachments, and escalations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. There is no way back but a backup."""
    for column in (
        sa.Column(
            "origin",
            sa.String(16),
            nullable=False,
            server_default="gateway",
            comment="how the room heard of it",
        ),
        sa.Column(
            "caller",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="who called, as they said; a number or a name",
        ),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("lat", sa.Float(), comment="degrees, WGS 84; null where nobody knows"),
        sa.Column("lon", sa.Float()),
        sa.Column("error_m", sa.Float(), comment="how far off the position may be"),
        sa.Column("drill", sa.String(32), comment="id of the drill; null: in earnest"),
    ):
        op.add_column("incidents", column)
    op.create_table(
        "assignments",
        sa.Column(
            "id", sa.String(40), nullable=False, comment="the incident's id, a dash, and its number there"
        ),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False, comment="1 and up, without a gap"),
        sa.Column("agency", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, comment="what the newest step came with"),
        sa.Column("assigned_ms", sa.BigInteger(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("accepted_ms", sa.BigInteger(), comment="each of these: when it first came so far"),
        sa.Column("departed_ms", sa.BigInteger()),
        sa.Column("arrived_ms", sa.BigInteger()),
        sa.Column("contained_ms", sa.BigInteger()),
        sa.Column("ended_ms", sa.BigInteger()),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        _of_incident("assignments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
        sa.UniqueConstraint("incident_id", "n", name=op.f("uq_assignments_incident_id_n")),
    )
    op.create_table(
        "checklist_ticks",
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column(
            "item", sa.String(64), nullable=False, comment="of the kind's checklist in the region profile"
        ),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        _of_incident("checklist_ticks"),
        sa.PrimaryKeyConstraint("incident_id", "item", name=op.f("pk_checklist_ticks")),
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        _of_incident("attachments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_attachments_incident_id"), "attachments", ["incident_id"])
    _create_escalations()
    _give_agencies_their_part()


def _of_incident(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_incident_id_incidents")
    return sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=name)


def _create_escalations() -> None:
    op.create_table(
        "escalations",
        sa.Column("ladder", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(40), nullable=False, comment="the incident, or the assignment"),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("assignment_id", sa.String(40)),
        sa.Column("agency", sa.String(64), comment="whose people are asked; null: the duty desk's"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("begun", sa.Integer(), nullable=False, comment="how often it has begun"),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False, comment="the next one to take"),
        sa.Column("cause_ms", sa.BigInteger(), nullable=False, comment="hub time of what it last began for"),
        sa.Column("due_ms", sa.BigInteger(), nullable=False, comment="when the next rung is taken"),
        sa.Column(
            "wait_ms",
            sa.BigInteger(),
            nullable=False,
            comment="the whole wait that ends then; none is ever longer",
        ),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        _of_incident("escalations"),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_escalations_assignment_id_assignments")
        ),
        sa.PrimaryKeyConstraint("ladder", "subject", name=op.f("pk_escalations")),
    )
    op.create_index(op.f("ix_escalations_state"), "escalations", ["state"])
    op.create_index(op.f("ix_escalations_incident_id"), "escalations", ["incident_id"])
    op.create_table(
        "escalation_steps",
        sa.Column("ladder", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False, comment="1 and up, without a gap"),
        sa.Column("incident_id", sa.String(32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column(
            "level", sa.String(16), nullable=False, comment="who was to be asked; empty where nobody was"
        ),
        sa.Column("contact", sa.String(64), nullable=False, comment="who was; empty where nobody was"),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        _of_incident("escalation_steps"),
        sa.PrimaryKeyConstraint("ladder", "subject", "n", name=op.f("pk_escalation_steps")),
    )
    op.create_index(op.f("ix_escalation_steps_incident_id"), "escalation_steps", ["incident_id"])
    op.create_index(op.f("ix_escalation_steps_at_ms"), "escalation_steps", ["at_ms"])


def _give_agencies_their_part() -> None:
    """An incident that is with an agency gets its assignment; what is known of its times is on the timeline."""
    op.execute(
        """
        INSERT INTO assignments (id, incident_id, n, agency, state, version, note, assigned_ms, assigned_by, changed_ms)
        SELECT id || '-1', id, 1, assigned_to, state, 1, '', last_press_ms, 'hub', last_press_ms
        FROM incidents
        WHERE assigned_to IS NOT NULL
          AND state IN ('assigned', 'accepted', 'en_route', 'on_scene', 'contained')
        """
    )
