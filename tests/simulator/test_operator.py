from typing import Any

import httpx

from simulator.operator import Operator


class Hub:
    """An API with two incidents that answers as the hub does."""

    def __init__(self):
        self.done = []
        self.incidents: dict[str, dict[str, Any]] = {
            "a": {"id": "a", "state": "unverified", "version": 1, "gateway": "rs", "device": "igd"},
            "b": {"id": "b", "state": "unverified", "version": 1, "gateway": "toko", "device": "kasir"},
        }
        for one in self.incidents.values():
            one["acknowledged_ms"] = None
        self.busy = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            found = [one for one in self.incidents.values() if one["state"] not in ("done", "false_alarm")]
            return httpx.Response(200, json={"incidents": found})
        if self.busy:
            return httpx.Response(409)
        _, _, _, name, action = request.url.path.split("/")
        self.done.append((name, action))
        one = self.incidents[name]
        if action == "acknowledge":
            one["acknowledged_ms"] = 1
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


async def work(hub, *, until_s):
    client = httpx.AsyncClient(transport=httpx.MockTransport(hub.answer), base_url="http://hub")
    operator = Operator(client, is_true=lambda gateway, _: gateway == "rs", agency="psc", think_s=5)
    for now_s in range(until_s):
        await operator.step(now_s)
    await client.aclose()


async def test_a_true_press_is_worked_through_and_a_false_one_is_marked():
    hub = Hub()
    await work(hub, until_s=60)
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


async def test_nothing_is_done_before_there_was_time_to_ring_back():
    hub = Hub()
    await work(hub, until_s=5)
    assert hub.done == []


async def test_an_incident_that_somebody_else_changed_is_looked_at_again():
    hub = Hub()
    hub.busy = True
    await work(hub, until_s=12)
    hub.busy = False
    await work(hub, until_s=12)
    assert ("a", "acknowledge") in hub.done
