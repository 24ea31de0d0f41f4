"""Nodes of six networks at a real local broker: the contract of all drivers, presses, and what is no press."""

from __future__ import annotations

import asyncio
import contextlib
import time
from random import Random
from types import SimpleNamespace

import pytest

from contract.kinds import Quality
from edge.clock import Discipline
from edge.config.nodes import LocalBroker, NodePress, NodeState, NodeValue
from edge.drivers import local_broker
from edge.drivers.base import MissedPollError
from edge.drivers.local_broker import LocalBrokerClient, Nodes
from edge.drivers.nodes.node import AWAY_MS
from simulator.devices import nodes as fakes
from simulator.devices.local_broker import LocalMosquitto, Speaker
from tests.edge.drivers.node_bench import MODELS, Bench, Clock, driver
from tests.suites.driver_suite import DriverSuite


def at(temperature: str, humidity: str) -> dict[str, NodeValue]:
    return {"temperature_c": NodeValue(path=temperature), "humidity_pct": NodeValue(path=humidity)}


NETWORKS = {
    "chirpstack": (
        fakes.FakeChirpStack,
        {"speaks": "chirpstack", "kind": "weather", "values": at("object.temp", "object.hum")},
        {"model": "chirpstack_button"},
    ),
    "zigbee2mqtt": (
        fakes.FakeZigbee,
        {"model": "zigbee2mqtt_climate"},
        {"model": "zigbee2mqtt_button"},
    ),
    "tasmota": (fakes.FakeTasmota, {"model": "tasmota_climate"}, {"model": "tasmota_button"}),
    "esphome": (
        fakes.FakeEspHome,
        {"speaks": "esphome", "kind": "weather", "values": at("sensor.temperature", "sensor.humidity")},
        {"model": "esphome_button"},
    ),
    "rtl_433": (
        fakes.FakeRtl433,
        {"model": "rtl_433_weather"},
        {
            "speaks": "rtl_433",
            "kind": "panic_button",
            "press": NodePress(path="cmd", values=(4,), quiet_ms=3000),
        },
    ),
    "shelly": (
        fakes.FakeShelly,
        {"speaks": "shelly", "kind": "weather", "values": at("temperature:0.tC", "humidity:0.rh")},
        {"model": "shelly_button"},
    ),
}


class Rig:
    """A node that tells what it measures whenever it is to be polled: one that speaks by itself cannot be asked."""

    def __init__(self, bench, fake, clock):
        self._bench, self._fake, self.clock = bench, fake, clock
        self._shown, self._silent = [20.0, 50.0], False
        self.node = bench.nodes[0]
        self.driver = self
        self.device, self.kind, self.quantities = self.node.device, self.node.kind, self.node.quantities

    async def poll(self):
        if not self._silent:
            await self._bench.say(self._fake.measures(*self._shown))
        return await self.node.poll()

    async def show(self, quantity, value):
        self._shown[quantity == "humidity_pct"] = value

    async def silence(self, silent):
        self._silent = silent
        told = self._fake.there(not silent)
        await self._bench.say(told)
        if silent and not told:
            self.clock.mono += 100_000_000

    async def rested(self):
        return


@pytest.mark.real
class TestNodes(DriverSuite):
    shown = "temperature_c"
    unsaid = "humidity_pct"

    @pytest.fixture(params=NETWORKS)
    async def rig(self, request, local_mosquitto):
        make, measuring, _ = NETWORKS[request.param]
        fake, clock = make(), Clock()
        async with Bench(local_mosquitto, [driver(clock, id=fake.id, **measuring)]) as bench:
            yield Rig(bench, fake, clock)
            await bench.say(fake.there(True))


@pytest.mark.real
@pytest.mark.parametrize("network", NETWORKS)
async def test_a_press_is_one_press_however_often_its_network_says_it(local_mosquitto, network):
    make, _, pressed = NETWORKS[network]
    fake, clock = make(), Clock()
    button = driver(clock, "tombol", id=getattr(fake, "code", fake.id), **pressed)
    async with Bench(local_mosquitto, [button]) as bench:
        await bench.say(fake.press())
        presses = [edge for edge in bench.edges if edge.active]
        assert [(edge.device, edge.role) for edge in presses] == [("tombol", "panic")]
        assert presses[0].mono_ms == clock.mono
        clock.mono += 10_000
        await bench.say(fake.press())
        assert len([edge for edge in bench.edges if edge.active]) == 2
        await button.poll()


