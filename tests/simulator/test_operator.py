from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from simulator.operator import ALARM_S, PATIENCE_S, Operator


class Hub:
    """An API with two incidents and two alarms that answers as the hub does."""

    def __init__(self):
        self.done = []
        self.incidents: dict[str, dict[str, Any]] = {
            "a": {"id": "a", "state": "unverified", "version": 1, "gateway": "rs", "device": "igd"},
            "b": {"id": "b", "state": "unverified", "version": 1, "gateway": "toko", "device": "kasir"},
        }
        for one in self.incidents.values():
            one |= {"acknowledged_ms": None, "acknowledged_by": None, "claimed_by": None, "presses": 1}
        self.alarms: list[dict[str, Any]] = []
        self.busy = False
        self.taken = False
        self.watch: list[tuple[str, dict[str, str]]] = []
        self.session = True
        self.password_changed = False
        self.logins = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if not self.session:
            return httpx.Response(401)
        if request.method == "GET" and request.url.path == "/api/alarms":
            return httpx.Response(200, json={"alarms": self.alarms})
        if request.method == "GET":
            found = [one for one in self.incidents.values() if one["state"] not in ("done", "false_alarm")]
            return httpx.Response(200, json={"incidents": found})
        if request.url.path.startswith("/shift/"):
            self.watch.append((request.url.path, dict(parse_qsl(request.content.decode()))))
            return httpx.Response(409 if self.taken and request.url.path == "/shift/take" else 303)
        if self.busy:
            return httpx.Response(409)
        _, _, kind, name, action = request.url.path.split("/")
        self.done.append((name, action))
        if kind == "alarms":
            self.alarms = [one for one in self.alarms if str(one["id"]) != name]
            return httpx.Response(200, json={"state": "acknowledged"})
        one = self.incidents[name]
        if action == "acknowledge":
            one |= {"acknowledged_ms": 1, "acknowledged_by": "simulasi"}
        else:
            one["version"] += 1
            one["state"] = {
                "verify": "verified",
                "assign": "assigned",
                "accept": "accepted",
                "depart": "en_route",
                "arrive": "on_scene",
                "finish": "done",
                "mark-false": "false_alarm",
            }[action]
        return httpx.Response(200, json={"version": one["version"]})


@pytest.fixture
async def at_work():
    """An operator at that hub, and a function that lets so many seconds pass."""
    hub, visitors = Hub(), set()
    client = httpx.AsyncClient(transport=httpx.MockTransport(hub.answer), base_url="http://hub")

    async def log_in():
        hub.logins += 1
        if hub.password_changed:
            raise httpx.HTTPStatusError(
                "no", request=httpx.Request("POST", "/"), response=httpx.Response(401)
            )
        hub.session = True

    operator = Operator(
        client,
        name="simulasi",
        log_in=log_in,
        is_true=lambda gateway, _: gateway == "rs",
        is_visitors=lambda gateway, device: (gateway, device) in visitors,
        agency="psc",
        think_s=5,
    )

    async def work(from_s, to_s):
        for now_s in range(from_s, to_s):
            await operator.step(now_s)

    yield hub, visitors, work, operator
    await client.aclose()


async def test_a_true_press_is_worked_through_and_a_false_one_is_marked(at_work):
    hub, _, work, _ = at_work
    await work(0, 60)
    assert [action for name, action in hub.done if name == "a"] == [
        "acknowledge",
        "verify",
        "assign",
        "accept",
        "depart",
        "arrive",
        "finish",
    ]
    assert [action for name, action in hub.done if name == "b"] == ["acknowledge", "mark-false"]


async def test_nothing_is_done_before_there_was_time_to_ring_back(at_work):
    hub, _, work, _ = at_work
    await work(0, 5)
    assert hub.done == []


async def test_an_incident_that_somebody_else_changed_is_looked_at_again(at_work):
    hub, _, work, _ = at_work
    hub.busy = True
    await work(0, 12)
    hub.busy = False
    await work(12, 24)
    assert ("a", "acknowledge") in hub.done


async def test_what_a_person_has_claimed_is_left_alone_until_it_has_lain_still(at_work):
    hub, _, work, _ = at_work
    hub.incidents["a"] |= {"acknowledged_ms": 1, "acknowledged_by": "pengendali"}
    await work(0, int(PATIENCE_S))
    assert [name for name, _ in hub.done if name == "a"] == []
    hub.incidents["a"] |= {"claimed_by": "pengendali", "version": 2}
    await work(int(PATIENCE_S), int(2 * PATIENCE_S))
    assert [name for name, _ in hub.done if name == "a"] == []
    await work(int(2 * PATIENCE_S), int(2 * PATIENCE_S) + 5)
    assert [action for name, action in hub.done if name == "a"] == ["verify"]


async def test_a_visitors_press_waits_for_the_visitor(at_work):
    hub, visitors, work, _ = at_work
    visitors.add(("toko", "kasir"))
    await work(0, int(PATIENCE_S))
    assert [name for name, _ in hub.done if name == "b"] == []
    await work(int(PATIENCE_S), int(PATIENCE_S) + 2)
    assert [action for name, action in hub.done if name == "b"] == ["acknowledge"]


async def test_a_state_that_no_story_knows_stops_nobody(at_work):
    hub, _, work, _ = at_work
    hub.incidents["a"]["state"] = "something new"
    await work(0, 30)
    assert ("b", "mark-false") in hub.done
    assert [action for name, action in hub.done if name == "a"] == ["acknowledge"]


async def test_alarms_are_seen_after_a_while_and_those_of_presses_with_their_incident(at_work):
    hub, _, work, _ = at_work
    hub.incidents = {}
    common = {"severity": 1, "count": 1}
    hub.alarms = [
        {"id": 1, "state": "returned", "condition": "level", **common},
        {"id": 2, "state": "unacknowledged", "condition": "panic", **common},
        {"id": 3, "state": "acknowledged", "condition": "silent", **common},
    ]
    await work(0, int(ALARM_S))
    assert hub.done == []
    await work(int(ALARM_S), int(ALARM_S) + 10)
    assert hub.done == [("1", "acknowledge")]


async def test_what_is_closed_is_forgotten(at_work):
    hub, _, work, operator = at_work
    await work(0, 3)
    assert len(operator._since_s) == 2
    hub.incidents = {}
    await work(3, 5)
    assert operator._since_s == {}


async def test_a_session_that_is_over_is_begun_anew(at_work):
    hub, _, work, operator = at_work
    hub.session = False
    with pytest.raises(httpx.HTTPStatusError):
        await work(0, 1)
    await operator.come_back(0)
    await work(0, 7)
    assert ("a", "acknowledge") in hub.done


async def test_a_changed_password_is_not_tried_every_second(at_work):
    hub, _, _, operator = at_work
    hub.password_changed = True
    for now_s in range(3600):
        await operator.come_back(now_s)
    assert 3 <= hub.logins <= 8


@pytest.mark.parametrize("taken", [False, True])
async def test_it_is_on_watch_and_hears_so_that_a_supervisor_is_not_told_at_once(at_work, taken):
    hub, _, _, operator = at_work
    hub.taken = taken
    await operator.take_watch()
    assert hub.watch[0] == ("/shift/take", {"shift": "0", "heard": "true"})
    assert [path for path, _ in hub.watch[1:]] == (["/shift/join", "/shift/hear"] if taken else [])


async def test_a_watch_that_is_refused_is_no_watch(at_work):
    hub, _, _, operator = at_work
    hub.session = False
    with pytest.raises(httpx.HTTPStatusError):
        await operator.take_watch()
