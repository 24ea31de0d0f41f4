"""Alarms that are shelved, suppressed or out of service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. There is no way back but a backup."""
    # Columns are added one by one: to make the table anew, SQLite would have to drop it under its history.
    op.add_column("alarms", sa.Column("beneath", sa.Text(), nullable=False, server_default="normal"))
    op.add_column("alarms", sa.Column("withheld_by", sa.Text(), nullable=True))
    op.add_column("alarms", sa.Column("withheld_ms", sa.BigInteger(), nullable=True))
    op.add_column("alarms", sa.Column("withheld_until_ms", sa.BigInteger(), nullable=True))
    op.add_column("alarms", sa.Column("withheld_severity", sa.Integer(), nullable=True))
    op.add_column("alarms", sa.Column("withheld_note", sa.Text(), nullable=True))
    # No alarm of an earlier hub was withheld: what lies beneath is what it is.
    op.execute("UPDATE alarms SET beneath = state")
    op.create_index("ix_alarms_gateway", "alarms", ["gateway"])
    op.create_index("ix_alarm_history_at_ms", "alarm_history", ["at_ms"])
