"""The SQL store as rows: every table and column comes back, from either database into either."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, Engine, LargeBinary, Table, delete, insert, select

import hub.tables  # noqa: F401, every table is in the metadata
from hub.backup import rows
from hub.backup.errors import BackupError
from hub.backup.rows import Dumped, Loader, dump
from hub.db import metadata, migrate, production_engine
from hub.errors import StoreError
from hub.ingest.tables import dead_letters, events

THROUGH_A_SERVER = [
    pytest.param(pair, marks=pytest.mark.real) for pair in ("sqlite postgresql", "postgresql sqlite")
]


def quiet(part: str, count: int) -> None:
    """Nobody asked how far it is."""


@pytest.fixture(params=["sqlite sqlite", *THROUGH_A_SERVER])
def two(request, tmp_path) -> Iterator[tuple[Engine, Engine]]:
    """A store with its schema, and one with nothing in it."""
    first, second = request.param.split()
    with a_store(request, first, tmp_path / "source.sqlite") as source:
        with source.begin() as conn:
            migrate(conn)
        with a_store(request, second, tmp_path / "target.sqlite") as target:
            yield source, target


@pytest.fixture
def source(request, tmp_path) -> Iterator[Engine]:
    """A store with its schema."""
    with a_store(request, "sqlite", tmp_path / "source.sqlite") as engine:
        with engine.begin() as conn:
            migrate(conn)
        yield engine


@pytest.fixture
def target(request, tmp_path) -> Iterator[Engine]:
    """A store with nothing in it."""
    with a_store(request, "sqlite", tmp_path / "target.sqlite") as engine:
        yield engine


@contextmanager
def a_store(request, kind: str, path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{path}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres").create_database()
    engine = production_engine(url, True)
    try:
        yield engine
    finally:
        engine.dispose()


def a_row(table: Table, number: int) -> dict[str, Any]:
    """A value in every column; those that point to another row find it, for like columns have like values."""

    def value(column: Any) -> Any:
        if isinstance(column.type, Boolean):
            return bool(number % 2)
        if isinstance(column.type, LargeBinary):
            return bytes([0, 255, number])
        if column.type.python_type is not str:
            return column.type.python_type(number)
        return f"{number}\n'ü€\"" if column.type.length is None else f"k{number}"

    return {column.name: value(column) for column in table.columns}


def everything(conn: Connection) -> dict[str, list[dict[str, Any]]]:
    return {
        table.name: [dict(row._mapping) for row in conn.execute(select(table).order_by(*table.primary_key))]
        for table in metadata.sorted_tables
    }


def through(source: Engine, target: Engine) -> None:
    kept: dict[str, bytes] = {}
    with source.begin() as conn:
        dumped = dump(conn, kept.__setitem__, quiet)
    with target.begin() as conn:
        loader = Loader(conn, dumped, quiet)
        for member, data in kept.items():
            loader.load(member, data)
        loader.finish()


def test_every_table_comes_back_in_either_database(two, monkeypatch):
    source, target = two
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", 2)
    with source.begin() as conn:
        for table in metadata.sorted_tables:
            conn.execute(insert(table), [a_row(table, number) for number in (1, 2, 3, 4, 5)])
        before = everything(conn)
    assert all(len(found) == 5 for found in before.values())
    through(source, target)
    with target.begin() as conn:
        assert everything(conn) == before


def test_a_number_that_was_given_never_comes_again(two):
    source, target = two
    with source.begin() as conn:
        last = [
            conn.execute(insert(dead_letters), letter(number)).inserted_primary_key[0] for number in range(3)
        ][-1]
        conn.execute(delete(dead_letters).where(dead_letters.c.id == last))
    through(source, target)
    with target.begin() as conn:
        assert conn.execute(insert(dead_letters), letter(9)).inserted_primary_key[0] > last


def letter(number: int) -> dict[str, Any]:
    return {name: value for name, value in a_row(dead_letters, number).items() if name != "id"}


def test_a_store_with_something_in_it_is_left_alone(source):
    with source.begin() as conn:
        dumped = dump(conn, {}.__setitem__, quiet)
        with pytest.raises(BackupError, match="not empty"):
            Loader(conn, dumped, quiet)


def test_rows_of_a_newer_hub_are_refused(target):
    with pytest.raises(StoreError, match="newer"), target.begin() as conn:
        Loader(conn, Dumped("9999_of_tomorrow", {}, {}), quiet)
    with target.begin() as conn:
        assert rows.is_empty(conn)


def test_what_is_missing_or_does_not_fit_is_told(source, target):
    with source.begin() as conn:
        conn.execute(insert(events), a_row(events, 1))
        kept: dict[str, bytes] = {}
        dumped = dump(conn, kept.__setitem__, quiet)
    with target.begin() as conn:
        loader = Loader(conn, dumped, quiet)
        with pytest.raises(BackupError, match="missing"):
            loader.finish()
        (data,) = kept.values()
        with pytest.raises(BackupError, match="do not fit"):
            loader.load("sql/streams/000000", data)
        with pytest.raises(BackupError, match="does not know"):
            loader.load("sql/nothing/000000", data)
