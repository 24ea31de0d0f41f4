"""Levers of a city that is not there: who holds what, and what follows. The processes are played by objects."""

import asyncio
import signal
from types import SimpleNamespace

import pytest

from edge.errors import EnrolmentRefused
from hub.region.loader import load
from simulator import interference
from simulator.cli import PROFILE
from simulator.interference import STEP_M_S, Interference, Refused
from simulator.processes import ServerFailed

REGION = load(PROFILE)
BUTTON = REGION.buttons["balai-kota-lobi"]
STATION = REGION.stations["bendung-hulu"]


class Part:
    """A process that starts and ends at once and remembers how it was treated."""

    def __init__(self, name, starts=True):
        self.name, self.alive, self.starts, self.said, self.returncode = name, True, starts, [], None

    def start(self):
        self.said.append("start")
        self.alive = self.starts

    def stop(self):
        self.said.append("stop")
        self.alive = False

    def kill(self):
        self.said.append("kill")
        self.alive = False

    def signal(self, number):
        self.said.append(number.name)

    def last_words(self):
        return "its last words"


class Gateway:
    def __init__(self, name):
        self.child, self.pressed = Part(name), []

    async def press(self, device, *, hold_ms):
        if not self.child.alive:
            raise ConnectionRefusedError
        self.pressed.append((device, hold_ms))
        return 1_000_000

    async def answers(self):
        return self.child.alive


class Line:
    def __init__(self):
        self.is_cut = False

    def cut(self):
        self.is_cut = True

    def heal(self):
        self.is_cut = False


class City:
    def __init__(self):
        self.region = REGION
        self.gateways = {name: Gateway(name) for name in REGION.gateways}
        self.proxies = {name: Line() for name in REGION.gateways}
        self.influx, self.broker = (self._server(name) for name in ("influxd", "mosquitto"))
        self.hub = Part("hub")
        self.silent = set()
        self.revoked = []
        self.registrar = SimpleNamespace(revoke=self.revoked.append)
        self.plans = {}
        self.logins = {}
        self.api = SimpleNamespace(base_url="http://127.0.0.1:8080/")

    def _server(self, name):
        child = Part(name)
        return SimpleNamespace(child=child, answers=lambda: child.alive)

    async def enrol(self, gateway):
        if "refused" in self.revoked:
            raise EnrolmentRefused("refused", "no claim")
        self.revoked.remove(gateway)

    async def hub_answers(self):
        return self.hub.alive

    def silence(self, gateway, device, *, silent):
        (self.silent.add if silent else self.silent.discard)((gateway, device))


@pytest.fixture
def city():
    return City()


@pytest.fixture
def pressed():
    return []


@pytest.fixture
def hands(city, pressed):
    return Interference(city, on_press=pressed.append)


async def test_a_press_is_told_and_a_second_one_waits_until_the_button_is_let_go(
    city, hands, pressed, monkeypatch
):
    now_s = 100.0
    monkeypatch.setattr("simulator.interference.time.monotonic", lambda: now_s)
    await hands.press(BUTTON, by="visitor")
    with pytest.raises(Refused, match="still being pressed"):
        await hands.press(BUTTON, by="story")
    now_s += 0.41 + interference.RELEASE_S
    await hands.press(BUTTON, by="story")
    assert [(one.gateway, one.by) for one in pressed] == [
        (BUTTON.gateway, "visitor"),
        (BUTTON.gateway, "story"),
    ]
    assert city.gateways[BUTTON.gateway].pressed == [(BUTTON.device, 400)] * 2
    assert hands.is_visitors(BUTTON.gateway, BUTTON.device)
    assert not hands.is_visitors(BUTTON.gateway, "another")


async def test_a_gateway_whose_trust_is_gone_enrols_again_and_healing_lets_it(city, hands):
    name = BUTTON.gateway
    await hands.enrol(name)
    assert not hands.visited, "it is trusted"
    await hands.revoke(name)
    assert (city.revoked, hands.is_revoked(name), hands.disturbed, hands.calm) == ([name], True, True, False)
    await hands.enrol(name)
    assert (city.revoked, hands.is_revoked(name), hands.disturbed) == ([], False, False)
    assert city.gateways[name].child.alive
    await hands.revoke(name)
    city.revoked.append("refused")
    with pytest.raises(Refused, match="cannot enrol"):
        await hands.enrol(name)
    assert hands.is_revoked(name)
    city.revoked.remove("refused")
    await hands.heal()
    assert not hands.disturbed
    city.registrar = None
    with pytest.raises(Refused, match="never enrolled"):
        await hands.revoke(name)


async def test_nobody_hears_a_button_whose_gateway_has_no_power(hands, pressed):
    await hands.kill(BUTTON.gateway)
    with pytest.raises(Refused, match="no power"):
        await hands.press(BUTTON, by="visitor")
    await hands.start(BUTTON.gateway)
    await hands.press(BUTTON, by="visitor")
    assert len(pressed) == 1
    assert list(hands.powered_off) == [BUTTON.gateway]


