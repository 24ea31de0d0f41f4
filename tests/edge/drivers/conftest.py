"""A real broker for nodes, started once for the drivers' tests."""

from collections.abc import Iterator

import pytest

from simulator.devices.local_broker import LocalMosquitto


@pytest.fixture(scope="session")
def local_mosquitto(tmp_path_factory) -> Iterator[LocalMosquitto]:
    server = LocalMosquitto(tmp_path_factory.mktemp("local"))
    server.start()
    yield server
    server.stop()
