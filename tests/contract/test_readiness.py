"""The service manager hears what sd_notify(3) says, and its absence harms nothing."""

import socket

import pytest

from contract.readiness import Readiness


@pytest.fixture
def ear(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(2)
        yield bound


def test_what_is_told_is_heard(ear):
    readiness = Readiness({"NOTIFY_SOCKET": ear.getsockname(), "WATCHDOG_USEC": "30000000"})
    readiness.ready()
    readiness.progress()
    readiness.status("3 perangkat")
    readiness.stopping()
    assert [ear.recv(100) for _ in range(4)] == [
        b"READY=1",
        b"WATCHDOG=1",
        b"STATUS=3 perangkat",
        b"STOPPING=1",
    ]
    assert readiness.watchdog_s == 15.0


def test_without_a_service_manager_nothing_happens(tmp_path):
    Readiness({}).ready()
    Readiness({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    assert Readiness({}).watchdog_s is None
    assert Readiness({"WATCHDOG_USEC": "soon"}).watchdog_s is None