RETAINED = {
    "zigbee2mqtt_button": ("zigbee2mqtt/lama", '{"action":"single","battery":80}'),
    "tasmota_button": ("stat/lama/RESULT", '{"Button1":{"Action":"SINGLE"}}'),
    "esphome_button": ("lama/binary_sensor/button/state", "ON"),
    "shelly_button1": ("shellies/lama/input_event/0", '{"event":"S","event_cnt":3}'),
}


@pytest.mark.real
@pytest.mark.parametrize("model", RETAINED)
async def test_what_the_broker_has_kept_is_no_press_and_no_reading(local_mosquitto, model):
    topic, payload = RETAINED[model]
    node = {"tasmota_button": "lama", "esphome_button": "lama"}.get(
        model, topic.removesuffix("/input_event/0")
    )
    with Speaker(local_mosquitto.port) as speaker:
        await asyncio.to_thread(speaker.say, topic, payload, retain=True)
        button = driver(Clock(), "tombol", id=node, model=model)
        async with Bench(local_mosquitto, [button]) as bench:
            await bench.until(lambda: (topic, payload.encode()) in bench.kept)
            assert bench.edges == []
            with pytest.raises(MissedPollError, match="nothing new"):
                await button.poll()
            # The same words, said now, are a press.
            await bench.say([(topic, payload, False)])
            assert len(bench.edges) == 1
        await asyncio.to_thread(speaker.say, topic, b"", retain=True)


@pytest.mark.real
async def test_a_press_while_the_gateway_starts_anew_is_heard_afterwards(local_mosquitto):
    fake, clock = fakes.FakeZigbee(), Clock()
    async with Bench(local_mosquitto, [driver(clock, id=fake.id, model="zigbee2mqtt_button")]) as bench:
        await bench.stop()
        topic, payload, _ = fake.press()[0]
        await asyncio.to_thread(bench.speaker.say, topic, payload)
        assert bench.edges == []
        bench._start()
        await bench.until(lambda: bench.edges)
    assert [edge.active for edge in bench.edges] == [True]


@pytest.mark.real
async def test_a_broker_that_dies_is_told_and_heard_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(local_broker, "PAUSE_S", (0.01, 0.05))
    server = LocalMosquitto(tmp_path)
    server.start()
    fake, clock = fakes.FakeTasmota(), Clock()
    node = driver(clock, id=fake.id, model="tasmota_climate")
    try:
        async with Bench(server, [node]) as bench:
            await bench.say(fake.measures(21.0, 60.0))
            assert (await node.poll()).values["temperature_c"] == 21.0
            server.kill()
            await bench.until(lambda: not bench.connected)
            with pytest.raises(MissedPollError) as missed:
                await node.poll()
            assert missed.value.reason == "resting", "a broker that starts anew is no news"
            clock.mono += AWAY_MS + 1
            with pytest.raises(MissedPollError) as missed:
                await node.poll()
            assert missed.value.reason == "bus_down"
            await asyncio.sleep(0.1)
            server.start()
            await bench.until(lambda: bench.connected)
            with Speaker(server.port) as speaker:
                bench.speaker.__exit__(None, None, None)
                bench.speaker = speaker
                await bench.say(fake.measures(22.0, 60.0))
            assert (await node.poll()).values["temperature_c"] == 22.0
    finally:
        server.stop()
    assert caplog.text.count("local_broker_down") <= 2


@pytest.mark.real
async def test_a_wrong_password_is_refused_and_tells_so(local_mosquitto, tmp_path, caplog):
    (tmp_path / "wrong").write_text("salah")
    settings = LocalBroker(port=local_mosquitto.port, username="siaga-edge", password_file=tmp_path / "wrong")
    client = LocalBrokerClient(settings, Nodes([], clock=Clock()), gateway="gw-salah", random=Random(1))
    task = asyncio.create_task(client.run(lambda _: None, lambda _: None))
    async with asyncio.timeout(10):
        while "local_broker_down" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    assert "uthori" in caplog.text


