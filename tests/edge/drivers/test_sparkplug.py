"""Sparkplug B edge nodes read as devices: births, aliases, rebirths, deaths, and what was kept for later."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import Quality
from edge.config.nodes import NodeState, NodeValue
from edge.drivers.base import MissedPollError
from edge.drivers.nodes.said import UnreadableError
from edge.drivers.nodes.sparkplug import ASK_AGAIN_MS, SparkplugHost
from edge.drivers.nodes.sparkplug_payload import REBIRTH, decode, value_of
from simulator.devices import sparkplug_node as fake
from simulator.devices.sparkplug_node import DOUBLE, FLOAT, INT16, Metric, SparkplugNode, payload
from tests.edge.drivers.node_bench import Bench, Clock, driver
from tests.suites.driver_suite import DriverSuite

ID = "kota/pompa-1/muka-air"
POST = {"speaks": "sparkplug", "kind": "river_post"}
VALUES = {"level_m": NodeValue(path="Level"), "distance_m": NodeValue(path="Jarak", scale=0.001)}


class RealClock(Clock):
    """Wall time as it is, for the times that a node tells."""

    def now_ms(self):
        return time.time_ns() // 10**6


class Site(Bench):
    """A local broker with an edge node, and the driver of the device behind it."""

    def __init__(self, broker, clock=None, node_id=ID, **more):
        self.clock = clock or RealClock()
        super().__init__(broker, [driver(self.clock, id=node_id, **(more or {**POST, "values": VALUES}))])
        self.edge_node = SparkplugNode(broker.port)
        self.edge_node.values = {"Level": (DOUBLE, 1.5), "Jarak": (INT16, 2500)}

    async def __aenter__(self):
        await super().__aenter__()
        await asyncio.to_thread(self.edge_node.__enter__)
        await self.until(lambda: self.nodes[0]._fresh)
        return self

    async def __aexit__(self, *what):
        await asyncio.to_thread(self.edge_node.__exit__)
        await super().__aexit__(*what)

    async def hears(self, told):
        await self.until(lambda: told in self.taken)


class Rig:
    def __init__(self, site):
        self.site, self.node, self.driver = site, site.edge_node, self
        self._driver, self._silent = site.nodes[0], False
        self.device, self.kind, self.quantities = (
            self._driver.device,
            self._driver.kind,
            self._driver.quantities,
        )

    async def poll(self):
        if not self._silent:
            for name in self.node.values:
                await self.site.hears(self.node.tell(name))
        return await self._driver.poll()

    async def show(self, quantity, value):
        name, kind = {"level_m": ("Level", DOUBLE), "distance_m": ("Jarak", INT16)}[quantity]
        self.node.values[name] = (kind, value)

    async def silence(self, silent):
        self._silent = silent
        if silent:
            await self.site.hears(self.node.device_death())
            if self._driver._fresh:  # what came before its death is a reading still
                await self._driver.poll()
        else:
            self.node.birth()
            await self.site.until(lambda: self._driver._fresh)

    async def rested(self):
        return


@pytest.mark.real
class TestSparkplug(DriverSuite):
    @pytest.fixture
    async def rig(self, local_mosquitto):
        async with Site(local_mosquitto) as site:
            yield Rig(site)


@pytest.mark.real
async def test_a_node_that_was_there_first_is_asked_for_its_birth(local_mosquitto):
    site = Site(local_mosquitto)
    with SparkplugNode(local_mosquitto.port) as node:
        node.values = {"Level": (DOUBLE, 3.25)}
        async with Bench(local_mosquitto, site.nodes) as bench:
            await bench.until(lambda: bench.nodes[0]._fresh)
            assert (await bench.nodes[0].poll()).values["level_m"] == 3.25
            assert node.births == 2


@pytest.mark.real
async def test_a_lost_message_and_an_unknown_alias_ask_for_the_birth(local_mosquitto):
    async with Site(local_mosquitto) as site:
        node = site.edge_node
        births = node.births
        node.skip = 1
        node.values["Level"] = (DOUBLE, 2.75)
        await site.hears(node.tell("Level"))
        await site.until(lambda: node.births == births + 1)
        assert (await site.nodes[0].poll()).values["level_m"] == 2.75, "what came is true all the same"
        site.clock.mono += ASK_AGAIN_MS
        await site.hears(node.stranger())
        await site.until(lambda: node.births == births + 2)


@pytest.mark.real
async def test_a_node_that_vanishes_is_dead_and_an_old_will_kills_nobody(local_mosquitto):
    async with Site(local_mosquitto) as site:
        device = site.nodes[0]
        await device.poll()
        await site.hears(await asyncio.to_thread(site.edge_node.stale_death))
        with pytest.raises(MissedPollError, match="nothing new"):
            await device.poll()
        site.edge_node.speaker.vanish()
        await site.until(lambda: device._there is False)
        with pytest.raises(MissedPollError) as missed:
            await device.poll()
        assert missed.value.reason == "no_answer"


@pytest.mark.real
async def test_what_was_kept_for_later_is_no_value_of_now(local_mosquitto):
    async with Site(local_mosquitto) as site:
        site.clock.mono = 10_000_000
        device, node = site.nodes[0], site.edge_node
        await device.poll()
        node.values["Level"] = (DOUBLE, 9.5)
        t_ms = time.time_ns() // 10**6 - 600_000
        await site.hears(node.tell("Level", t_ms=t_ms, historical=True))
        [reading] = site.past
        assert reading.values == {"level_m": 9.5, "distance_m": None}
        assert reading.quality == {"distance_m": Quality.NO_ANSWER}
        assert site.clock.mono - reading.mono_ms == pytest.approx(600_000, abs=5000)
        with pytest.raises(MissedPollError, match="nothing new"):
            await device.poll()


@pytest.mark.real
async def test_a_button_behind_a_node_presses_once_and_a_rebirth_is_no_press(local_mosquitto):
    state = NodeState(path="Tombol", active=(True,), inactive=(False,))
    site = Site(local_mosquitto, speaks="sparkplug", kind="panic_button", state=state)
    site.edge_node.values = {"Tombol": (fake.BOOLEAN, False)}
    async with site:
        assert site.edges == []
        site.edge_node.values["Tombol"] = (fake.BOOLEAN, True)
        await site.hears(site.edge_node.tell("Tombol"))
        assert [edge.active for edge in site.edges] == [True]
        site.edge_node.birth()
        site.edge_node.values["Tombol"] = (fake.BOOLEAN, False)
        await site.hears(site.edge_node.tell("Tombol"))
        assert [edge.active for edge in site.edges] == [True, False]


# Without a broker: the state table, message by message.

BORN = [Metric("bdSeq", None, fake.UINT64, 7), Metric("Level", 3, FLOAT, 1.5)]


class Talk:
    def __init__(self):
        self.host, self.now_ms = SparkplugHost(frozenset({"kota/pompa-1"})), 1_000_000

    def say(self, kind, metrics=(), seq=None, *, device=None, node="pompa-1"):
        topic = "/".join(["spBv1.0", "kota", kind, node, *([device] if device else [])])
        return self.host.take(topic, payload(list(metrics), seq), self.now_ms, 5)


def test_data_before_a_birth_asks_once_in_a_while():
    talk = Talk()
    heard = talk.say("NDATA", [Metric(None, 3, FLOAT, 2.0)], 9)
    assert heard.said == ()
    topic, asked = heard.ask
    assert topic == "spBv1.0/kota/NCMD/pompa-1"
    [command] = decode(asked).metrics
    assert (command.name, command.raw) == (REBIRTH, True)
    assert talk.say("NDATA", [Metric(None, 3, FLOAT, 2.0)], 10).ask is None
    talk.now_ms += ASK_AGAIN_MS
    assert talk.say("NDATA", [Metric(None, 3, FLOAT, 2.0)], 11).ask is not None
    [(_, said)] = talk.say("NBIRTH", BORN, 0).said
    assert (said.fields["Level"], said.there) == (1.5, True)


def test_numbers_go_round_at_256_and_a_gap_is_seen():
    talk = Talk()
    talk.say("NBIRTH", BORN, 0)
    for seq in [*range(1, 256), 0, 1]:
        assert talk.say("NDATA", [Metric(None, 3, FLOAT, 2.0)], seq).ask is None, seq
    assert talk.say("NDATA", [Metric(None, 3, FLOAT, 2.0)], 1).ask is not None, "the same once more"


def test_a_death_takes_its_devices_with_it_and_another_life_begins_anew():
    talk = Talk()
    talk.say("NBIRTH", BORN, 0)
    talk.say("DBIRTH", [Metric("Suhu", 4, FLOAT, 28.0)], 1, device="d")
    dead = talk.say("NDEATH", [Metric("bdSeq", None, fake.UINT64, 7)])
    assert [(who, said.there) for who, said in dead.said] == [
        ("kota/pompa-1", False),
        ("kota/pompa-1/d", False),
    ]
    assert talk.say("DDATA", [Metric(None, 4, FLOAT, 1.0)], 2, device="d").said == ()
    talk.say("NBIRTH", BORN, 0)
    assert talk.say("DDATA", [Metric(None, 4, FLOAT, 1.0)], 1, device="d").said == (), "its aliases ended too"


@pytest.mark.parametrize(
    ("bits", "datatype", "value"),
    [(0xFF, 1, -1), (0xFFFF_FFFE, 3, -2), (0xFFFF, 2, -1), (2**64 - 1, 4, -1), (127, 1, 127), (255, 5, 255)],
)
def test_negative_numbers_stand_as_twos_complement(bits, datatype, value):
    assert value_of(bits, datatype) == value


def test_other_nodes_and_other_topics_are_nobodys():
    talk = Talk()
    assert talk.say("NBIRTH", BORN, 0, node="lain").said == ()
    for topic in (
        "spBv1.0/STATE/scada",
        "spBv1.0/kota/NBIRTH/pompa-1/x",
        "spBv1.0/kota/DDATA/pompa-1",
        "lain/a/b/c",
    ):
        assert talk.host.take(topic, b"\xff", 0, 0).said == ()
    with pytest.raises(UnreadableError):
        talk.host.take("spBv1.0/kota/NDATA/pompa-1", b"\xff\xff", 0, 0)


KINDS = ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH")


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3), st.integers(0, 2)), max_size=30))
def test_in_any_order_values_come_only_from_who_is_alive(steps):
    talk, node, device = Talk(), False, False
    for kind, seq, alias in steps:
        talk.now_ms += ASK_AGAIN_MS
        metrics = [Metric("m", alias, FLOAT, 1.0)] if "BIRTH" in kind else [Metric(None, alias, FLOAT, 1.0)]
        if kind in ("NBIRTH", "NDEATH"):
            metrics = [Metric("bdSeq", None, fake.UINT64, 7), *metrics][: 1 if kind == "NDEATH" else 2]
        heard = talk.say(
            kind, metrics, None if kind == "NDEATH" else seq, device="d" if kind[0] == "D" else None
        )
        alive = node and (device or kind == "NDATA")
        if kind.endswith("DATA"):
            assert not heard.said or alive
            assert alive or heard.ask, "who is not known is asked"
        node = {"NBIRTH": True, "NDEATH": False}.get(kind, node)
        device = {"NBIRTH": False, "NDEATH": False, "DDEATH": False, "DBIRTH": True}.get(kind, device)
