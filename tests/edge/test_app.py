"""The whole gateway against a real broker: what it sends, what a receipt does, what breaks and mends."""

import asyncio
import contextlib
import json
import time
from dataclasses import replace
from random import Random

import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from contract import codec, topics
from contract.messages import Beat, Command, Hello, Receipt, Reply, State
from edge import cli
from edge.app import EdgeApp
from edge.clock import Discipline, SystemClock
from edge.config import Camera, Lights, LocalBroker, Node, SnapshotSettings, SupervisedLoop, load
from edge.errors import CardError, CorruptCard, OrderError
from edge.local_door import ask
from edge.sampler import Sample
from simulator.devices.ads1115 import FakeAds1115
from simulator.devices.camera import FakeCamera
from simulator.devices.local_broker import LocalMosquitto, Speaker
from simulator.devices.panic_loop import FakePanicLoop
from simulator.proxy import FaultProxy
from simulator.servers import Mosquitto
from tests.mqtt import peer
from tests.servers import new_gateway_id

INC = (1, 5)
PIN = 17

CONFIG = """
[gateway]
id = "{gateway}"
cell = 3
site = "rsud-contoh"
beat_s = 1.0

[broker]
host = "127.0.0.1"
port = {port}
ca_file = "{ca}"
cert_file = "{cert}"
key_file = "{key}"
keepalive_s = 5

[spool]
path = "spool/spool.sqlite"
telemetry_mb = 2.0
event_mb = 1.0
panic_mb = 1.0

[[simulated]]
name = "cuaca"
kind = "weather"
poll_s = 0.1
values.temperature_c = {{ mean = 28.0, amplitude = 3.0, period_s = 60.0 }}

[[contact]]
name = "tombol-igd"
role = "panic"
pin = 17
"""


class Unsynced(SystemClock):
    """A board without a battery: the hub has to give the time."""

    def discipline(self):
        return Discipline(synced=False)


