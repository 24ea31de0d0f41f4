"""The hub's stores for tests: each test that asks for ``database`` runs on SQLite and on a real PostgreSQL."""

from collections.abc import Iterator

import pytest

from hub.db import Database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database_url(request: pytest.FixtureRequest, tmp_path) -> str:
    """Address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hub.sqlite"
    return str(request.getfixturevalue("postgres").create_database())


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open, empty store."""
    db = Database(database_url)
    db.open()
    yield db
    db.close()
