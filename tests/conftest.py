"""Fixtures that many tests share: real servers, started once a session and only when a test asks.

A test that uses one is marked ``real``. Tests share these servers, so none may kill them; a test that wants
to starts its own from simulator.servers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.servers import Influx, Mosquitto, Postgres
from tests.servers import running_broker, running_influx, running_postgres


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A Mosquitto as Siaga configures it, with mutual TLS and ACL."""
    yield from running_broker(tmp_path_factory.mktemp("broker"))


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """An InfluxDB 1.x."""
    yield from running_influx(tmp_path_factory.mktemp("influx"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL."""
    yield from running_postgres(tmp_path_factory.mktemp("postgres"))
