"""A store of its own for each test."""

import pytest

from hub.db import Database


@pytest.fixture
def db(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    database.open()
    yield database
    database.close()
