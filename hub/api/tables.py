"""SQL tables of who may use the hub, and of what they changed."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from hub.db import Ms, RowId, metadata

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True, comment="login, lower case"),
    Column("full_name", Text, nullable=False),
    Column("password", Text, nullable=False, comment="Argon2id"),
    Column("roles", Text, nullable=False, comment="space-separated"),
    Column("agency", Text, comment="id of the agency whose user it is"),
    Column("active", Boolean, nullable=False),
    Column("created_ms", Ms, nullable=False),
    Column("password_ms", Ms, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True, comment="SHA-256; the token itself is nowhere"),
    Column("user", String(64), ForeignKey("users.name"), nullable=False),
    Column("created_ms", Ms, nullable=False),
    Column("seen_ms", Ms, nullable=False),
    Column("address", Text, nullable=False),
    Column(
        "needs", String(16), nullable=False, comment="what it lacks before it opens anything: code, enrolment"
    ),
    Index(None, "user"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user", String(64), ForeignKey("users.name"), primary_key=True),
    Column("secret", String(64), comment="base32; none until a first code of it was given"),
    Column("pending", String(64), comment="one that is being enrolled"),
    Column(
        "last_step", Ms, nullable=False, comment="of the newest code that was taken; none before it ever is"
    ),
    Column("since_ms", Ms, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user", String(64), ForeignKey("users.name"), primary_key=True),
    Column("code_hash", String(64), primary_key=True, comment="SHA-256 of 80 random bits; gone when used"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("user", String(64), ForeignKey("users.name"), primary_key=True),
    Column("code_hash", String(64), nullable=False),
    Column("expires_ms", Ms, nullable=False),
)

external_users = Table(
    "external_users",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("user", String(64), ForeignKey("users.name"), nullable=False, unique=True),
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("key", String(200), primary_key=True, comment="user and address, user, or address"),
    Column("failures", Integer, nullable=False),
    Column("last_ms", Ms, nullable=False),
    Column("blocked_ms", Ms, nullable=False, comment="no try before this time"),
)

setup_code = Table(
    "setup_code",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("code_hash", String(64), nullable=False),
    Column("expires_ms", Ms, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("n", RowId, primary_key=True, autoincrement=False, comment="1 and up, without a gap"),
    Column("at_ms", Ms, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False, comment="JSON"),
    Column("digest", String(64), nullable=False, comment="covers this row and the digest before it"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("n", RowId, nullable=False),
    Column("digest", String(64), nullable=False),
)
