"""The running account: what it ticks off, what it excuses, and what it must find."""

from types import SimpleNamespace

import pytest

from simulator import account as accounts
from simulator.account import Account, expected_incidents
from simulator.evidence import Point
from simulator.interference import Pressed
from simulator.receiver import Notice
from tests.simulator.test_report import POST, REGION, asked


class Series:
    """InfluxDB with these points."""

    def __init__(self, points):
        self.points = points

    async def after(self, gateway, device, kind, time_ns, *, most):
        mine = [one for one in self.points if (one.gateway, one.device) == (gateway, device)]
        return sorted((one for one in mine if one.time_ns > time_ns), key=lambda one: one.time_ns)[:most]

    async def aclose(self):
        pass


@pytest.fixture
def city():
    receiver = SimpleNamespace(notices=[], take=list)
    return SimpleNamespace(region=REGION, devices=(POST,), heard=[], receiver=receiver, gateways={})


@pytest.fixture
def powered_off():
    return {}


@pytest.fixture
def influx():
    return Series([])


@pytest.fixture
def account(city, powered_off, influx, monkeypatch):
    monkeypatch.setattr(Account, "_series", lambda _: influx)
    return Account(city, SimpleNamespace(), powered_off, 0)


def waiting(account):
    return [len(stream.waiting) for stream in account._all()]


async def differences(account):
    return [
        said for stream in account._all() async for said in account._differences(account._series(), stream)
    ]


async def test_what_is_there_is_ticked_off_and_forgotten(city, account, influx):
    city.heard, influx.points = asked(POST, [0.5, 0.6, 2.1])
    account.hear()
    assert city.heard == []
    assert waiting(account) == [3, 3]
    await account.tick_off()
    assert waiting(account) == [0, 0]
    assert account._changes["bendung-hulu"] == [(0, 3)]
    assert await differences(account) == []


async def test_what_is_still_on_its_way_waits_for_the_next_time(city, account, influx):
    city.heard, points = asked(POST, [0.5, 0.6, 2.1, 2.2])
    account.hear()
    influx.points = [points[0], points[3]]
    await account.tick_off()
    assert waiting(account) == [3, 3], "a live sample that came before its backlog ticks nothing off"
    influx.points = points
    await account.tick_off()
    assert waiting(account) == [0, 0]


async def test_at_the_end_a_missing_a_changed_and_an_invented_reading_are_found(city, account, influx):
    city.heard, points = asked(POST, [0.5, 0.6, 2.1])
    account.hear()
    influx.points = points[:2]
    found = await differences(account)
    assert len(found) == 2
    assert "1 polls that the device answered are not in InfluxDB" in found[0]


async def test_an_invented_reading_is_found(city, account, influx):
    city.heard, points = asked(POST, [0.5, 0.6])
    account.hear()
    extra = Point(
        points[1].gateway, points[1].device, points[1].kind, points[1].time_ns + 10, points[1].values
    )
    influx.points = [*points, extra]
    assert "that no device said" in (await differences(account))[0]


async def test_a_power_cut_excuses_what_was_not_written_and_nothing_else(city, account, influx, powered_off):
    city.heard, points = asked(POST, [0.5 + at / 100 for at in range(30)])
    account.hear()
    influx.points = points[:18] + points[20:]
    assert len(await differences(account)) == 2
    other = Account(city, SimpleNamespace(), {POST.gateway: [19_500]}, 0)
    city.heard, _ = asked(POST, [0.5 + at / 100 for at in range(30)])
    other.hear()
    assert await differences(other) == []
    late = Account(city, SimpleNamespace(), {POST.gateway: [28_500]}, 0)
    city.heard, _ = asked(POST, [0.5 + at / 100 for at in range(30)])
    late.hear()
    assert len(await differences(late)) == 2


def press(row_id, incident, received_ms, gateway="g", device="d"):
    return {
        "row_id": row_id,
        "incident_id": incident,
        "received_ms": received_ms,
        "gateway": gateway,
        "device": device,
    }


def incident(name, closed_ms=None):
    return {"id": name, "closed_ms": closed_ms}


@pytest.mark.parametrize(
    ("presses", "incidents", "reopened", "expected"),
    [
        ([], [], set(), 0),
        ([press(1, "a", 10)], [incident("a")], set(), 1),
        ([press(1, "a", 10), press(2, "a", 20)], [incident("a")], set(), 1),
        # The second press came after the first incident was closed: it must have opened one.
        ([press(1, "a", 10), press(2, "b", 9000)], [incident("a", 5000), incident("b")], set(), 2),
        # A hub that joined it to the closed incident would have one too few.
        ([press(1, "a", 10), press(2, "a", 9000)], [incident("a", 5000)], set(), 2),
        # A hub that opened another beside the open one would have one too many.
        ([press(1, "a", 10), press(2, "b", 20)], [incident("a"), incident("b")], set(), 1),
        # So near to the closing, either is right.
        ([press(1, "a", 10), press(2, "a", 5001)], [incident("a", 5000)], set(), 1),
        ([press(1, "a", 10), press(2, "b", 5001)], [incident("a", 5000), incident("b")], set(), 2),
        # Reopened by a person: nobody can tell from the row when it was closed.
        ([press(1, "a", 10), press(2, "b", 9000)], [incident("a"), incident("b")], {"a"}, 2),
        ([press(1, "a", 10), press(2, "b", 20, device="e")], [incident("a"), incident("b")], set(), 2),
    ],
)
def test_which_presses_make_an_incident(presses, incidents, reopened, expected):
    assert expected_incidents(presses, incidents, reopened) == expected


def test_a_notice_of_an_incident_is_counted_once(city, account):
    content = {"kind": "panic", "data": {"incident": "a"}}
    city.receiver.take = lambda: [
        Notice("k", "piket", 5, content, False),
        Notice("k", "piket", 9, content, True),
        Notice("l", "piket", 7, {"kind": "level", "data": {}}, False),
    ]
    assert [notice.received_ms for notice in account.hear()] == [5, 7]
    assert account._told == {"a": 5}
    assert account.notices == 2


def test_only_calm_presses_are_timed():
    pressed = [
        Pressed("g", "d", 1000, "story", True),
        Pressed("g", "d", 50_000, "visitor", False),
        Pressed("g", "e", 1000, "story", True),
    ]
    incidents = [
        {"id": "a", "gateway": "g", "device": "d", "happened_ms": 1001},
        {"id": "b", "gateway": "g", "device": "d", "happened_ms": 50_001},
        {"id": "c", "gateway": "g", "device": "e", "happened_ms": 1001},
    ]
    told = {"a": 1080, "b": 50_100}
    assert list(accounts._to_notice(pressed, incidents, told)) == [80]
