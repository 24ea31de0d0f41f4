"""What the city's programmes have reached."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. There is no way back but a backup."""
    op.create_table(
        "programme_values",
        sa.Column("programme", sa.String(48), nullable=False, comment="its id in the profile"),
        sa.Column(
            "date", sa.String(10), nullable=False, comment="of the city, that the value is of: 2027-01-31"
        ),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column(
            "said_ms", sa.BigInteger(), nullable=False, comment="when it was reported or corrected last"
        ),
        sa.Column("actor", sa.Text(), nullable=False, comment="by whom"),
        sa.PrimaryKeyConstraint("programme", "date", name=op.f("pk_programme_values")),
    )
