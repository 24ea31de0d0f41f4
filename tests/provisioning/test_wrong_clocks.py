"""Wrong clocks, ended certificates, and no authority: who still gets through, who does not, and what heals it.

A clock that is wrong by years and a certificate whose dates are off by years are the same to who compares them, so
it is the certificates that are moved here.
"""

import asyncio
import contextlib
import datetime as dt
import shutil
import signal
import socket
import time
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from gpiozero.pins.mock import MockFactory

from contract import codec
from contract.topics import topic
from edge.app import EdgeApp
from edge.clock import Discipline, SystemClock
from edge.config import load
from edge.identity import heed_dates
from provisioning import requests
from provisioning.ca import Root
from provisioning.certificates import CLIENT, ISSUING_DAYS, leaf, new_key, pem
from provisioning.claim_commands import now_ms
from provisioning.errors import AuthorityError
from simulator.servers import client_context
from tests.mqtt import NO_SUBSCRIBERS, SUCCESS, peer
from tests.provisioning.test_requests import request
from tests.provisioning.test_revocation import lets_in
from tests.provisioning.town import Town

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]

GATEWAY = "pos-duga-01"
PIN = 17
LIVES_S = 6.0
"""Long enough to make a town, start its broker and enrol a gateway on a busy machine."""
YEAR = dt.timedelta(days=365)
OFF = {"1970": YEAR, "+10 years": -10 * YEAR}
"""How the world is to who believes in that year: it begins in the future (one year of it is as good as 56), or is long
over."""

GATEWAY_TOML = """
[gateway]
id = "pos-duga-01"
cell = 1
site = "uji"
[broker]
host = "127.0.0.1"
port = {port}
ca_file = "{identity.authority}"
cert_file = "{identity.certificate}"
key_file = "{identity.key}"
[enrolment]
url = "https://127.0.0.1:1"
[spool]
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5
[[contact]]
name = "tombol"
role = "panic"
pin = 17
"""


class Board(SystemClock):
    """A gateway's clock, of which the kernel says whether a time server disciplines it."""

    def __init__(self, *, synced: bool) -> None:
        self._synced = synced

    def discipline(self) -> Discipline:
        return Discipline(self._synced)


@contextlib.asynccontextmanager
async def gateway_of(town, tmp_path, identity, *, synced):
    """The whole gateway, and its button."""
    path = tmp_path / "gateway.toml"
    path.write_text(GATEWAY_TOML.format(port=town.broker.port, identity=identity))
    pins = MockFactory()
    app = EdgeApp(load(path), clock=Board(synced=synced), random=Random(3), pins=pins)
    running = asyncio.create_task(app.run())
    try:
        yield pins
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def pressed(pins, desk, timeout_s=10.0):
    """Press the button again and again, as a person in need does, until the hub hears a press; its frame, or None."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        pins.pin(PIN).drive_low()
        await asyncio.sleep(0.15)
        pins.pin(PIN).drive_high()
        await asyncio.sleep(0.15)
        if not desk.messages.empty():
            return codec.decode_frame("panic", desk.messages.get_nowait()[1])
    return None


def move_broker(town, by: dt.timedelta) -> None:
    """Give the broker a certificate of another time; it shows it from now on."""
    made = town.authority.server("broker", ("127.0.0.1", "localhost"), now=dt.datetime.now(dt.UTC) + by)
    wanted = x509.load_pem_x509_certificate(made.certificate.read_bytes()).serial_number
    town.broker.child.signal(signal.SIGHUP)
    # It looks at a signal up to 100 ms later.
    wait_until(lambda: serial_shown(town.broker) == wanted)


def serial_shown(broker) -> int:
    """Of the certificate that the broker shows now, whatever its dates."""
    context = client_context(broker.hub_control())
    heed_dates(context, synced=False)
    with (
        socket.create_connection((broker.host, broker.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=broker.host) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


@pytest.mark.parametrize("clock", OFF)
async def test_a_press_comes_through_from_a_wrong_clock_without_authority_enrolment_or_time_server(
    clock, tmp_path
):
    """The gateway's clock is wrong and nobody can tell it so; the authority's folder is gone."""
    town = Town(tmp_path)
    try:
        identity = town.enrol(GATEWAY)
        move_broker(town, OFF[clock])
        control = town.broker.hub_control()
        with peer_of(town, control) as desk:
            desk.subscribe("siaga/1/+/+/up/panic")
            copy = tmp_path / "ca.pem"
            shutil.copy(identity.authority, copy)
            identity = type(identity)(identity.certificate, identity.key, copy)
            shutil.rmtree(town.folder)
            async with gateway_of(town, tmp_path, identity, synced=False) as pins:
                frame = await pressed(pins, desk)
                assert frame is not None
                assert frame.gateway == GATEWAY
    finally:
        town.close()


def peer_of(town, identity):
    """The hub, which does not look at dates here; its own clock is another test's."""
    return peer(town.broker, identity, dates=False)


