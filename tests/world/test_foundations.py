"""The world's time, network and InfluxDB, each with what it must and must not do."""

import asyncio
from random import Random

import httpx
import pytest

from simulator.world.influx import FakeInflux
from simulator.world.loop import Stalled, WorldLoop
from simulator.world.network import Broker, Filter, Link, Weather, Will


@pytest.fixture
def world():
    loop = WorldLoop()
    yield loop
    loop.close()


def _connect(broker, name, pattern, *, link=None, will=None, as_published=False):
    heard, pubacks, lost = [], [], []
    connection = broker.connect(
        name,
        link or Link(name),
        [Filter(pattern, as_published)],
        on_message=lambda topic, payload, retained: heard.append((topic, payload, retained)),
        on_puback=pubacks.append,
        on_lost=lambda: lost.append(broker.loop.time()),
        will=will,
    )
    return connection, heard, pubacks, lost


def test_time_jumps_and_threads_are_run_at_once(world):
    async def main():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            group.create_task(asyncio.sleep(7200))
        assert await asyncio.to_thread(lambda: 7) == 7
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await world.create_future()

    world.run_until_complete(main())
    assert world.time() == 7205.0


def test_a_loop_where_everybody_waits_says_so(world):
    async def main():
        await world.create_future()

    with pytest.raises(Stalled):
        world.run_until_complete(main())


def test_messages_keep_their_order_unless_told_otherwise(world):
    broker = Broker(world, Random(1))
    link = Link("a", weather=Weather(delay_s=(0.0, 2.0)))
    sender, *_ = _connect(broker, "a", "none", link=link)
    _, heard, *_ = _connect(broker, "b", "t/#")

    def send():
        for n in range(50):
            sender.publish(f"t/{n}", b"x")

    send()
    world.run_until_complete(asyncio.sleep(10))
    assert [topic for topic, *_ in heard] == [f"t/{n}" for n in range(50)]
    heard.clear()
    link.weather.reorder = 0.5
    send()
    world.run_until_complete(asyncio.sleep(10))
    assert sorted(heard) == sorted((f"t/{n}", b"x", False) for n in range(50))
    assert [topic for topic, *_ in heard] != [f"t/{n}" for n in range(50)]


def test_drop_is_acknowledged_and_lost_and_duplicate_comes_twice(world):
    broker = Broker(world, Random(2))
    link = Link("a", weather=Weather(drop=0.5))
    sender, _, pubacks, _ = _connect(broker, "a", "none", link=link)
    _, heard, *_ = _connect(broker, "b", "t")
    for _ in range(100):
        sender.publish("t", b"x")
    world.run_until_complete(asyncio.sleep(10))
    assert len(pubacks) == 100
    assert 20 < len(heard) < 80
    heard.clear()
    link.weather = Weather(duplicate=0.5)
    for _ in range(100):
        sender.publish("t", b"xxxxxx")
    world.run_until_complete(asyncio.sleep(10))
    assert 120 < len(heard) < 180


def test_a_cut_link_loses_what_is_on_the_way_and_both_sides_notice(world):
    broker = Broker(world, Random(3))
    link = Link("a")
    sender, _, pubacks, lost = _connect(broker, "a", "none", link=link, will=Will("w", b"gone"))
    _, heard, *_ = _connect(broker, "b", "#")
    sender.publish("t", b"x")
    broker.cut(link)
    assert broker.connect("c", link, [], on_message=print, on_puback=print, on_lost=print) is None
    world.run_until_complete(asyncio.sleep(40))
    assert pubacks == []
    assert len(lost) == 1
    assert heard == [("w", b"gone", False)]


def test_a_broker_without_memory_forgets_and_an_older_session_of_a_client_ends(world):
    broker = Broker(world, Random(4))
    _, _, _, lost = _connect(broker, "a", "x")
    _connect(broker, "a", "x")
    broker.route("state", b"1", retain=True)
    _, heard, *_ = _connect(broker, "b", "state")
    _, fresh, *_ = _connect(broker, "c", "flag", as_published=True)
    broker.route("flag", b"2", retain=True)
    world.run_until_complete(asyncio.sleep(1))
    assert len(lost) == 1
    assert heard == [("state", b"1", True)]
    assert fresh == [("flag", b"2", True)]
    broker.crash()
    broker.start()
    _, after, *_ = _connect(broker, "b", "#")
    world.run_until_complete(asyncio.sleep(1))
    assert after == []


@pytest.mark.parametrize(
    ("mood", "answer", "stored"),
    [
        ("well", 204, 1),
        ("unavailable", 503, 0),
        ("refuses", httpx.ConnectError, 0),
        ("hangs", httpx.ReadTimeout, 0),
        ("lies", (500, httpx.ReadError), 1),
        ("forgot", 404, 0),
    ],
)
def test_influx_answers_as_its_mood_is(world, mood, answer, stored):
    points = []
    server = FakeInflux(Random(5), on_point=lambda *point: points.append(point))

    async def main():
        async with httpx.AsyncClient(base_url="http://influx", transport=server) as client:
            await client.post("/query", data={"q": 'CREATE DATABASE "siaga"'})
            server.mood = mood
            try:
                return (
                    await client.post("/write", params={"db": "siaga"}, content=b"k,g=a v=1i 5")
                ).status_code
            except httpx.HTTPError as error:
                return type(error)

    got = world.run_until_complete(main())
    assert got in (answer if isinstance(answer, tuple) else (answer,))
    assert len(points) == stored


def test_influx_keeps_the_neighbours_of_a_poison_line_and_loses_only_it(world):
    points = []
    server = FakeInflux(Random(6), on_point=lambda *point: points.append(point))
    server.databases.add("siaga")
    server.poison = b"bad"

    async def main():
        async with httpx.AsyncClient(base_url="http://influx", transport=server) as client:
            body = b"k,g=a v=1i 5\nk,g=bad v=1i 6\nnonsense\nk,g=a v=2i 7"
            return await client.post("/write", params={"db": "siaga"}, content=body)

    assert world.run_until_complete(main()).status_code == 400
    assert [stamp for _, stamp, _ in points] == [5, 7]
