"""The figures of alarm quality, on days whose answers are known."""

from __future__ import annotations

import pytest

from hub.alarms import service
from hub.alarms.flood import WINDOW_MS
from hub.alarms.quality import STALE_MS, measure

DAY_MS = 86_400_000


def rang(at_ms: int, alarm: int = 1, severity: int = 0) -> dict[str, int]:
    return {"id": alarm, "at_ms": at_ms, "severity": severity}


def day(times, *, operators=1, active=(), unseen=(), to_ms=DAY_MS):
    return measure(times, active=active, unseen=unseen, from_ms=0, to_ms=to_ms, operators=operators)


def figures(quality):
    return {one.key: one.value for one in quality.figures}


def off(quality):
    return {one.key for one in quality.figures if one.off}


def test_a_day_of_one_alarm_in_ten_minutes_is_as_recommended():
    severities = [0] * 116 + [1] * 22 + [2] * 5 + [3]
    found = day([rang(at * WINDOW_MS, at, severity) for at, severity in enumerate(severities)])
    assert figures(found) == pytest.approx(
        {"rate": 1, "median": 1, "peak": 1, "flood": 0, "chattering": 0, "stale": 0}
        | {"top": 10 / 144, "mix": 6 / 144, "unseen": 0}
    )
    assert off(found) == {"top"}, "so few alarms are always the most frequent ones"


def test_a_day_without_an_alarm_has_no_shares():
    found = day([])
    assert (found.rang, found.mix, found.worst, figures(found)["top"]) == (0, {}, None, None)
    assert len(found.windows) == 144


@pytest.mark.parametrize(("operators", "peak"), [(1, 30), (3, 10)])
def test_operators_share_what_rings(operators, peak):
    found = day([rang(at * 1000, at) for at in range(30)], operators=operators)
    assert figures(found)["peak"] == peak
    assert ("peak" in off(found)) == (operators == 1)


def test_the_share_of_time_in_flood_and_what_rang_in_it():
    burst = [rang(at * 1000, at % 2) for at in range(20)]
    found = day([*burst, rang(40_000_000, 7)])
    (flood,) = found.floods
    assert figures(found)["flood"] == pytest.approx((flood.to_ms - flood.from_ms) / DAY_MS)
    (figure,) = [one for one in found.figures if one.key == "flood"]
    assert set(figure.blamed) == {0, 1}


@pytest.mark.parametrize(("apart_ms", "chatters"), [(30_000, True), (30_001, False)])
def test_three_times_in_a_minute_is_chattering(apart_ms, chatters):
    found = day([rang(at * apart_ms, 5) for at in range(3)] + [rang(0, 6)] * 2)
    (figure,) = [one for one in found.figures if one.key == "chattering"]
    assert figure.blamed == ((5,) if chatters else ())


def test_stale_is_what_has_been_there_for_more_than_a_day():
    now_ms = 2 * DAY_MS
    active = [{"id": 1, "raised_ms": now_ms - STALE_MS}, {"id": 2, "raised_ms": now_ms - STALE_MS - 1}]
    assert figures(day([], active=active, to_ms=now_ms))["stale"] == 1


def test_the_worst_is_what_is_most_times_its_limit():
    chatter = [rang(at * 1000, 5) for at in range(6)]
    found = day(chatter, unseen=[3, 3, 4, 8])
    assert off(found) >= {"chattering", "unseen"}
    assert found.worst is not None
    assert (found.worst.key, found.worst.blamed) == ("unseen", (3, 4, 8))


def test_what_rang_is_counted_from_the_register(conn):
    level = service.Fingerprint("s", "g", "d", "level_m", "level")
    first = service.raise_alarm(conn, level, severity=1, now_ms=1).alarm_id
    service.acknowledge(conn, first, actor="budi", now_ms=2)
    service.raise_alarm(conn, level, severity=0, now_ms=3)
    service.raise_alarm(conn, level, severity=2, now_ms=4)
    service.shelve(conn, first, actor="budi", reason="uji", until_ms=100_000, now_ms=5)
    service.clear_alarm(conn, level, now_ms=6)
    service.raise_alarm(conn, level, severity=2, now_ms=7)
    service.put_back(conn, first, actor="budi", now_ms=8)
    assert [one["at_ms"] for one in service.announced(conn, 0)] == [1, 4, 8]
    found = service.quality_of(conn, since_ms=0, now_ms=1000, operators=1)
    assert (found.rang, found.top) == (3, ((first, 3),))
