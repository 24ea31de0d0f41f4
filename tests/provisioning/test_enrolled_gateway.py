"""From a claim to data at a real broker, by the commands that people type; and a renewal under way."""

import asyncio
import contextlib
import json
import signal
import sys
from random import SystemRandom

import pytest

from contract.topics import topic
from edge.app import EdgeApp
from edge.cli import main as gateway_command
from edge.clock import SystemClock
from edge.config import load
from provisioning.cli import main
from simulator.processes import Child, free_port
from simulator.servers import Mosquitto
from tests.mqtt import NOT_AUTHORIZED, peer

pytestmark = pytest.mark.real
GATEWAY = "pos-duga-01"

CITY = """
[enrolment]
url = "https://127.0.0.1:{port}"
listen = "127.0.0.1"
port = {port}
[broker]
folder = "{broker.folder}"
reload = ["kill", "-HUP", "{broker.child.pid}"]
listen = "127.0.0.1"
port = {broker.port}
"""
GATEWAY_TOML = """
[gateway]
id = "pos-duga-01"
cell = 7
site = "bendung-hulu"
beat_s = 1.0
[broker]
host = "127.0.0.1"
port = {port}
ca_file = "tls/ca.pem"
cert_file = "tls/gateway.pem"
key_file = "tls/gateway.pem"
[enrolment]
url = "https://127.0.0.1:{enrolment}"
[spool]
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5
"""


@pytest.fixture
def city(tmp_path):
    """A broker and a running enrolment service of one city; the city's folder and the broker."""
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    folder = broker.authority.certificate.parent
    broker.authority.server("enrolment", ["127.0.0.1"])
    port = free_port()
    (folder / "city.toml").write_text(CITY.format(port=port, broker=broker))
    service = Child(
        "serve", [sys.executable, "-m", "provisioning.cli", "serve", str(folder)], tmp_path / "serve.log"
    )
    service.start()
    try:
        service.wait_until(lambda: '"ready": true' in service.log.read_text(), timeout_s=30)
        yield folder, broker, service, port
    finally:
        service.stop()
        broker.stop()


async def test_a_claim_is_all_that_a_gateway_needs_and_a_renewal_ends_nothing(city, tmp_path, capsys):
    folder, broker, service, port = city
    claim = ["claim", "add", str(folder), GATEWAY, "--cell", "7", "--site", "bendung-hulu"]
    assert main(claim) == 0
    (tmp_path / "claim").write_text(capsys.readouterr().out)
    config = tmp_path / "gateway.toml"
    config.write_text(GATEWAY_TOML.format(port=broker.port, enrolment=port))
    enrol = ["enrol", "--config", str(config), "--claim-file", str(tmp_path / "claim")]
    assert await asyncio.to_thread(gateway_command, enrol) == 0
    assert GATEWAY in capsys.readouterr().out
    assert await asyncio.to_thread(gateway_command, enrol) == 2, "a claim serves once"
    assert "claim" in capsys.readouterr().err

    with peer(broker, broker.hub_control()) as hub:
        hub.subscribe("siaga/1/+/+/up/beat")
        hub.subscribe("siaga/1/+/+/state")
        app = EdgeApp(load(config), clock=SystemClock(), random=SystemRandom())
        running = asyncio.create_task(app.run())
        try:
            first = await state(hub)
            await heard(hub, topic(7, GATEWAY, "up/beat"))
            # The next certificate, as renewal would put it: another serial under the same name.
            other = broker.authority.gateway(GATEWAY)
            (tmp_path / "tls" / "new").write_bytes(other.key.read_bytes() + other.certificate.read_bytes())
            (tmp_path / "tls" / "new").replace(tmp_path / "tls" / "gateway.pem")
            app._renewed()
            second = await state(hub)
            assert first["online"]
            assert second["online"], "it took leave; its will stayed unsaid"
            assert first["connection"] != second["connection"]
            await heard(hub, topic(7, GATEWAY, "up/beat"))
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    own = topic(7, GATEWAY, "up/event")
    with peer(broker, broker.authority.gateway(GATEWAY)) as gateway:
        assert gateway.publish(own) != NOT_AUTHORIZED
        revoke = ["revoke", str(folder), GATEWAY, "--reason", "stolen"]
        assert await asyncio.to_thread(main, revoke) == 0
        gateway.ended.get(timeout=5)
    assert main(["revoke", str(folder), "pos-duga-99", "--reason", "stolen"]) == 1
    service.stop(signal.SIGTERM)
    assert service.returncode == 0
    assert "enrolment.signed" in service.log.read_text()
    assert main(["audit", str(folder)]) == 0
    said = capsys.readouterr().out
    assert " enrol pos-duga-01" in said
    assert " revoke pos-duga-01" in said


async def heard(hub, wanted):
    """Wait for a message on that topic; what it says."""
    while True:
        said, payload = await asyncio.to_thread(hub.messages.get, timeout=10)
        if said == wanted:
            return payload


async def state(hub):
    """The next birth or will of the gateway."""
    return json.loads(await heard(hub, topic(7, GATEWAY, "state")))