async def test_a_gateway_that_does_not_answer_makes_no_press(city, hands, pressed):
    city.gateways[BUTTON.gateway].child.alive = False
    with pytest.raises(Refused, match="does not answer"):
        await hands.press(BUTTON, by="visitor")
    assert pressed == []


def test_a_line_is_whole_again_when_nobody_holds_it_cut(city, hands):
    line = city.proxies["gw-pos-muara"]
    hands.cut("gw-pos-muara", by="story")
    hands.cut("gw-pos-muara", by="visitor")
    hands.restore("gw-pos-muara", by="story")
    assert line.is_cut
    assert hands.is_cut("gw-pos-muara")
    hands.restore("gw-pos-muara", by="visitor")
    assert not line.is_cut
    hands.cut("gw-pos-muara", by="story")
    hands.restore("gw-pos-muara", by="visitor")
    assert not line.is_cut, "a visitor mends what the story has cut"
    assert not hands.is_cut("gw-balai-kota")


def test_a_device_answers_again_when_nobody_holds_it_silent(city, hands):
    device = (STATION.gateway, STATION.device)
    hands.silence(*device, by="visitor")
    hands.silence(*device, by="story")
    hands.answer(*device, by="story")
    assert city.silent == {device}
    hands.answer(*device, by="visitor")
    assert city.silent == set()
    assert not hands.is_silent(*device)


def test_held_water_moves_slowly_stays_and_flows_back(hands, monkeypatch):
    now_s = 0.0
    monkeypatch.setattr("simulator.interference.time.monotonic", lambda: now_s)
    assert hands.level_m(STATION.id, 0.5) == 0.5
    hands.hold(STATION, 2.0)
    now_s = 1.0
    assert hands.level_m(STATION.id, 0.5) == pytest.approx(0.5 + STEP_M_S)
    now_s = 60.0
    assert hands.level_m(STATION.id, 0.5) == hands.held_m(STATION.id) == 2.0
    hands.let_flow(STATION)
    assert hands.held_m(STATION.id) is None
    now_s = 61.0
    assert hands.level_m(STATION.id, 0.5) == pytest.approx(2.0 - STEP_M_S)
    now_s = 90.0
    assert hands.level_m(STATION.id, 0.5) == 0.5
    assert not hands.disturbed
    assert hands.level_m(STATION.id, 3.0) == 3.0, "the story's own water may jump"


async def test_a_part_that_ends_by_itself_is_found_and_one_that_was_stopped_is_not(city, hands):
    await hands.stop("influx")
    await hands.kill("gw-balai-kota")
    assert hands.died() is None
    assert hands.disturbed
    city.gateways["gw-pos-muara"].child.alive = False
    assert hands.died().name == "gw-pos-muara"


async def test_a_frozen_part_goes_on_and_only_a_running_one_can_be_frozen(city, hands):
    hands.freeze("influx")
    assert hands.health("influx") == "frozen"
    with pytest.raises(Refused):
        hands.freeze("influx")
    await hands.start("influx")
    assert city.influx.child.said == [signal.SIGSTOP.name, signal.SIGCONT.name]
    assert hands.health("influx") == "up"


async def test_a_part_that_does_not_start_is_told_and_can_be_tried_again(city, hands):
    await hands.kill("broker")
    city.broker.child.starts = False
    with pytest.raises(ServerFailed, match="does not come back"):
        await hands.start("broker")
    assert hands.health("broker") == "down"
    city.broker.child.starts = True
    await hands.start("broker")
    assert hands.health("broker") == "up"


async def test_two_orders_at_once_make_one_change_at_a_time(city, hands):
    await asyncio.gather(hands.stop("hub"), hands.stop("hub"), hands.start("hub"), hands.start("hub"))
    assert city.hub.said == ["stop", "start"]
    assert hands.health("hub") == "up"


async def test_healing_undoes_everything(city, hands):
    hands.cut("gw-pos-muara", by="story")
    hands.silence(STATION.gateway, STATION.device, by="visitor")
    hands.hold(STATION, 2.0)
    hands.freeze("influx")
    for part in ("broker", "hub", "gw-balai-kota"):
        await hands.kill(part)
    assert hands.disturbed
    await hands.heal()
    assert not hands.disturbed
    assert not any(line.is_cut for line in city.proxies.values())
    assert city.silent == set()
    parts = ("influx", "broker", "hub", *city.gateways)
    assert {hands.health(part) for part in parts} == {"up"}


async def test_only_what_nobody_disturbs_is_measured(hands, pressed, monkeypatch):
    now_s = 1000.0
    monkeypatch.setattr("simulator.interference.time.monotonic", lambda: now_s)
    hands.cut("gw-pos-muara", by="story")
    await hands.press(BUTTON, by="story")
    hands.cut("gw-pos-muara", by="visitor")
    now_s += 5
    await hands.press(BUTTON, by="story")
    hands.restore("gw-pos-muara", by="visitor")
    now_s += interference.CALM_S + 1
    await hands.press(BUTTON, by="story")
    assert [one.calm for one in pressed] == [True, False, True]
