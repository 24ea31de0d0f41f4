import http.client
import signal
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from simulator import proc
from simulator.processes import Child, ServerFailed, free_port, listens
from simulator.servers import Influx, Mosquitto

pytestmark = pytest.mark.real


def until(condition, timeout_s=5):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def status(influx, login=None):
    connection = http.client.HTTPConnection("127.0.0.1", influx.port, timeout=5)
    head = {"Authorization": "Basic " + b64encode(":".join(login).encode()).decode()} if login else {}
    connection.request("POST", "/query?q=CREATE+DATABASE+uji", headers=head)
    answer = connection.getresponse().status
    connection.close()
    return answer


def test_influx_asks_for_its_login_also_after_a_kill(tmp_path):
    influx = Influx(tmp_path, login=True)
    influx.start()
    try:
        assert status(influx) == 401
        assert status(influx, ("siaga", "guess")) == 401
        assert status(influx, influx.login) == 200
        port = influx.port
        influx.kill()
        assert not listens(port)
        influx.start()
        assert influx.port == port
        assert status(influx, influx.login) == 200
    finally:
        influx.stop()
    assert not listens(influx.port)


def test_a_broker_takes_a_word_from_its_first_moment_on(tmp_path):
    """It listens before it minds signals; an enrolment in between ended one broker in two hundred."""
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        assert proc.minds(broker.child.pid, signal.SIGHUP)
        broker.enrol("uji-1")
        broker.kill()
        broker.start()
        assert proc.minds(broker.child.pid, signal.SIGHUP)
    finally:
        broker.stop()


def test_who_has_no_handler_does_not_mind(tmp_path):
    deaf = Child("deaf", ["sleep", "10"], tmp_path / "log")
    deaf.start()
    try:
        assert not proc.minds(deaf.pid, signal.SIGHUP)
    finally:
        deaf.kill()
    assert not proc.minds(deaf.pid, signal.SIGHUP)


def test_postgres_gives_every_asker_a_database(postgres):
    one, two = postgres.create_database(), postgres.create_database()
    assert one != two
    engine = create_engine(one)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x int)"))
    engine.dispose()


def test_a_program_that_ends_at_once_is_told_with_its_last_words(tmp_path):
    child = Child("uji", [sys.executable, "-c", "print('no luck'); raise SystemExit(3)"], tmp_path / "log")
    child.start()
    with pytest.raises(ServerFailed, match="ended with 3") as failed:
        child.wait_until(lambda: False, timeout_s=10)
    assert "no luck" in failed.value.hint


def test_children_die_with_a_parent_that_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from simulator.processes import Child\n"
        f"child = Child('uji', ['sleep', '300'], Path({str(tmp_path)!r}) / 'log'); child.start()\n"
        "print(child.pid, flush=True); time.sleep(300)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    process = Path("/proc") / parent.stdout.readline().strip()
    until(lambda: (process / "comm").read_text() == "sleep\n")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    # Where nobody collects orphans, it stays as a zombie.
    until(lambda: not process.exists() or (process / "stat").read_text().split()[2] == "Z")


def test_a_stubborn_child_is_killed_after_its_time(tmp_path):
    program = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
    )
    child = Child("uji", [sys.executable, "-c", program], tmp_path / "log")
    child.start()
    child.wait_until(lambda: "up" in child.last_words(), timeout_s=10)
    assert child.stop(timeout_s=0.2) == -signal.SIGKILL
    assert child.stop() == -signal.SIGKILL


def test_a_free_port_is_outside_the_range_of_outgoing_connections():
    ports = {free_port() for _ in range(50)}
    assert len(ports) == 50
    assert max(ports) < int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
