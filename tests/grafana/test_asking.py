"""What goes out to InfluxDB: macros and ranges as Grafana replaces them, and a real InfluxDB that takes every query."""

import re
import time

import httpx
import pytest

from grafana import alerts, asking
from grafana.asking import Range
from grafana.sources import SUFFIXES
from hub.kpis import tiers
from hub.kpis.measures import RIVERS
from hub.kpis.point import at, lines
from tests.grafana import asked

HOUR_MS = 3_600_000
NOW_MS = 1_795_000_000_000


def test_every_macro_is_replaced_as_grafana_does_it():
    shown = Range(NOW_MS - HOUR_MS, NOW_MS)
    query = (
        "SELECT x WHERE $timeFilter GROUP BY time($__interval) -- $interval $__interval_ms ${__from} ${__to}"
    )
    assert asking.expanded(query, shown, 20_000) == (
        "SELECT x WHERE time >= 1794996400000ms and time <= 1795000000000ms GROUP BY time(20s)"
        " -- 20s 20000 1794996400000 1795000000000"
    )


@pytest.mark.parametrize(
    ("span_ms", "width_px", "tier", "text"),
    [
        (HOUR_MS, 1920, "raw", "10s"),  # 1.9 s by itself, and states are written each 10 s
        (6 * HOUR_MS, 1000, "raw", "20s"),
        (24 * HOUR_MS, 1000, "minute", "1m"),
        (7 * 24 * HOUR_MS, 1000, "minute", "10m"),
        (30 * 24 * HOUR_MS, 1920, "long", "1h"),
        (365 * 24 * HOUR_MS, 480, "long", "12h"),
    ],
)
def test_the_interval_is_grafanas_and_never_shorter_than_the_data_sources(span_ms, width_px, tier, text):
    shown = Range(NOW_MS - span_ms, NOW_MS)
    assert asking.formatted(asking.interval_ms(shown, width_px, tier)) == text


@pytest.mark.parametrize("span_ms", [0, 1, 6 * HOUR_MS - 1, 6 * HOUR_MS, 14 * 24 * HOUR_MS, 10**12])
def test_the_tier_of_a_range_is_the_one_that_the_hubs_table_says(span_ms):
    shown = Range(NOW_MS - span_ms, NOW_MS)
    holding = [
        point.tags[0]
        for point in tiers.tiers(NOW_MS)
        if point.values["least_ms"] <= span_ms < point.values["most_ms"]
    ]
    assert holding == [shown.tier]


@pytest.mark.parametrize("uid", asked.boards())
def test_nothing_that_grafana_replaces_is_left_in_a_query(uid):
    for one in asking.everything(asked.boards()[uid], NOW_MS):
        assert "$" not in re.sub(r"\(_max\)\?\$/", "", one.query), one.query


@pytest.fixture
def city(influx):
    """What demo.json would say of an InfluxDB with the three databases, and nothing in them."""
    with httpx.Client(base_url=influx.url) as client:
        for suffix in SUFFIXES.values():
            client.post("/query", data={"q": f'CREATE DATABASE "dinding{suffix}"'}).raise_for_status()
    return {"url": influx.url, "database": "dinding", "login": None}


@pytest.mark.real
@pytest.mark.parametrize("span_ms", [3 * HOUR_MS, 7 * 24 * HOUR_MS, 400 * 24 * HOUR_MS])
def test_influxdb_takes_every_query_whatever_the_range(city, span_ms):
    found = asked.everything(city, asked.boards(), span_ms=span_ms)
    assert found.refused == []
    assert found.asked > 100


@pytest.mark.real
def test_influxdb_takes_the_queries_of_the_alerts(city):
    shown = Range(NOW_MS - alerts.WINDOW_S * 1000, NOW_MS)
    with httpx.Client(base_url=city["url"]) as client:
        for rule in alerts.rules("Kota Contoh"):
            query = asking.expanded(rule["data"][0]["model"]["query"], shown, 1000)
            assert asked.ask(client, "dinding", asking.Asked("", rule["title"], "raw", query))[0] == ""


@pytest.mark.real
def test_a_query_that_influxdb_does_not_take_is_seen(city):
    board = next(iter(asked.boards().values()))
    board["panels"][1]["targets"][0]["query"] = "SELECT lst(open) FROM kpi_incidents WHERE $timeFilter"
    assert "undefined function lst()" in asked.everything(city, {"spoilt": board}).refused[0]


@pytest.mark.real
def test_what_a_minute_of_the_demo_cannot_fill_is_filled_by_its_measure(city):
    now_ms = round(time.time() * 1000)
    rising = {("bendung-hulu", "pos-bendung-hulu"): {"severity": 1, "rate_m_h": 0.8, "stale": 0}}
    points = at(RIVERS, now_ms - 1000, rising)
    with httpx.Client(base_url=city["url"]) as client:
        client.post("/write", params={"db": "dinding"}, content=b"\n".join(lines(points))).raise_for_status()
        boards = asked.boards()
        filled = {
            (one.dashboard, one.panel)
            for one in asking.everything(boards[asked.RISE[0]], now_ms, span_ms=asked.SPAN_MS)
            if asked.ask(client, "dinding", one)[1]
        }
    later = {
        (uid, panel["title"])
        for uid, board in boards.items()
        for panel in board["panels"]
        if "targets" in panel and asked.is_for_later(uid, panel["title"])
    }
    assert later == {asked.RISE}
    assert later <= filled
