"""Fixtures that many tests share: real servers, started once a session and only when a test asks.

A test that uses one is marked ``real``. Tests share these servers, so none may kill them; a test that wants
to starts its own from simulator.servers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from simulator.servers import Influx, Mosquitto, Postgres
from tests.servers import running_broker, running_influx, running_postgres

settings.register_profile(
    "siaga",
    # The same examples each time, so that a change is judged by what it changes; `make campaign` draws others.
    derandomize="SIAGA_SEEDS" not in os.environ,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # it measures the machine
)
settings.load_profile("siaga")

LONGEST_FIRST = ("river", "faults", "browser", "simulator/test_demo.py")
"""What takes minutes, below ``tests/``: begun last, one of these would keep everybody waiting."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Longest first, else as collected."""
    root = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(root)
        return next(
            (at for at, one in enumerate(LONGEST_FIRST) if path.is_relative_to(one)), len(LONGEST_FIRST)
        )

    items.sort(key=place)


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say what was measured: one line each, told at the end of the run whichever process ran the test."""
    return lambda line: record_property("measured", line)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests have measured."""
    reports = [one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())]
    lines = [value for one in reports for name, value in one.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in dict.fromkeys(lines):
            terminalreporter.write_line(str(line))


@pytest.fixture(scope="session")
def standing_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A Mosquitto as Siaga configures it, with mutual TLS and ACL. For what is made once for many tests; what an
    earlier test's gateways have left in it is there."""
    yield from running_broker(tmp_path_factory.mktemp("broker"))


@pytest.fixture
def broker(standing_broker: Mosquitto) -> Mosquitto:
    """The broker, empty: a retained word of another test's gateway would be news to this test's hub."""
    standing_broker.stop()
    standing_broker.start()
    return standing_broker


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    """An InfluxDB 1.x."""
    yield from running_influx(tmp_path_factory.mktemp("influx"))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL."""
    yield from running_postgres(tmp_path_factory.mktemp("postgres"))
