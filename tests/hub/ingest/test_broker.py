"""The one file that knows the MQTT library, against the real broker."""

import asyncio
import time
from collections.abc import Callable
from random import Random

import pytest

from contract import topics
from hub.ingest.broker import Address, Connection, Topics
from provisioning.ca import Authority, Identity
from simulator.servers import Mosquitto
from tests.mqtt import peer
from tests.servers import new_gateway_id

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]

CELL = 5


def address(broker: Mosquitto, identity: Identity, *, ca: str = "") -> Address:
    return Address(
        broker.host,
        broker.port,
        ca or str(identity.authority),
        str(identity.certificate),
        str(identity.key),
        5,
    )


class Ears:
    """What a connection told."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.states: list[str] = []

    def connection(self, where: Address) -> Connection:
        return Connection(
            where,
            "control",
            [
                Topics(pattern, as_published=not pattern.endswith("/state"))
                for pattern in topics.hub_filters(telemetry=False)
            ],
            on_message=lambda *message: self.messages.append(message),
            on_up=lambda: self.states.append("up"),
            on_down=lambda: self.states.append("down"),
            random=Random(1),
        )


async def until(true: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def test_more_answers_than_the_broker_takes_at_once_all_arrive_urgent_ones_first(broker):
    name = new_gateway_id()
    ears = Ears()
    connection = ears.connection(address(broker, broker.hub_control()))
    with peer(broker, broker.enrol(name, CELL)) as gateway:
        gateway.subscribe(topics.gateway_filter(CELL, name))
        task = asyncio.create_task(connection.run())
        await until(lambda: connection.up)
        down = topics.topic(CELL, name, "down/receipt")
        for number in range(1500):
            assert connection.publish(down, b"%d" % number)
        assert connection.waiting > 0
        assert connection.publish(down, b"panic", urgent=True)
        heard = [(await asyncio.to_thread(gateway.messages.get, timeout=10))[1] for _ in range(1501)]
        await stopped(task)

    at = heard.index(b"panic")
    assert at < 200
    del heard[at]
    assert heard == [b"%d" % number for number in range(1500)]
    assert connection.dropped == 0


async def test_what_waits_is_bounded_and_the_oldest_goes(broker, monkeypatch):
    monkeypatch.setattr("hub.ingest.broker.WAITING_AT_MOST", 10)
    ears = Ears()
    connection = ears.connection(address(broker, broker.hub_control()))
    assert not connection.publish("siaga/1/00/abc/down/receipt", b"x")
    task = asyncio.create_task(connection.run())
    await until(lambda: connection.up)
    dropped = connection.dropped
    for _ in range(500):
        connection.publish("siaga/1/00/abc/down/receipt", b"x")
    assert connection.waiting == 10
    assert connection.dropped > dropped
    await stopped(task)


async def test_a_retained_frame_is_seen_for_what_it_is(broker):
    name = new_gateway_id()
    ears = Ears()
    connection = ears.connection(address(broker, broker.hub_control()))
    with peer(broker, broker.enrol(name, CELL)) as gateway:
        task = asyncio.create_task(connection.run())
        await until(lambda: connection.up)
        for leaf, retain in (("up/panic", True), ("up/panic", False), ("state", True)):
            await asyncio.to_thread(gateway.publish, topics.topic(CELL, name, leaf), b"x", retain=retain)
        await until(lambda: len([one for one in ears.messages if name in one[0]]) == 3)
        await stopped(task)
        for leaf in ("up/panic", "state"):
            await asyncio.to_thread(gateway.publish, topics.topic(CELL, name, leaf), b"", retain=True)

    told = [(one[0].rsplit("/", 1)[1], one[2]) for one in ears.messages if name in one[0]]
    assert told == [("panic", True), ("panic", False), ("state", False)]


async def test_a_broker_that_dies_is_found_again_and_each_connection_is_new(tmp_path):
    server = Mosquitto(tmp_path)
    server.start()
    ears = Ears()
    connection = ears.connection(address(server, server.hub_control()))
    task = asyncio.create_task(connection.run())
    try:
        for lives in (1, 2, 3):
            await until(lambda: connection.up)
            assert ears.states == ["up", *["down", "up"] * (lives - 1)]
            await asyncio.to_thread(server.kill)
            await until(lambda: not connection.up)
            await asyncio.to_thread(server.start)
    finally:
        await stopped(task)
        server.stop()
    assert ears.states[-1] == "down"


async def test_a_broker_of_another_authority_is_not_spoken_to(broker, tmp_path, caplog):
    stranger = Authority.create(tmp_path / "other", name="Other")
    ears = Ears()
    connection = ears.connection(address(broker, broker.hub_control(), ca=str(stranger.certificate)))
    task = asyncio.create_task(connection.run())
    await until(lambda: "broker_unreachable" in caplog.text)
    await asyncio.sleep(0.5)
    await stopped(task)

    assert ears.states == []
    assert "certificate verify failed" in caplog.text.lower()
