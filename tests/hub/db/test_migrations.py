"""The migrations make exactly the schema that the code declares, on both databases, and refuse a newer one."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

import hub.tables
from hub.db import Database, metadata, migrate, production_engine
from hub.errors import StoreError

assert hub.tables


def differences(conn: Connection) -> list[object]:
    context = MigrationContext.configure(conn, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def test_the_migrations_make_the_declared_schema(database_url):
    engine = production_engine(database_url, True)
    with engine.begin() as conn:
        migrate(conn)
    with engine.begin() as conn:
        assert differences(conn) == [], "change of a table without a migration in hub/migrations/versions"
    engine.dispose()


def test_a_missing_table_would_be_seen(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/hub.sqlite")
    with engine.begin() as conn:
        migrate(conn)
        conn.execute(text("DROP TABLE silences"))
        assert differences(conn) != []
    engine.dispose()


def test_migrating_again_changes_nothing(database_url):
    for _ in range(2):
        db = Database(database_url)
        db.open()
        db.close()
    engine = production_engine(database_url, True)
    with engine.begin() as conn:
        assert set(inspect(conn).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


def test_the_store_of_a_newer_hub_is_refused(database_url):
    engine = production_engine(database_url, True)
    with engine.begin() as conn:
        migrate(conn)
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    db = Database(database_url)
    with pytest.raises(StoreError) as caught:
        db.open()
    assert "newer" in caught.value.hint
    assert not caught.value.retryable


def test_a_migration_that_is_cut_off_leaves_the_store_as_it_was(tmp_path):
    engine = production_engine(f"sqlite:///{tmp_path}/hub.sqlite", True)
    with engine.connect() as conn:
        transaction = conn.begin()
        migrate(conn)
        assert inspect(conn).get_table_names() != []
        transaction.rollback()
    with engine.begin() as conn:
        assert inspect(conn).get_table_names() == []
    engine.dispose()
