"""The hub's tables in memory, empty each time: for tests that ask nothing of a file, and for thousands of examples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from sqlalchemy import Connection, Engine, StaticPool, create_engine

import hub.tables  # noqa: F401, every room registers its tables
from hub.db import metadata


@cache
def _engine() -> Engine:
    made = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(made)
    return made


@contextmanager
def fresh() -> Iterator[Connection]:
    """A connection on empty tables; what is written is gone with the block."""
    with _engine().connect() as connection:
        yield connection
        connection.rollback()
