"""A press without a receipt in ten seconds goes another way: by HTTPS, signed, and by a text when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import ssl
import stat
import threading
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from contract import signed
from contract.codec import decode_frame
from edge import second_path
from edge.app import EdgeApp
from edge.clock import SystemClock
from edge.config import Broker, load
from edge.config import SecondPath as Settings
from edge.config import Sms as SmsSettings
from edge.errors import WayError
from edge.outputs import Outputs, Proven
from edge.second_path import FIRST_AGAIN_MS, LAST_AGAIN_MS, Press, SecondPath
from edge.ways import Https, Mmcli, Sms, text_of, ways
from hub.clock import SystemClock as HubClock
from hub.db import Database
from hub.fleet.signatures import roots, verify
from hub.ingest.accept import Registered
from hub.ingest.pipeline import Pipeline
from hub.ingest.second_path import SecondPath as HubsSecondPath
from provisioning.ca import Authority
from tests.edge.drivers.rigs import FakeClock
from tests.edge.spooling import event, opened
from tests.hub.ingest.frames import Recorder

GATEWAY = "rsud-01"


class FakeWay:
    """A way that a test blocks and opens."""

    def __init__(self, name, *, proves):
        self.name, self.proves = name, proves
        self.broken = False
        self.told = []

    async def tell(self, press):
        if self.broken:
            raise WayError("broken", "planted")
        self.told.append(press.event_id)


class Bench:
    def __init__(self, tmp_path):
        self.clock = FakeClock(0)
        self.spool = opened(tmp_path / "spool.sqlite")
        self.outputs = Outputs(["tombol-1"], clock=self.clock)
        self.https, self.sms = FakeWay("https", proves=True), FakeWay("sms", proves=False)
        self.path = SecondPath(
            [self.https, self.sms],
            self.spool,
            gateway=GATEWAY,
            clock=self.clock,
            received=self.outputs.received,
        )

    def press(self, number):
        self.spool.append_panic(self.clock.mono, event(number))
        self.outputs.stored("tombol-1", f"{number:032x}", self.clock.mono)

    async def at(self, mono_ms):
        self.clock.mono = mono_ms
        await self.path.look()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.spool.close()


ONE, TWO = f"{1:032x}", f"{2:032x}"


async def test_a_press_waits_ten_seconds_for_its_receipt_and_then_goes_another_way_once(bench):
    bench.press(1)
    await bench.at(9_999)
    assert bench.https.told == []
    await bench.at(10_000)
    await bench.at(70_000)
    assert bench.https.told == [ONE]
    assert bench.sms.told == []
    # The hub has it, so the lamp may say so and the buzzer stops; the record still waits for its receipt.
    shown = bench.outputs.shown("tombol-1")
    assert (shown.proven, shown.buzzer) == (Proven.RECEIVED, False)
    assert bench.spool.unsettled("panic") == 1


async def test_a_receipt_in_time_needs_no_second_path(bench):
    bench.press(1)
    epoch = bench.spool.accounts(0)["panic"].epoch
    bench.spool.settle("panic", epoch, [(1, 1)])
    await bench.at(60_000)
    assert (bench.https.told, bench.sms.told) == ([], [])


async def test_people_are_texted_once_when_https_fails_and_that_is_tried_on(bench):
    bench.https.broken = True
    bench.press(1)
    times = [10_000, 11_000, 15_000, 20_000, 30_000, 60_000]
    for at_ms in times:
        await bench.at(at_ms)
    assert bench.sms.told == [ONE]
    shown = bench.outputs.shown("tombol-1")
    # A text proves nothing of the hub.
    assert (shown.proven, shown.buzzer) == (Proven.STORED, True)
    bench.https.broken = False
    await bench.at(200_000)
    assert bench.https.told == [ONE]
    assert bench.outputs.shown("tombol-1").proven is Proven.RECEIVED


async def test_tries_grow_apart_up_to_a_minute(bench):
    bench.https.broken = bench.sms.broken = True
    bench.press(1)
    tried = []
    bench.https.tell = lambda press: fail(tried, bench.clock.mono)
    for at_ms in range(10_000, 300_000, 1_000):
        await bench.at(at_ms)
    gaps = [later - sooner for sooner, later in pairwise(tried)]
    assert gaps[0] == FIRST_AGAIN_MS
    assert gaps == sorted(gaps)
    assert gaps[-1] == LAST_AGAIN_MS


async def fail(tried, mono_ms):
    tried.append(mono_ms)
    raise WayError("broken", "planted")


async def test_each_press_goes_by_itself_and_one_that_cannot_be_told_holds_up_no_other(bench):
    bench.press(1)
    bench.press(2)

    class OneOnly(FakeWay):
        async def tell(self, press):
            frame = decode_frame("panic", press.frame)
            assert frame.n == 1
            if press.event_id == ONE:
                raise WayError("broken", "planted")
            await super().tell(press)

    way = OneOnly("https", proves=True)
    path = SecondPath([way], bench.spool, gateway=GATEWAY, clock=bench.clock, received=lambda _: None)
    bench.clock.mono = 10_000
    await path.look()
    assert way.told == [TWO]


async def test_presses_of_a_week_without_a_line_hide_no_press_of_now(bench):
    """More of them wait than are looked at in one go; each is told of, once."""
    for number in range(1, 101):
        bench.press(number)
    await bench.at(10_000)
    bench.press(101)
    for at_ms in range(20_000, 40_000, 1_000):
        await bench.at(at_ms)
    assert sorted(bench.https.told) == [f"{number:032x}" for number in range(1, 102)]


async def test_a_press_of_now_waits_for_one_try_of_an_older_one_and_not_for_all(bench):
    """Each try of a way that swallows everything lasts until its end."""
    bench.https.broken = bench.sms.broken = True
    for number in range(1, 21):
        bench.press(number)
    await bench.at(10_000)
    tried = []

    async def slowly(press):
        tried.append(press.event_id)
        if len(tried) == 1:
            bench.press(99)
        bench.clock.mono += 10_000
        await asyncio.sleep(0)
        raise WayError("broken", "planted")

    bench.https.tell = slowly
    bench.clock.mono = 100_000
    looking = asyncio.create_task(bench.path.look())
    async with asyncio.timeout(10):
        while f"{99:032x}" not in tried:  # noqa: ASYNC110 - the way is the test's own, and has no event
            await asyncio.sleep(0)
    looking.cancel()
    # Older ones are tried meanwhile only until ten seconds are over, when the newest one is due.
    assert tried.index(f"{99:032x}") <= 2


# The ways themselves.


@contextlib.contextmanager
def listening(city, answer=200):
    """A hub's web server that keeps what is posted."""
    posted = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answer)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    identity = city.server("pages", ["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}", posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("ca"), name="Kota Uji")


def broker(city, authority=None):
    identity = city.gateway(GATEWAY)
    return Broker(
        host="h",
        ca_file=(authority or identity).authority,
        cert_file=identity.certificate,
        key_file=identity.key,
    )


PRESS = Press(ONE, "tombol-1", 1_790_000_000_000, b'{"frame":1}')


async def test_what_is_posted_is_signed_with_the_gateways_key(city):
    with listening(city) as (url, posted):
        await Https(url, GATEWAY, broker(city)).tell(PRESS)
    [(place, body)] = posted
    assert place == "/api/second-path"
    message = signed.decode(body)
    assert (message.gateway, message.payload) == (GATEWAY, PRESS.frame)
    verify(
        message,
        signed.PRESS,
        roots(broker(city).ca_file.read_bytes()),
        now_ms=int(time.time() * 1000),
    )


async def test_a_refusal_an_absent_hub_and_a_strangers_server_are_no_success(city, tmp_path):
    with listening(city, answer=503) as (url, _), pytest.raises(WayError, match="503"):
        await Https(url, GATEWAY, broker(city)).tell(PRESS)
    with pytest.raises(WayError, match="refused"):
        await Https("https://127.0.0.1:9", GATEWAY, broker(city)).tell(PRESS)
    stranger = Authority.create(tmp_path / "ca", name="Kota Lain")
    with listening(stranger) as (url, posted):
        with pytest.raises(WayError, match="verify failed"):
            await Https(url, GATEWAY, broker(city)).tell(PRESS)
        assert posted == []
    nothing = msgspec.structs.replace(broker(city), key_file=tmp_path / "none.pem")
    with pytest.raises(WayError, match="enrol"):
        await Https("https://127.0.0.1:9", GATEWAY, nothing).tell(PRESS)


MMCLI = """#!/bin/sh
printf '%s\\n' "$*" >> {log}
case "$*" in
  *create-sms*) echo "Successfully created new SMS: /org/freedesktop/ModemManager1/SMS/7" ;;
  *--send*) {send} ;;
esac
"""


def modem(tmp_path, send="true"):
    command = tmp_path / "mmcli"
    command.write_text(MMCLI.format(log=tmp_path / "log", send=send))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return Mmcli("any", command)


async def test_a_text_is_made_sent_and_taken_out_of_the_modem(tmp_path):
    await Sms(modem(tmp_path), ["+628111", "+628112"], site="rsud").tell(PRESS)
    said = (tmp_path / "log").read_text().splitlines()
    assert said[0] == f"-m any --messaging-create-sms=number='+628111',text='{text_of(PRESS, 'rsud')}'"
    assert said[1:3] == ["-s 7 --send", "-m any --messaging-delete-sms=7"]
    assert "number='+628112'" in said[3]


@pytest.mark.parametrize("send", ["exit 1", "echo error: no signal; exit 1"])
async def test_a_modem_that_cannot_send_is_no_success(tmp_path, send):
    with pytest.raises(WayError):
        await Sms(modem(tmp_path, send), ["+628111"], site="rsud").tell(PRESS)


async def test_no_modem_and_no_answer_are_told(tmp_path, monkeypatch):
    with pytest.raises(WayError, match="modemmanager"):
        await Mmcli("any", tmp_path / "absent").send("+628111", "x")
    monkeypatch.setattr("edge.ways.SMS_S", 0.05)
    with pytest.raises(WayError, match="no answer"):
        await modem(tmp_path, "exec sleep 5").send("+628111", "x")


async def test_one_number_of_two_is_enough(tmp_path):
    sent = []

    class Half:
        async def send(self, number, text):
            if number == "+628111":
                raise WayError("modem", "barred")
            sent.append(number)

    await Sms(Half(), ["+628111", "+628112"], site="rsud").tell(PRESS)
    assert sent == ["+628112"]


@pytest.mark.parametrize("device", ["tombol-1", "t" * 64, "tombol'; reboot", "tombol-é"])
@pytest.mark.parametrize("t_ms", [None, 1_790_000_000_000])
def test_a_text_is_one_text_and_says_which_press(device, t_ms):
    text = text_of(Press("abcdef0123456789" * 2, device, t_ms, b""), "rsud-kota-contoh-yang-panjang-sekali")
    assert len(text) <= 160
    assert text.isascii()
    assert text.endswith("abcdef01")


def test_the_ways_of_a_configuration():
    config = load(Path(__file__).parents[2] / "firmware_configs" / "gateway.example.toml")
    assert ways(msgspec.structs.replace(config, second_path=None)) == []
    both = Settings(url="https://hub.kota.example", sms=SmsSettings(numbers=("+628111234567",)))
    assert [way.name for way in ways(msgspec.structs.replace(config, second_path=both))] == ["https", "sms"]


async def until(so):
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - what threads bring has no event
            await asyncio.sleep(0.01)


@pytest.mark.real
async def test_a_gateway_whose_broker_is_gone_tells_the_hub_all_the_same(city, tmp_path, monkeypatch):
    """The whole gateway, from the contact to the hub's store: and the room has one press."""
    monkeypatch.setattr(second_path, "ANSWER_MS", 300)
    monkeypatch.setattr(second_path, "LOOK_S", 0.05)
    identity = city.gateway(GATEWAY)
    with listening(city) as (url, posted):
        path = tmp_path / "gateway.toml"
        path.write_text(
            f"""
[gateway]
id = "{GATEWAY}"
cell = 3
site = "rsud"
[broker]
host = "127.0.0.1"
port = 9
ca_file = "{identity.authority}"
cert_file = "{identity.certificate}"
key_file = "{identity.key}"
[second_path]
url = "{url}"
[spool]
telemetry_mb = 1.0
event_mb = 0.5
panic_mb = 0.5
[[contact]]
name = "tombol-igd"
role = "panic"
pin = 17
"""
        )
        pins = MockFactory()
        app = EdgeApp(load(path), clock=SystemClock(), random=Random(1), pins=pins)
        running = asyncio.create_task(app.run())
        await until(lambda: app._drivers._contacts.watches("tombol-igd"))
        pins.pin(17).drive_low()
        await until(lambda: posted and app.outputs.shown("tombol-igd").proven is Proven.RECEIVED)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    seen = Recorder()
    hub = HubsSecondPath(
        authority=identity.authority,
        db=db,
        clock=HubClock(),
        gateways={GATEWAY: Registered(GATEWAY, 3, "rsud")},
        revoked=set,
        consequences=seen,
        stored=lambda _: None,
        pipeline=Pipeline(HubClock()),
    )
    for _, body in posted:
        await hub.take(body)
    db.close()
    assert [(press.kind, press.device) for press in seen.panics] == [("panic_press", "tombol-igd")]
