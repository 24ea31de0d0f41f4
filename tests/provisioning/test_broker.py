"""The broker as we configure it, asked for real: who may connect, who may say what, and how much."""

import itertools
import socket
import ssl
import time

import pytest

from contract.messages import MAX_FRAME_BYTES
from contract.topics import DOWN_LEAVES, UP_LEAVES, topic
from provisioning import acl
from provisioning.ca import Authority
from provisioning.errors import NameRefused
from simulator.servers import Mosquitto, client_context
from tests.mqtt import NO_SUBSCRIBERS, NOT_AUTHORIZED, SUCCESS, peer, wire
from tests.servers import new_gateway_id
from tests.tls import handshake

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]
CELLS = (0, 1, 7, 7, 31, 32, 62, 63)
"""Of eight gateways; two of them share a cell."""
PUBACK = b"\x40"


@pytest.fixture(scope="module")
def fleet(standing_broker: Mosquitto):
    names = [new_gateway_id() for _ in CELLS]
    return {name: (cell, standing_broker.enrol(name, cell)) for name, cell in zip(names, CELLS, strict=True)}


@pytest.fixture(scope="module")
def hub(standing_broker: Mosquitto):
    return standing_broker.hub_control(), standing_broker.hub_telemetry()


def tls(broker: Mosquitto, context: ssl.SSLContext, name: str = "127.0.0.1") -> bytes:
    """Say CONNECT over TLS and return what came back."""
    connect = bytes.fromhex("101000044d5154540502003c000003") + b"uji"
    with (
        socket.create_connection((broker.host, broker.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        secure.sendall(connect)
        return secure.recv(100)


def refused(broker: Mosquitto, context: ssl.SSLContext) -> bool:
    """Whether the broker ends the connection without an answer to CONNECT, in the handshake or after it."""
    try:
        return tls(broker, context) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_a_certificate_of_the_city_connects_and_nothing_else_does(broker, fleet, tmp_path):
    _, identity = next(iter(fleet.values()))
    assert tls(broker, client_context(identity))[:1] == b"\x20"
    assert tls(broker, client_context(identity), "localhost")[:1] == b"\x20"

    certless = ssl.create_default_context(cafile=identity.authority)
    stranger = Authority.create(tmp_path / "other", name="Other").gateway("asing-01")
    foreign = ssl.create_default_context(cafile=identity.authority)
    foreign.load_cert_chain(stranger.certificate, stranger.key)
    assert refused(broker, certless)
    assert refused(broker, foreign)
    assert not refused(broker, client_context(identity))


def test_a_plain_connection_and_an_old_tls_are_refused(broker, fleet):
    with socket.create_connection((broker.host, broker.port), timeout=5) as plain:
        plain.sendall(bytes.fromhex("101000044d5154540502003c000003") + b"uji")
        try:
            answer = plain.recv(100)
        except ConnectionError:
            answer = b""
    assert answer[:1] != b"\x20", "CONNACK without TLS"

    _, identity = next(iter(fleet.values()))
    old = client_context(identity)
    assert not refused(broker, old)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused(broker, old)


def test_a_client_refuses_a_broker_of_another_name_or_with_a_gateways_certificate(broker, fleet):
    _, identity = next(iter(fleet.values()))
    with pytest.raises(ssl.SSLCertVerificationError):
        tls(broker, client_context(identity), "siaga.example")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(identity.certificate, identity.key)
    client = client_context(identity)
    client.check_hostname = False
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(server, client)


def test_every_gateway_says_its_own_and_nobody_elses(broker, fleet, hub):
    """N × N: each gateway tries every leaf of every gateway; only its own way up is let through."""
    came: list[str] = []
    with peer(broker, hub[0]) as control, peer(broker, hub[1]) as telemetry:
        for leaf in UP_LEAVES:
            reader = telemetry if leaf == "up/telemetry" else control
            reader.subscribe(f"siaga/1/+/+/{leaf}")
        for sender, (_, identity) in fleet.items():
            with peer(broker, identity) as gateway:
                for (name, (cell, _)), leaf in itertools.product(fleet.items(), UP_LEAVES + DOWN_LEAVES):
                    may = name == sender and leaf in UP_LEAVES
                    answer = gateway.publish(topic(cell, name, leaf))
                    assert answer == (SUCCESS if may else NOT_AUTHORIZED), (sender, name, leaf)
                wrong_cell = topic((fleet[sender][0] + 1) % 64, sender, "up/event")
                assert gateway.publish(wrong_cell) == NOT_AUTHORIZED
                assert gateway.publish(f"siaga/1/+/{sender}/up/event".replace("+", "00x")) == NOT_AUTHORIZED
        last = topic(CELLS[-1], list(fleet)[-1], "state")
        # What other tests have left with the broker is none of ours.
        came = [said for said in control.drain(last) if said.split("/")[3] in fleet]
        assert len(came) == len(fleet) * (len(UP_LEAVES) - 1) - 1
        assert telemetry.messages.qsize() == len(fleet)
        # The telemetry connection hears samples only, whatever it asks for.
        telemetry.subscribe("siaga/#")
        control.publish(topic(0, next(iter(fleet)), "down/config"))
        with peer(broker, fleet[next(iter(fleet))][1]) as gateway:
            gateway.publish(topic(CELLS[0], next(iter(fleet)), "up/panic"))
            gateway.publish(topic(CELLS[0], next(iter(fleet)), "up/telemetry"))
        heard = [telemetry.messages.get(timeout=5)[0] for _ in range(len(fleet) + 1)]
        assert all(one.endswith("up/telemetry") for one in heard)


def wishes(fleet) -> list[str]:
    """What a curious gateway asks for: everything, all of a sort, and each other gateway by its name."""
    names = [f"siaga/1/{cell:02d}/{name}" for name, (cell, _) in fleet.items()]
    mine = [f"{name}/{part}" for name in names for part in ("down/#", "up/#", "state", "#")]
    wide = ["#", "+/#", "siaga/#", "siaga/1/#", "siaga/1/+/+/down/#", "siaga/1/+/+/up/+", "siaga/1/+/+/state"]
    return [*wide, "$SYS/#", "$share/uji/siaga/#", "$CONTROL/#", *mine]


def test_every_gateway_hears_its_own_and_nobody_elses(broker, fleet, hub):
    """A SUBSCRIBE is granted whatever it says; what counts is what is delivered."""
    *_, speaker = fleet
    with peer(broker, hub[0]) as control, peer(broker, fleet[speaker][1]) as neighbour:
        for listener, (cell, identity) in list(fleet.items())[:-1]:
            with peer(broker, identity) as gateway:
                for wish in wishes(fleet):
                    gateway.subscribe(wish)
                for name, (other, _) in fleet.items():
                    for leaf in DOWN_LEAVES:
                        control.publish(topic(other, name, leaf))
                for leaf in UP_LEAVES:
                    assert neighbour.publish(topic(fleet[speaker][0], speaker, leaf)) != NOT_AUTHORIZED
                mark = topic(cell, listener, "down/hello")
                control.publish(mark, b"mark")
                heard = set()
                while True:
                    where, what = gateway.messages.get(timeout=5)
                    heard.add(where)
                    if what == b"mark":
                        break
                assert heard == {topic(cell, listener, leaf) for leaf in DOWN_LEAVES}


def test_the_hub_says_only_what_goes_down(broker, fleet, hub):
    name, (cell, _) = next(iter(fleet.items()))
    with peer(broker, hub[0]) as control, peer(broker, hub[1]) as telemetry:
        for leaf in DOWN_LEAVES:
            assert control.publish(topic(cell, name, leaf)) in (SUCCESS, NO_SUBSCRIBERS)
            may = leaf == "down/receipt"
            assert (telemetry.publish(topic(cell, name, leaf)) == NOT_AUTHORIZED) is not may
        for leaf in UP_LEAVES:
            assert control.publish(topic(cell, name, leaf)) == NOT_AUTHORIZED


def test_a_gateway_that_takes_anothers_client_id_or_will_gets_nothing_by_it(broker, fleet, hub):
    (victim, (cell, own)), *others = fleet.items()
    with peer(broker, hub[0]) as control, peer(broker, own, client_id=victim) as honest:
        honest.subscribe(f"siaga/1/{cell:02d}/{victim}/down/#")
        control.subscribe("siaga/1/+/+/state")
        for _, (_, other) in others:
            with peer(broker, other, client_id=victim, will=topic(cell, victim, "state")) as thief:
                thief.subscribe(f"siaga/1/{cell:02d}/{victim}/down/#")
                control.publish(topic(cell, victim, "down/command"))
                assert honest.messages.get(timeout=5)[0] == topic(cell, victim, "down/command")
                assert thief.messages.empty()
                thief.client.socket().close()  # an end without a word: the will speaks, if it may
        assert honest.publish(topic(cell, victim, "state"), b"alive") == SUCCESS
        while (message := control.messages.get(timeout=5))[1] != b"alive":
            assert message[1] != b"will", "a will was let through that the ACL forbids"
        assert honest.ended.empty()


def test_who_is_not_enrolled_or_no_longer_says_nothing(broker, hub):
    name = new_gateway_id()
    identity = broker.authority.gateway(name)
    own = topic(5, name, "up/event")
    with peer(broker, identity) as gateway:
        assert gateway.publish(own) == NOT_AUTHORIZED
    identity = broker.enrol(name, 5)
    with peer(broker, identity) as gateway:
        assert gateway.publish(own) in (SUCCESS, NO_SUBSCRIBERS)
        broker.expel(name)
        end = (
            time.monotonic() + 10
        )  # Mosquitto looks at a signal up to 100 ms later, when it has the processor
        while gateway.publish(own) != NOT_AUTHORIZED:
            assert time.monotonic() < end, "a live connection keeps its old rights"


def test_a_frame_too_large_is_refused_without_harm_to_later_ones(broker, fleet, hub):
    name, (cell, identity) = next(iter(fleet.items()))
    way = topic(cell, name, "up/telemetry")
    with peer(broker, hub[1]) as telemetry:
        telemetry.subscribe("siaga/1/+/+/up/telemetry")
        with wire(broker, identity) as gateway:
            assert gateway.publish(way, b"f" * MAX_FRAME_BYTES)[:1] == PUBACK
            assert gateway.publish(way, b"g" * (MAX_FRAME_BYTES + 1)) == PUBACK + b"\x03\x00\x07\x95"
            assert gateway.publish(way, b"later")[:1] == PUBACK
        assert len(telemetry.messages.get(timeout=5)[1]) == MAX_FRAME_BYTES
        assert telemetry.messages.get(timeout=5)[1] == b"later"
        # Far too large for a packet: this connection ends, the next one works, others never notice.
        with wire(broker, identity) as gateway:
            assert gateway.publish(way, b"h" * 10_000_000) in (b"", b"\xe0\x01\x95")
        with wire(broker, identity) as gateway:
            assert gateway.publish(way, b"after")[:1] == PUBACK
        assert telemetry.messages.get(timeout=5)[1] == b"after"
        assert telemetry.ended.empty()


def test_a_killed_broker_comes_back_on_its_port_and_remembers_nothing(tmp_path):
    server = Mosquitto(tmp_path, gateways=[acl.Enrolled("pos-duga-01", 3)])
    server.start()
    try:
        port, identity = server.port, server.authority.gateway("pos-duga-01")
        with peer(server, identity) as gateway:
            assert gateway.publish(topic(3, "pos-duga-01", "state"), retain=True) == NO_SUBSCRIBERS
        server.kill()
        server.start()
        assert server.port == port
        with peer(server, server.hub_control()) as control, peer(server, identity) as gateway:
            control.subscribe("siaga/1/+/+/state")
            gateway.publish(topic(3, "pos-duga-01", "state"), b"new")
            assert control.messages.get(timeout=5)[1] == b"new"
        assert not list(tmp_path.glob("*.db"))
    finally:
        server.stop()
    assert not server.child.alive


def test_a_name_of_the_hub_or_a_wrong_cell_enters_no_acl():
    with pytest.raises(NameRefused):
        acl.Enrolled("hub", 1)
    with pytest.raises(ValueError, match="cell"):
        acl.Enrolled("pos-duga-01", 64)