# Without a broker: what messages mean.


def heard(node, topic, payload, *, retained=False):
    edges = []
    room = Nodes([node], clock=node._clock, on_edge=edges.append)
    room.take(topic, payload if isinstance(payload, bytes) else payload.encode(), retained=retained)
    return edges


async def test_what_a_node_driver_does_not_foresee_ends_nothing(caplog):
    def unforeseen(*_, **__):
        raise OverflowError("int too large to convert to float")

    room = Nodes([], clock=Clock())
    room.take = unforeseen  # type: ignore[method-assign]
    client = LocalBrokerClient(LocalBroker(), room, gateway="gw-uji", random=Random(1))
    message = SimpleNamespace(topic=SimpleNamespace(value="n"), payload=b"{}", retain=False)
    assert not client._heard(message)
    assert "node_failed topic='n'" in caplog.text


async def test_an_old_uplink_is_told_with_its_own_time():
    fake, clock = fakes.FakeChirpStack(), Clock()
    clock.now_ms = lambda: time.time_ns() // 10**6  # type: ignore[method-assign]
    button = driver(clock, id=fake.id, model="chirpstack_button")
    topic, payload, _ = fake.uplink({"pressed": True}, age_s=300)
    [edge] = heard(button, topic, payload)
    assert clock.mono - edge.mono_ms == pytest.approx(300_000, abs=5000)
    clock.discipline = lambda: Discipline(synced=False)  # type: ignore[method-assign]
    topic, payload, _ = fake.uplink({"pressed": True}, age_s=300)
    [edge] = heard(button, topic, payload)
    assert edge.mono_ms == clock.mono, "a wrong clock judges nothing"


async def test_presses_of_a_clock_that_was_set_back_are_presses():
    """Each is told by its own time, and none is taken for the one before it."""
    fake, clock = fakes.FakeChirpStack(), Clock()
    clock.now_ms = lambda: time.time_ns() // 10**6  # type: ignore[method-assign]
    clock.mono = 3_600_000
    button = driver(clock, id=fake.id, model="chirpstack_button")
    told = []
    for age_s in (0, 300, 300, 60):
        clock.mono += 60_000
        told += heard(button, *fake.uplink({"pressed": True}, age_s=age_s)[:2])
    assert len(told) == 4


async def test_presses_of_a_node_without_a_clock_are_presses_of_now():
    fake, clock = fakes.FakeChirpStack(), Clock()
    clock.now_ms = lambda: time.time_ns() // 10**6  # type: ignore[method-assign]
    button = driver(clock, id=fake.id, model="chirpstack_button")
    since_1970_s = time.time()
    for _ in range(2):
        clock.mono += 60_000
        [edge] = heard(button, *fake.uplink({"pressed": True}, age_s=since_1970_s)[:2])
        assert edge.mono_ms == clock.mono


async def test_signal_and_battery_of_a_lorawan_button():
    fake, clock = fakes.FakeChirpStack(), Clock()
    button = driver(clock, id=fake.id, model="chirpstack_button")
    topic, payload, _ = fake.uplink({"pressed": False})
    assert heard(button, topic, payload) == []
    heard(button, *fake.battery(98.4)[:2])
    reading = await button.poll()
    assert reading.values == {"pressed": 0, "battery_pct": 98.4, "signal_db": -97.0}


async def test_a_door_tells_its_changes_and_a_bed_is_never_free_by_silence():
    clock = Clock()
    door = driver(clock, "pintu", id="zigbee2mqtt/pintu", model="zigbee2mqtt_contact")
    told = [
        heard(door, "zigbee2mqtt/pintu", f'{{"contact": {word}}}')
        for word in ("true", "false", "false", "true")
    ]
    assert [[edge.active for edge in edges] for edges in told] == [[], [True], [], [False]]
    mat = driver(clock, "alas", id="ranjang-3", model="esphome_mat")
    mat.connected(True)
    [edge] = heard(mat, "ranjang-3/binary_sensor/mat/state", "ON")
    assert (edge.role, edge.active, edge.initial) == ("bed_mat", True, True)
    assert (await mat.poll()).values == {"occupied": 1}
    heard(mat, "ranjang-3/status", "offline")
    with pytest.raises(MissedPollError, match="offline"):
        await mat.poll()
    # Back again, and somebody may have got up meanwhile: it is found free, and tells no change that nobody saw.
    heard(mat, "ranjang-3/status", "online")
    assert heard(mat, "ranjang-3/binary_sensor/mat/state", "OFF") == []
    assert (await mat.poll()).values == {"occupied": 0}