class Desk:
    """Stands where the hub stands: hears everything, and says what a test wants it to say."""

    def __init__(self, control, telemetry, gateway):
        self.client = control
        self.gateway = gateway
        self.telemetry = telemetry
        telemetry.subscribe(f"siaga/1/+/{gateway}/up/telemetry")
        for leaf in ("up/panic", "up/event", "up/beat", "up/reply", "state"):
            control.subscribe(f"siaga/1/+/{gateway}/{leaf}")

    def say(self, leaf, message):
        self.client.publish(topics.topic(3, self.gateway, leaf), codec.encode(message))

    async def hear(self, leaf, timeout_s=10.0):
        """The next message on a leaf; others are passed over."""
        messages = (self.telemetry if leaf == "up/telemetry" else self.client).messages
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            while not messages.empty():
                topic, payload = messages.get_nowait()
                if topics.parse(topic).leaf == leaf:
                    return payload
            await asyncio.sleep(0.005)
        raise AssertionError(f"nothing came on {leaf}")

    async def frame(self, lane):
        return codec.decode_frame(lane, await self.hear(f"up/{lane}"))

    async def birth(self):
        return codec.decode(State, await self.hear("state"))

    async def greet(self):
        birth = await self.birth()
        assert birth.online
        hello = Hello(inc=INC, hub_ms=time.time_ns() // 10**6, echo_ms=birth.mono_ms, echo_boot=birth.boot)
        self.say("down/hello", hello)

    def receipt(self, frame, lane):
        ranges = ((frame.first, frame.last),)
        self.say("down/receipt", Receipt(inc=INC, epoch=frame.epoch, lane=lane, ranges=ranges))


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory):
    server = Mosquitto(tmp_path_factory.mktemp("broker"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def config(own_broker, tmp_path):
    gateway = new_gateway_id()
    identity = own_broker.enrol(gateway, 3)
    path = tmp_path / "gateway.toml"
    path.write_text(
        CONFIG.format(
            gateway=gateway,
            port=own_broker.port,
            ca=identity.authority,
            cert=identity.certificate,
            key=identity.key,
        )
    )
    return load(path)


@contextlib.contextmanager
def desk_of(broker, gateway):
    control, telemetry = broker.authority.hub("hub"), broker.authority.hub("hub-telemetry")
    with peer(broker, control) as one, peer(broker, telemetry) as other:
        yield Desk(one, other, gateway)


@pytest.fixture
def desk(own_broker, config):
    with desk_of(own_broker, config.gateway.id) as made:
        yield made


@contextlib.asynccontextmanager
async def running(config, i2c=None):
    pins = MockFactory()
    app = EdgeApp(config, clock=Unsynced(), random=Random(3), pins=pins, i2c=i2c)
    task = asyncio.create_task(app.run())
    try:
        yield app, pins
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def asked(folder, order, **arguments):
    """What the gateway that runs answers."""
    answer = await asyncio.to_thread(ask, folder, order, arguments)
    assert answer is not None
    return answer


def press(pins):
    pins.pin(PIN).drive_low()


async def until(so):
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - it is another's state
            await asyncio.sleep(0.01)


@pytest.mark.real
async def test_a_gateway_is_born_gets_its_time_sends_and_settles(config, desk):
    async with running(config) as (app, _):
        await desk.greet()
        frame = await desk.frame("telemetry")
        assert frame.devices[0].device == "cuaca"
        assert abs(frame.base_ms - time.time() * 1000) < 60_000
        desk.receipt(frame, "telemetry")
        await until(lambda: app.spool.floor("telemetry", frame.epoch) > frame.last)
        beats = [codec.decode(Beat, await desk.hear("up/beat")) for _ in range(3)]
        assert beats[-1].clock == "hub"
        assert beats[-1].lanes["telemetry"].next > frame.last


@pytest.mark.real
async def test_who_stands_at_the_box_asks_the_gateway_that_runs(config, desk):
    folder = config.spool.path.parent
    async with running(config):
        await desk.greet()
        await desk.frame("telemetry")
        said = await asked(folder, "read", point="cuaca.temperature_c")
        assert 25 <= said["values"]["temperature_c"]["value"] <= 31
        status = await asked(folder, "status")
        assert (status["connected"], status["reached"], status["trouble"]) == (True, True, "")
        assert status["lanes"]["telemetry"]["waiting"] > 0
        assert {one["device"] for one in status["devices"]} == {"cuaca", "tombol-igd"}
        with pytest.raises(OrderError, match="cuaca"):
            await asked(folder, "read", point="angin")
    assert ask(folder, "status") is None


@pytest.mark.real
async def test_a_press_is_stored_sent_at_once_and_repeated_until_its_receipt(config, desk):
    async with running(config) as (app, pins):
        await desk.greet()
        await desk.frame("telemetry")
        press(pins)
        frame = await desk.frame("panic")
        event = codec.decode_body(bytes(frame.events[0].body))
        assert (event.kind, event.device) == ("panic_press", "tombol-igd")
        again = await desk.frame("panic")
        assert bytes(again.events[0].body) == bytes(frame.events[0].body)
        assert (again.first, again.epoch) == (frame.first, frame.epoch)
        assert app.outputs.shown("tombol-igd").proven.name == "STORED"
        desk.receipt(frame, "panic")
        await until(lambda: app.outputs.shown("tombol-igd").proven.name == "RECEIVED")
        # What was repeated before the receipt came is still on its way; a beat that knows of the receipt is behind it.
        while codec.decode(Beat, await desk.hear("up/beat")).lanes["panic"].floor <= frame.last:
            pass
        with pytest.raises(AssertionError, match="nothing came"):
            await desk.hear("up/panic", timeout_s=3.0)


@pytest.mark.real
async def test_a_supervised_button_presses_and_tells_of_its_cut_cable(config, desk):
    """The loop's thread, the panic task, the spool, the broker: and what the box knows of it afterwards."""
    chip = FakeAds1115()
    loop = FakePanicLoop(chip, 0)
    settings = SupervisedLoop(name="tombol-loket", role="panic", channel=0)
    config = msgspec.structs.replace(config, supervised_loop=(settings,))
    folder = config.spool.path.parent
    async with running(config, lambda _: chip) as (app, _):
        await desk.greet()
        await desk.frame("telemetry")
        loop.press()
        frame = await desk.frame("panic")
        assert codec.decode_body(bytes(frame.events[0].body)).device == "tombol-loket"
        desk.receipt(frame, "panic")
        loop.cut()
        kinds = []
        while "panic_fault" not in kinds:
            events = [codec.decode_body(bytes(each.body)) for each in (await desk.frame("event")).events]
            kinds += [event.kind for event in events]
        assert events[-1].data == {"state": "open"}
        assert app.outputs.shown("tombol-loket").fault
        [press] = (await asked(folder, "presses"))["presses"]
        assert (press["device"], press["received"]) == ("tombol-loket", True)
        assert abs(press["t_ms"] - time.time() * 1000) < 60_000
        with pytest.raises(OrderError, match="no panic button"):
            await asked(folder, "test", device="cuaca")
        sent = await asked(folder, "test", device="tombol-loket")
        while "panic_test" not in kinds:
            events = [codec.decode_body(bytes(each.body)) for each in (await desk.frame("event")).events]
            kinds += [
                event.kind for event in events if event.id == sent["event"] or event.kind != "panic_test"
            ]


@pytest.mark.real
async def test_a_command_from_the_room_is_answered_and_its_replay_refused(config, desk):
    lights = Lights(contact="tombol-igd", stored=22, buzzer=16)
    config = msgspec.structs.replace(config, lights=(lights,))
    async with running(config) as (app, pins):
        await desk.greet()
        await desk.frame("telemetry")

        async def give(name, nonce, **args):
            ends_ms = time.time_ns() // 10**6 + 60_000
            desk.say(
                "down/command",
                Command(nonce=f"{nonce:032x}", name=name, actor="ani", expires_ms=ends_ms, args=args),
            )
            return codec.decode(Reply, await desk.hear("up/reply"))

        said = await give("read", 1, point="cuaca")
        assert 25 <= said.data["values.temperature_c.value"] <= 31
        assert "used" in (await give("read", 1, point="cuaca")).error
        assert (await give("diagnostics", 2)).data["connected"] is True
        assert "no_line" in (await give("restart", 3, device="cuaca")).error
        assert "unknown" in (await give("shell", 4)).error
        assert (await give("identify", 5)).ok
        seen = set()
        while len(seen) < 2:
            seen.add(pins.pin(22).state)
            await asyncio.sleep(0.02)
        assert pins.pin(16).state == 0, "a buzzer is no lamp"
        # A press ends the blinking at once, and its lamp says what is proven.
        press(pins)
        await desk.frame("panic")
        await asyncio.sleep(0.6)
        assert pins.pin(22).state == 1
        assert app.outputs.shown("tombol-igd").proven.name == "STORED"


@pytest.mark.real
async def test_the_will_is_heard_when_the_gateway_dies_and_a_birth_when_it_returns(config, desk):
    async with running(config):
        await desk.greet()
        first = (await desk.frame("telemetry")).epoch
    # An orderly end says nothing; the broker keeps the birth until the next one.
    async with running(config):
        birth = await desk.birth()
        assert birth.online
        desk.say(
            "down/hello",
            Hello(inc=INC, hub_ms=time.time_ns() // 10**6, echo_ms=birth.mono_ms, echo_boot=birth.boot),
        )
        frame = await desk.frame("telemetry")
        assert frame.epoch == first, "the spool goes on where it was"


@pytest.mark.real
async def test_a_card_that_turns_out_damaged_is_set_aside_while_the_gateway_goes_on(config, desk):
    async with running(config) as (app, pins):
        await desk.greet()
        epoch = (await desk.frame("telemetry")).epoch
        whole = app.spool.append_samples
        failed = []

        def damaged(samples):
            if not failed:
                failed.append(1)
                raise CorruptCard("check", "planted")
            return whole(samples)

        app.spool.append_samples = damaged
        for _ in range(100):
            frame = await desk.frame("telemetry")
            if frame.epoch != epoch:
                break
        assert frame.epoch != epoch
        press(pins)
        assert (await desk.frame("panic")).epoch != epoch
        beat = codec.decode(Beat, await desk.hear("up/beat"))
        assert {closed.epoch for closed in beat.closed} >= {epoch}


def moved_to(config, folder, broker, port):
    """The same gateway at another address: its configuration, with a certificate of that broker."""
    identity = broker.enrol(config.gateway.id, 3)
    place = {
        "keepalive_s": 60,
        "port": port,
        "ca_file": str(identity.authority),
        "cert_file": str(identity.certificate),
        "key_file": str(identity.key),
    }
    lines = []
    for line in (folder / "gateway.toml").read_text().splitlines():
        key = line.split(" = ")[0]
        lines.append(f"{key} = {json.dumps(place[key])}" if key in place else line)
    path = folder / "moved.toml"
    path.write_text("\n".join(lines))
    return load(path)


@pytest.mark.real
async def test_the_broker_may_die_and_come_back(config, tmp_path):
    broker = Mosquitto(tmp_path / "mortal")
    broker.start()
    try:
        async with running(moved_to(config, tmp_path, broker, broker.port)) as (_, pins):
            with desk_of(broker, config.gateway.id) as desk:
                await desk.greet()
                await desk.frame("telemetry")
            broker.child.kill()
            press(pins)
            await asyncio.sleep(0.5)
            broker.start()
            with desk_of(broker, config.gateway.id) as desk:
                frame = await desk.frame("panic")
                assert codec.decode_body(bytes(frame.events[0].body)).device == "tombol-igd"
    finally:
        broker.stop()


BLOCK = tuple(
    Sample("panel", "bed_panel", tuple(f"bed_{n:02d}" for n in range(1, 65)), (1,) * 64, (), 0)
    for _ in range(200)
)


@pytest.mark.real
async def test_a_press_leaves_behind_what_a_line_took_before_it_became_slow(own_broker, config, tmp_path):
    """The kernel holds seconds of samples for a line that was fast; a new connection puts the press first."""
    async with FaultProxy(own_broker.port) as proxy:
        with desk_of(own_broker, config.gateway.id) as desk:
            async with running(moved_to(config, tmp_path, own_broker, proxy.port)) as (app, pins):
                await desk.greet()
                await desk.frame("telemetry")
                proxy.throttle(64_000)
                start_ms = app._clock.mono_ms()
                for at in range(40):
                    block = [replace(one, mono_ms=start_ms + 200 * at + n) for n, one in enumerate(BLOCK)]
                    app.card.append_samples(block)
                await asyncio.sleep(1.0)
                began = time.monotonic()
                press(pins)
                await desk.hear("up/panic", timeout_s=25)
                assert time.monotonic() - began < 15


def test_a_missing_file_is_said_and_not_a_crash(tmp_path, capsys):
    assert cli.main(["check", "--config", str(tmp_path / "none.toml")]) == cli.REFUSED
    assert "none.toml" in capsys.readouterr().err


def test_a_mistake_is_said_with_its_line(tmp_path, capsys):
    path = tmp_path / "g.toml"
    path.write_text('[gateway]\nid = "GW"\ncel = 1\n')
    assert cli.main(["run", "--config", str(path)]) == cli.REFUSED
    assert "g.toml:3" in capsys.readouterr().err


@pytest.mark.real
def test_a_certificate_that_is_not_there_is_said_and_not_a_crash(config, tmp_path, capsys):
    text = (tmp_path / "gateway.toml").read_text().replace("cert.pem", "gone.pem")
    (tmp_path / "gateway.toml").write_text(text[: text.index("[[contact]]")])
    assert cli.main(["run", "--config", str(tmp_path / "gateway.toml")]) == cli.REFUSED
    said = capsys.readouterr().err
    assert "gone.pem" in said
    assert "enrolment" in said


def test_what_may_pass_is_worth_a_restart_and_what_is_configured_wrong_is_not(tmp_path, capsys, monkeypatch):
    for error, status in ((CardError("io", "busy"), cli.FAILED), (CorruptCard("check", "bad"), cli.REFUSED)):

        def fails(_, error=error):
            raise error

        monkeypatch.setattr(cli, "load", fails)
        assert cli.main(["run", "--config", str(tmp_path / "any.toml")]) == status
        assert str(error) in capsys.readouterr().err


@pytest.mark.real
def test_a_good_file_is_said_to_be_good(config, tmp_path, capsys):
    assert cli.main(["check", "--config", str(tmp_path / "gateway.toml")]) == 0
    assert config.gateway.id in capsys.readouterr().out


@pytest.mark.real
def test_a_button_without_real_pins_refuses_to_start(config, tmp_path, capsys):
    """This machine has no GPIO; a gateway with a panic button must not pretend."""
    assert cli.main(["run", "--config", str(tmp_path / "gateway.toml")]) == cli.REFUSED
    assert "siaga-edge:" in capsys.readouterr().err


@pytest.mark.real
async def test_a_press_keeps_a_picture_and_the_hub_is_told_of_it(config, desk, tmp_path):
    async with FakeCamera() as fake:
        camera = Camera(name="cctv-lobi", rtsp=fake.rtsp, snapshot=fake.snapshot, on_panic=("tombol-igd",))
        album = SnapshotSettings(folder=tmp_path / "pictures")
        config = msgspec.structs.replace(config, camera=(camera,), snapshots=album)
        async with running(config) as (_, pins):
            await desk.greet()
            await desk.frame("telemetry")
            press(pins)
            pressed = codec.decode_body(bytes((await desk.frame("panic")).events[0].body))
            while True:
                frame = await desk.frame("event")
                desk.receipt(frame, "event")
                told = [codec.decode_body(bytes(one.body)) for one in frame.events]
                if pictures := [one for one in told if one.kind == "camera_snapshot"]:
                    break
        assert pictures[0].data["press"] == pressed.id
        assert (tmp_path / "pictures" / str(pictures[0].data["file"])).read_bytes() == fake.picture


@pytest.mark.real
async def test_a_radio_button_presses_and_its_dead_broker_delays_no_other(config, desk, tmp_path):
    """From the local broker to the hub's; then the local one is killed, and a button at a line rings as before."""
    local = LocalMosquitto(tmp_path)
    local.start()
    settings = LocalBroker(port=local.port, username="siaga-edge", password_file=local.password_file)
    button = Node(name="tombol-taman", id="zigbee2mqtt/taman", model="zigbee2mqtt_button")
    config = msgspec.structs.replace(config, local_broker=settings, node=(button,))
    try:
        async with running(config) as (_, pins):
            await desk.greet()
            await desk.frame("telemetry")
            with Speaker(local.port) as speaker:

                async def say():  # again until the gateway is there; the broker keeps nothing
                    while True:
                        speaker.say("zigbee2mqtt/taman", '{"action":"single","battery":90}')
                        await asyncio.sleep(0.1)

                said = asyncio.create_task(say())
                frame = await desk.frame("panic")
                said.cancel()
            event = codec.decode_body(bytes(frame.events[0].body))
            assert (event.kind, event.device) == ("panic_press", "tombol-taman")
            desk.receipt(frame, "panic")
            local.kill()
            began = time.monotonic()
            press(pins)
            while True:
                frame = await desk.frame("panic")
                if codec.decode_body(bytes(frame.events[-1].body)).device == "tombol-igd":
                    break
            assert time.monotonic() - began < 5.0
    finally:
        local.stop()
