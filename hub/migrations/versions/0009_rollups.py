"""How far the rollups are, and which hours are to be made again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. There is no way back but a backup."""
    op.create_table(
        "rollup_progress",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="1"),
        sa.Column("until_ms", sa.BigInteger(), nullable=False, comment="minutes before this are made"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollup_progress")),
    )
    op.create_table(
        "rollup_marks",
        sa.Column(
            "hour_ms", sa.BigInteger(), autoincrement=False, nullable=False, comment="begin of the hour"
        ),
        sa.Column(
            "gateway", sa.String(48), nullable=False, comment="whose samples came late; empty: everybody's"
        ),
        sa.PrimaryKeyConstraint("hour_ms", "gateway", name=op.f("pk_rollup_marks")),
    )
