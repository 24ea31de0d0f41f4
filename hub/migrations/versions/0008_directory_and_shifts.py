"""Versions of the directory, and the watch: shifts, people, what is left to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. There is no way back but a backup."""
    row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "directory_versions",
        sa.Column("id", row_id, nullable=False),
        sa.Column("version", sa.Text(), nullable=False, comment="of the texts"),
        sa.Column(
            "profile", sa.Text(), nullable=False, comment="version of the profile's files as they were then"
        ),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "actor",
            sa.Text(),
            nullable=False,
            comment="a user's name, or hub for what the profile's files said",
        ),
        sa.Column("texts", sa.Text(), nullable=False, comment="JSON: each file's name with its text"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory_versions")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shifts",
        sa.Column("id", row_id, nullable=False),
        sa.Column(
            "name", sa.Text(), nullable=False, comment="of the roster's shift at its beginning; may be empty"
        ),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("began_by", sa.Text(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), comment="null: it is the present one"),
        sa.Column("note", sa.Text(), nullable=False, comment="what it leaves to the next"),
        sa.Column("noted_by", sa.Text()),
        sa.Column(
            "left", sa.Text(), nullable=False, comment="JSON: what was open when it ended; empty until then"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shift_people",
        sa.Column("shift_id", row_id, nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("joined_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "sound_ms",
            sa.BigInteger(),
            comment="when they said that they hear the alarms; null: not in this shift",
        ),
        sa.Column("left_ms", sa.BigInteger(), comment="null: they are on watch"),
        sa.ForeignKeyConstraint(["shift_id"], ["shifts.id"], name=op.f("fk_shift_people_shift_id_shifts")),
        sa.PrimaryKeyConstraint("shift_id", "user", name=op.f("pk_shift_people")),
    )
    op.create_table(
        "shift_items",
        sa.Column("id", row_id, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), comment="null: it is open, whatever shift it is from"),
        sa.Column("done_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_items")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_shift_items_done_ms"), "shift_items", ["done_ms"])
