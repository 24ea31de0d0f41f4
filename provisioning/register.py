"""The city's register of trust: claims, certificates, gateways, and the chained trail of all that was done.

An SQLite file beside the issuing authority, apart from the hub's store, so that gateways enrol and are revoked while
the hub is away. Each function that changes it takes a ``Connection`` and is called inside one transaction, together
with its line in the trail.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from hub.api.tables import audit, audit_head
from hub.db import production_engine
from provisioning.errors import AuthorityError

VERSION = 1
FILE = "register.sqlite"

metadata = MetaData()

gateways = Table(
    "gateways",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("cell", Integer, nullable=False, comment="never changes with the id"),
    Column("site", Text, nullable=False),
    Column("trusted", Integer, nullable=False, comment="1: the broker lets it speak"),
    Column("since_ms", BigInteger, nullable=False, comment="of trusted"),
)

claims = Table(
    "claims",
    metadata,
    Column("token_hash", String(64), primary_key=True, comment="SHA-256; the token itself is nowhere"),
    Column("gateway", String(48), ForeignKey("gateways.id"), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    Column("key_hash", String(64), comment="SHA-256 of the public key that used it"),
    Index("claims_gateway", "gateway"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("serial", String(40), primary_key=True, comment="hex"),
    Column("gateway", String(48), ForeignKey("gateways.id"), nullable=False),
    Column(
        "issuer", String(40), nullable=False, comment="serial of the issuing authority's certificate, hex"
    ),
    Column("key_hash", String(64), nullable=False, comment="SHA-256 of its public key"),
    Column("issued_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Column("pem", Text, nullable=False, comment="with the issuing authority's behind it"),
    Column("revoked_ms", BigInteger),
    Column("reason", Text),
    Index("certificates_gateway", "gateway"),
    Index("certificates_key", "key_hash"),
)


class Register:
    """The open register of a folder; made there where there is none. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._engine = production_engine(f"sqlite:///{self._path}", True)

    def open(self) -> None:
        """Make what is not there yet. Idempotent.

        Raises:
            AuthorityError: a newer Siaga made it.
        """
        if not self._path.exists():
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600))
        with self._engine.begin() as conn:
            (version,) = conn.exec_driver_sql("PRAGMA user_version").one()
            if version > VERSION:
                raise AuthorityError(f"{self._path} is of a newer Siaga", "update this one")
            if version == 0:
                metadata.create_all(conn)
                for table in (audit, audit_head):
                    table.create(conn)
                conn.exec_driver_sql(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Close it. Idempotent."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Generator[Connection, None, None]:
        """All of the block is committed and on disk when it ends, or nothing of it is."""
        with self._engine.begin() as conn:
            yield conn


@contextmanager
def opened(folder: Path) -> Generator[Register, None, None]:
    """The register of the folder for as long as the block runs."""
    register = Register(folder)
    try:
        register.open()
        yield register
    finally:
        register.close()
