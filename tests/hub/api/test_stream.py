"""The event stream over a real socket, and the bus behind it."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest

from hub.api.auth import sessions
from hub.api.routes import stream as routes
from hub.bus import MISSED, Bus
from tests.hub.api.conftest import PASSWORD

pytestmark = pytest.mark.timeout(30)


class Events:
    """Reads server-sent events from an answer."""

    def __init__(self, answer):
        self._lines = answer.aiter_lines()

    async def next(self):
        """The next event as {event, data, id}; comments are passed over."""
        found = {}
        async with asyncio.timeout(5):
            async for line in self._lines:
                if not line and "event" in found:
                    found["data"] = json.loads(found["data"])
                    return found
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    found[name] = value
        return None


@pytest.fixture
def listening(hub, server):
    """Open the stream as a user, from after an event seen before."""

    @asynccontextmanager
    async def listen(role="operator", after=None, name="siti"):
        await hub.add_user(name, role)
        async with httpx.AsyncClient(base_url=server, timeout=10) as client:
            login = await client.post("/api/login", json={"name": name, "password": PASSWORD})
            cookie = login.headers["set-cookie"].partition(";")[0]
            headers = {"Cookie": cookie} | ({"Last-Event-ID": after} if after is not None else {})
            async with client.stream("GET", "/api/stream", headers=headers) as answer:
                assert answer.status_code == 200
                assert answer.headers["content-type"].startswith("text/event-stream")
                events = Events(answer)
                hello = await events.next()
                assert hello["event"] == "hello"
                yield events

    return listen


async def test_a_change_is_told_as_it_happens(hub, listening):
    async with listening() as events:
        hub.services.bus.publish("incident", "i1", {"action": "incident.verify"})
        event = await events.next()
    assert (event["event"], event["data"]) == ("incident", {"subject": "i1", "action": "incident.verify"})
    assert event["id"] == f"{routes.LIFE}-1"


async def test_who_comes_back_gets_what_came_since(hub, listening):
    for n in range(1, 6):
        hub.services.bus.publish("alarm", f"a{n}")
    async with listening(after=f"{routes.LIFE}-3") as events:
        assert [(await events.next())["data"]["subject"] for _ in range(2)] == ["a4", "a5"]


@pytest.mark.parametrize("after", ["00000000-3", "nonsense", "", "-1", "LIFE-999", "LIFE-" + "9" * 40, "é"])
async def test_a_last_event_that_we_do_not_know_reads_everything_again_or_starts_anew(hub, listening, after):
    after = after.replace(
        "LIFE", routes.LIFE
    )  # random, so not in the test's name: workers must agree on names
    hub.services.bus.publish("alarm", "a1")
    async with listening(after=after.encode()) as events:
        hub.services.bus.publish("alarm", "a2")
        first = await events.next()
    assert first["event"] == (MISSED if after else "alarm")


async def test_a_viewer_hears_of_the_city_and_not_of_the_equipment(hub, listening):
    async with listening("viewer") as events:
        hub.services.bus.publish("notice", "n1")
        hub.services.bus.publish("incident", "i1")
        assert (await events.next())["event"] == "incident"
    async with listening("technician", name="budi") as events:
        hub.services.bus.publish("notice", "n1")
        assert (await events.next())["event"] == "notice"


async def test_a_stream_ends_with_its_session(hub, listening, monkeypatch):
    monkeypatch.setattr(routes, "CHECK_S", 0.05)
    async with listening() as events:
        await hub.write(lambda conn: sessions.end_all(conn, "siti"))
        assert await events.next() is None


async def test_a_busy_stream_ends_with_its_session_too(hub, listening, monkeypatch):
    monkeypatch.setattr(routes, "CHECK_S", 0.05)
    async with listening() as events:
        await hub.write(lambda conn: sessions.end_all(conn, "siti"))

        async def chatter():
            while True:
                hub.services.bus.publish("alarm", "a")
                await asyncio.sleep(0.002)

        task = asyncio.create_task(chatter())
        async with asyncio.timeout(5):
            while await events.next() is not None:
                pass
        task.cancel()


async def test_who_goes_is_forgotten(hub, listening):
    async with listening():
        assert hub.services.bus.listeners == 1
    async with asyncio.timeout(5):
        while hub.services.bus.listeners:
            hub.services.bus.publish("alarm", "a")
            await asyncio.sleep(0.01)


async def test_a_stream_too_many_is_refused(hub, monkeypatch):
    monkeypatch.setattr(routes, "MOST_STREAMS", 0)
    async with hub.login("siti", "operator") as siti:
        assert (await siti.get("/api/stream")).status_code == 429


async def test_one_user_takes_not_all_the_streams(hub, listening, monkeypatch):
    monkeypatch.setattr(routes, "MOST_OF_ONE", 1)
    async with listening(), hub.login("siti") as siti:
        for path in ("/api/stream", "/live"):
            assert (await siti.get(path)).status_code == 429
        async with listening(name="budi"):
            assert hub.services.bus.listeners == 2


@pytest.mark.parametrize("role", ["agency"])
async def test_a_stream_is_not_for_everyone(hub, role):
    async with hub.login("siti", role) as siti, hub.client() as stranger:
        assert (await siti.get("/api/stream")).status_code == 403
        assert (await stranger.get("/api/stream")).status_code == 401


# The bus itself


async def taken(subscription, count):
    async with asyncio.timeout(10):
        return [await anext(subscription) for _ in range(count)]


async def test_a_slow_listener_is_told_that_it_missed_something_and_holds_nobody_up():
    bus = Bus(size=4)
    async with bus.subscribe() as slow, bus.subscribe() as quick:
        for n in range(10):
            bus.publish("alarm", str(n))
            assert (await taken(quick, 1))[0].subject == str(n)
        found = [update.topic for update in await taken(slow, 2)]
        assert found[0] == MISSED
        assert bus.listeners == 2
    assert bus.listeners == 0


async def test_a_listener_of_some_topics_hears_only_those():
    bus = Bus()
    async with bus.subscribe(topics=frozenset({"alarm"})) as updates:
        bus.publish("notice", "n")
        bus.publish("alarm", "a")
        assert (await taken(updates, 1))[0].subject == "a"


@pytest.mark.parametrize(("after", "expected"), [(7, ["8", "9", "10"]), (10, []), (2, [""]), (11, [""])])
async def test_what_came_since_if_it_is_still_known(after, expected):
    bus = Bus(remembered=5)
    for n in range(1, 11):
        bus.publish("alarm", str(n))
    async with bus.subscribe(after=after) as updates:
        assert [update.subject for update in await taken(updates, len(expected))] == expected
        bus.publish("alarm", "next")
        assert (await taken(updates, 1))[0].subject == "next"
