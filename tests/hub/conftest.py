"""The hub's stores for tests: each test that asks for ``database`` runs on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from hub.db import Database, metadata, production_engine
from tests.hub.empty_tables import fresh

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.real)]


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path) -> str:
    """Address of a store that was never opened."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hub.sqlite"
    return str(request.getfixturevalue("postgres").create_database())


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> str:
    """A database of PostgreSQL that tests use one after the other; a new one for each would cost too much."""
    return str(request.getfixturevalue("postgres").create_database())


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path) -> Iterator[Database]:
    """An open, empty store."""
    small = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/hub.sqlite" if small else request.getfixturevalue("postgres_url")
    db = Database(url)
    db.open()
    if not small:
        engine = production_engine(url, True)
        with engine.begin() as conn:
            empty(conn)
        engine.dispose()
    yield db
    db.close()


def empty(conn: Connection) -> None:
    """Take every row out."""
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    conn.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


@pytest.fixture
def conn() -> Iterator[Connection]:
    """A connection on empty tables in memory."""
    with fresh() as connection:
        yield connection
