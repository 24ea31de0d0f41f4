"""Stores in memory: hundreds of days pass in a minute, and it is the river that is looked at, not the disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.servers import Influx
from tests.servers import running_influx

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="package")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory where the machine has such a place, else on the disk."""
    if not MEMORY.is_dir():
        yield tmp_path_factory.mktemp("river")
        return
    with tempfile.TemporaryDirectory(prefix="siaga-river-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="package")
def influx(memory: Path) -> Iterator[Influx]:
    """An InfluxDB whose data are in memory."""
    folder = memory / "influx"
    folder.mkdir()
    yield from running_influx(folder)


@pytest.fixture
def folder(memory: Path) -> Iterator[Path]:
    """A folder of a test's own."""
    with tempfile.TemporaryDirectory(dir=memory) as own:
        yield Path(own)
