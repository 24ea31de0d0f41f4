"""Questions to contacts, their answers, what is proven of a notice, CAP messages, drills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward. There is no way back but a backup."""
    op.create_table(
        "asks",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="of who asks: the same question to the same contact is one",
        ),
        sa.Column("contact", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column(
            "assignment", sa.String(length=40), nullable=True, comment="null: there is nothing to answer"
        ),
        sa.Column("phone", sa.Text(), nullable=False, comment="only from there an answer by SMS is taken"),
        sa.Column(
            "code", sa.String(length=4), nullable=False, comment="what an SMS says to mean this question"
        ),
        sa.Column("drill", sa.String(length=32), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "ended_ms",
            sa.BigInteger(),
            nullable=True,
            comment="the assignment is over, or nothing is left to answer",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asks")),
    )
    op.create_index(op.f("ix_asks_assignment"), "asks", ["assignment"], unique=False)
    op.create_index(op.f("ix_asks_incident_id"), "asks", ["incident_id"], unique=False)
    op.create_index(op.f("ix_asks_key_contact"), "asks", ["key", "contact"], unique=True)
    op.create_table(
        "cap_messages",
        sa.Column("identifier", sa.String(length=120), nullable=False),
        sa.Column(
            "subject", sa.Text(), nullable=False, comment="what it is about: incident/ID or station/ID"
        ),
        sa.Column("n", sa.Integer(), nullable=False, comment="counts the messages of the subject"),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("msg_type", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column(
            "sent_ms",
            sa.BigInteger(),
            nullable=False,
            comment="whole seconds, as it is written in the message",
        ),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "said",
            sa.String(length=64),
            nullable=False,
            comment="digest of what it says: the same is not said twice",
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("identifier", name=op.f("pk_cap_messages")),
    )
    op.create_index(op.f("ix_cap_messages_expires_ms"), "cap_messages", ["expires_ms"], unique=False)
    op.create_index(op.f("ix_cap_messages_subject_n"), "cap_messages", ["subject", "n"], unique=True)
    op.create_table(
        "drills",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("incident_id", sa.String(length=32), nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False, comment="what was learned, said at its end"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drills")),
    )
    op.create_index(op.f("ix_drills_started_ms"), "drills", ["started_ms"], unique=False)
    op.create_table(
        "texts_received",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False, comment="the gateway's own name of the message"),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("ask", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts_received")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_texts_received_channel_ref"), "texts_received", ["channel", "ref"], unique=True)
    op.create_index(
        op.f("ix_texts_received_sender_received_ms"),
        "texts_received",
        ["sender", "received_ms"],
        unique=False,
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ask", sa.String(length=16), nullable=False),
        sa.Column("outbox_key", sa.Text(), nullable=False, comment="the notice that was answered"),
        sa.Column("word", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False, comment="link, sms, chat"),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("news", sa.Boolean(), nullable=False, comment="false: it had been said before"),
        sa.ForeignKeyConstraint(["ask"], ["asks.id"], name=op.f("fk_answers_ask_asks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_answers_ask"), "answers", ["ask"], unique=False)
    op.create_table(
        "notice_facts",
        sa.Column("outbox_key", sa.Text(), nullable=False),
        sa.Column("fact", sa.String(length=16), nullable=False, comment="sent, delivered, seen, acted"),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False, comment="what proves it"),
        sa.ForeignKeyConstraint(
            ["outbox_key"], ["outbox.key"], name=op.f("fk_notice_facts_outbox_key_outbox")
        ),
        sa.PrimaryKeyConstraint("outbox_key", "fact", name=op.f("pk_notice_facts")),
    )
    op.add_column(
        "outbox",
        sa.Column(
            "ask",
            sa.String(length=16),
            nullable=True,
            comment="the question that it puts to a contact; null where it puts none",
        ),
    )
    op.add_column(
        "outbox",
        sa.Column(
            "link",
            sa.String(length=16),
            nullable=True,
            comment="names this row in the one-time link of its text",
        ),
    )
    op.add_column(
        "outbox",
        sa.Column(
            "phone",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="where to, for a channel that goes by numbers",
        ),
    )
    op.add_column("outbox", sa.Column("email", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "outbox",
        sa.Column(
            "drill",
            sa.String(length=32),
            nullable=False,
            server_default="",
            comment="id of the drill; empty: in earnest",
        ),
    )
    op.create_index("ix_outbox_ask", "outbox", ["ask"], unique=False)
    op.create_index("ix_outbox_link", "outbox", ["link"], unique=True)
