"""Second factors, set-up codes for users, users whom an issuer vouches for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. There is no way back but a backup."""
    # Everybody logs in anew: nobody goes on without the second factor that their role now asks for.
    op.execute("DELETE FROM sessions")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "needs",
                sa.String(length=16),
                nullable=False,
                comment="what it lacks before it opens anything: code, enrolment",
            )
        )
    op.create_table(
        "second_factors",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column(
            "secret",
            sa.String(length=64),
            nullable=True,
            comment="base32; none until a first code of it was given",
        ),
        sa.Column("pending", sa.String(length=64), nullable=True, comment="one that is being enrolled"),
        sa.Column(
            "last_step",
            sa.BigInteger(),
            nullable=False,
            comment="of the newest code that was taken; none before it ever is",
        ),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_second_factors_user_users")),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column(
            "code_hash",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of 80 random bits; gone when used",
        ),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_recovery_codes_user_users")),
        sa.PrimaryKeyConstraint("user", "code_hash", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "invitations",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_invitations_user_users")),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_invitations")),
    )
    op.create_table(
        "external_users",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_external_users_user_users")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_external_users")),
        sa.UniqueConstraint("user", name=op.f("uq_external_users_user")),
    )