async def test_a_node_that_is_never_heard_goes_down_after_its_silence():
    clock = Clock()
    node = driver(clock, id="zigbee2mqtt/x", model="zigbee2mqtt_climate")
    node.connected(True)
    with pytest.raises(MissedPollError) as missed:
        await node.poll()
    assert missed.value.reason == "resting"
    clock.mono += 7_200_001
    with pytest.raises(MissedPollError) as missed:
        await node.poll()
    assert missed.value.reason == "no_answer"
    heard(node, "zigbee2mqtt/x/availability", '{"state":"online"}', retained=True)
    with pytest.raises(MissedPollError) as missed:
        await node.poll()
    assert missed.value.reason == "resting", "its network says that it is there"


@pytest.mark.parametrize(
    ("settings", "topic", "payloads"),
    [
        (
            {"model": "zigbee2mqtt_button"},
            "n",
            [b"\xff", b"[]", b'{"action":', b"{}", b'{"action": ["single"]}'],
        ),
        ({"model": "zigbee2mqtt_button"}, "n/availability", [b"maybe", b'{"state":1}', b"\xfe"]),
        ({"model": "tasmota_button"}, "stat/n/RESULT", [b'{"Button1":"ON"}', b"SINGLE", b"{" * 5000]),
        ({"model": "tasmota_button"}, "tele/n/LWT", [b"", b"Perhaps"]),
        ({"model": "esphome_button"}, "n/binary_sensor/button/state", [b"MAYBE", b"\xff\xff", b"on"]),
        (
            {"model": "shelly_button"},
            "n/events/rpc",
            [b"{}", b'{"method":"NotifyEvent","params":{"events":7}}', b'{"params":[]}'],
        ),
        ({"model": "shelly_button1"}, "n/input_event/0", [b"S", b'{"event":7}', b"{"]),
        (
            {"model": "chirpstack_button"},
            "application/1/device/n/event/up",
            [
                *(b'{"object":{"pressed":"yes"}}', b"x", b'{"rxInfo":{"rssi":3}}'),
                b'{"rxInfo":[{"rssi":-1%s}]}' % (b"0" * 400),
                b'{"rxInfo":[{"rssi":-90,"snr":1%s}]}' % (b"0" * 400),
            ],
        ),
        (
            {"speaks": "rtl_433", "kind": "weather", "values": at("t", "h")},
            "rtl_433/h/events",
            [b"[]", b'{"model":1}'],
        ),
    ],
)
async def test_garbage_presses_nothing_and_is_told_once(settings, topic, payloads, caplog):
    node = driver(Clock(), id="n", **settings)
    for payload in [*payloads, *payloads]:
        assert heard(node, topic, payload) == []
    room = Nodes([node], clock=node._clock)
    for payload in payloads:
        caplog.clear()
        for _ in range(3):
            room.take(topic, payload, retained=False)
        assert caplog.text.count("node_unreadable") <= 1
    with contextlib.suppress(MissedPollError):
        assert set((await node.poll()).quality.values()) <= {Quality.INVALID, Quality.NO_ANSWER}


def test_every_shipped_model_loads_and_reads_something():
    assert len(MODELS.names) >= 10
    for name in MODELS.names:
        model = MODELS.load(name)
        assert model.quantities
        assert model.sources


def test_a_press_of_another_word_is_none():
    button = driver(Clock(), id="n", model="zigbee2mqtt_button")
    assert heard(button, "n", '{"action": "release"}') == []
    assert len(heard(button, "n", '{"action": "hold"}')) == 1
    state = NodeState(path="p", active=(1,), inactive=(0,))
    typed = driver(Clock(), id="n", speaks="zigbee2mqtt", kind="panic_button", state=state)
    assert heard(typed, "n", '{"p": true}') == [], "1 is no True"
    assert len(heard(typed, "n", '{"p": 1}')) == 1