async def test_a_clock_that_a_time_server_disciplines_heeds_dates(tmp_path):
    """The negative of the above: who knows the time takes no broker whose certificate has ended."""
    town = Town(tmp_path)
    try:
        identity = town.enrol(GATEWAY)
        move_broker(town, OFF["+10 years"])
        with peer_of(town, town.broker.hub_control()) as desk:
            desk.subscribe("siaga/1/+/+/up/panic")
            async with gateway_of(town, tmp_path, identity, synced=True) as pins:
                assert await pressed(pins, desk, 1.5) is None
                move_broker(town, dt.timedelta())
                assert await pressed(pins, desk) is not None, "and it comes when the broker has a new one"
    finally:
        town.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    one = Town(tmp_path_factory.mktemp("town"))
    yield one
    one.close()


@pytest.mark.parametrize("clock", OFF)
def test_a_broker_whose_clock_is_wrong_lets_nobody_in_until_it_is_right(town, clock):
    """To a broker in 1970 all certificates begin in the future; to one ten years ahead all have ended."""
    town.enrol(GATEWAY)
    away = town.authority.gateway(GATEWAY, now=dt.datetime.now(dt.UTC) + OFF[clock])
    assert not lets_in(town, away)
    assert lets_in(town, town.authority.gateway(GATEWAY))


def test_a_broker_in_1970_takes_no_list_of_the_future_and_the_right_time_heals_it(town):
    identity = town.enrol("pos-duga-02")
    with peer(town.broker, identity) as standing:
        town.broker.revoke(now=dt.datetime.now(dt.UTC) + OFF["1970"])
        wait_until(lambda: not lets_in(town, town.broker.hub_control()))
        assert standing.publish(topic(1, "pos-duga-02", "up/panic")) in (SUCCESS, NO_SUBSCRIBERS)
        town.door.tell(now_ms=now_ms())
        wait_until(lambda: lets_in(town, town.broker.hub_control()))


def test_a_certificate_that_ends_ends_no_connection_and_the_next_one_lets_in_again(town):
    name = "pos-duga-03"
    town.enrol(name)
    key, now = new_key(), dt.datetime.now(dt.UTC)
    made = leaf(town.authority.signer, name, key.public_key(), CLIENT, now=now, lasts=dt.timedelta(seconds=3))
    short = town.files(name, key, pem(made, town.authority.signer.certificate))
    with peer(town.broker, short) as gateway:
        left = made.not_valid_after_utc - dt.datetime.now(dt.UTC)
        time.sleep(max(0.0, left.total_seconds() + 1))
        assert not lets_in(town, short)
        assert gateway.publish(topic(1, name, "up/panic")) in (SUCCESS, NO_SUBSCRIBERS)
        assert gateway.ended.empty()
    assert lets_in(town, town.enrol(name))


def test_an_issuing_authority_that_has_ended_is_replaced_without_a_visit(tmp_path):
    """Three years are over and nobody replaced it: all that it issued ends with it."""
    lives = dt.timedelta(seconds=LIVES_S)
    then = dt.datetime.now(dt.UTC) - dt.timedelta(days=ISSUING_DAYS) + lives
    root = Root.create(tmp_path / "root", name="Kota", passphrase=b"frasa sandi panjang", now=then)
    town = Town(tmp_path, authority=root.issuing(tmp_path / "city", now=then))
    try:
        old = town.enrol(GATEWAY)
        assert lets_in(town, old)
        time.sleep(
            max(0.0, (then + dt.timedelta(days=ISSUING_DAYS) - dt.datetime.now(dt.UTC)).total_seconds() + 1)
        )
        assert not lets_in(town, old)
        with pytest.raises(AuthorityError, match="ended"):
            town.broker.hub_control()
        town.replace_authority(root)
        wait_until(lambda: lets_in(town, town.broker.hub_control()))
        assert not lets_in(town, old)
        # What the gateway does by itself: it shows the one that has ended, within thirty days.
        key, ended = new_key(), x509.load_pem_x509_certificate(old.certificate.read_bytes())
        shown = ended.public_bytes(Encoding.DER)
        asked = requests.read(request(GATEWAY, key=key))
        renewed = town.enrolment.renew(asked, shown, address="uji", now_ms=now_ms())
        assert lets_in(town, town.files(GATEWAY, key, renewed)), "it trusts the same root as ever"
    finally:
        town.close()


def wait_until(there, timeout_s=10.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not there():
        assert time.monotonic() < end_s
        time.sleep(0.02)
