"""The pages of the rivers: word and shape for each level, age where it is old, a word where nothing is known."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import insert

from hub.alarms.tables import level_changes
from hub.city.curves import Curve, Gap, Step, Tendency
from hub.city.rivers import Level
from hub.console import rivers as view
from hub.region import Downstream
from hub.rules.model import StationState
from hub.series.errors import Unavailable
from tests.hub.city import NOW, REGION

HULU = REGION.stations["hulu"]


def state(**changes):
    known = {"epoch": "e", "seq": 1, "t_ms": NOW - 5000, "at_ms": NOW - 5000, "value_mm": 1300}
    return StationState("hulu", **(known | changes))


def row(age_s, value, n=30):
    return {
        "time": NOW - age_s * 1000,
        "gateway": "gw-pasar",
        "device": "level-1",
        "high": value,
        "low": value,
        "n": n,
    }


def text(html):
    """What a person reads, without the marks."""
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<(script|head)\b.*?</\1>", "", html, flags=re.S))
    )


async def seen(hub, path, language="id"):
    """The page as a viewer reads it."""
    async with hub.login("layar", "viewer") as viewer:
        viewer.cookies.set("siaga-lang", language)
        answer = await viewer.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("id", ["Sungai", "1,62 m", "Siaga 2", "0,38 m lagi ke Siaga 1", "naik 12 cm/jam"]),
        ("en", ["Rivers", "1.62 m", "Siaga 2", "0.38 m to Siaga 1", "rising 12 cm/h"]),
    ],
)
async def test_a_post_in_both_languages(hub, language, words):
    hub.levels.append(state(severity=2, value_mm=1620, rate_mm_h=120))
    html = await seen(hub, "/rivers", language)
    for word in words:
        assert word in text(html)
    assert 'class="mark-priority siaga-2"' in html
    assert "stale" not in re.findall(r'<li id="post-hulu".*?</li>', html, re.S)[0].replace(
        "data-stale-ms", ""
    )


async def test_the_next_level_is_foreseen_with_the_zone_s_label(hub):
    hub.levels.append(state(severity=1, rate_mm_h=200))
    assert re.search(r"sekitar \d\d:\d\d WIB", text(await seen(hub, "/rivers")))
    hub.levels[0] = state(severity=1, rate_mm_h=-200)
    assert "sekitar" not in text(await seen_again(hub, "/rivers"))


async def seen_again(hub, path, name="layar", language="id"):
    async with hub.login(name) as viewer:
        viewer.cookies.set("siaga-lang", language)
        return (await viewer.get(path)).text


async def test_a_silent_post_keeps_its_last_level_hatched_and_has_no_direction(hub):
    hub.levels.append(state(severity=2, value_mm=1620, rate_mm_h=120))
    hub.silent.add("gw-pasar")
    html = await seen(hub, "/rivers")
    assert "is-stale" in html
    assert "terakhir diketahui: Siaga 2" in text(html)
    assert "1,62 m" in text(html)
    assert "tidak ada data baru" in text(html)
    assert "cm/jam" not in html


async def test_no_page_fails_when_a_device_does_not_answer(hub):
    hub.levels.append(state(severity=2, value_mm=1620))
    hub.down.add("gw-pasar/level-1")
    hub.clock.at_ms += 20_000
    assert "terakhir diketahui: Siaga 2" in text(await seen(hub, "/rivers"))
    async with hub.login("layar") as viewer:
        assert (await viewer.get("/")).status_code == 200


async def test_a_post_that_never_spoke_is_unknown_and_has_no_number_at_all(hub):
    html = await seen(hub, "/rivers")
    (post,) = re.findall(r'<li id="post-hulu".*?</li>', html, re.S)
    assert "tidak diketahui" in post
    assert "is-stale" in post
    assert not re.search(r"\d", text(re.sub(r"<svg.*?</svg>", "", post, flags=re.S)))
    assert "siaga-4" not in post
    assert "siaga-1" not in post


async def test_where_the_rate_is_unknown_what_it_did_lately_is_told(hub):
    hub.levels.append(state(severity=1))
    hub.curves.rows = [row(age_s, 1.3 - age_s / 1500) for age_s in range(600, -1, -15)]
    assert "naik 40 cm dalam 10 mnt" in text(await seen(hub, "/rivers"))


async def test_without_influxdb_levels_are_shown_and_what_lacks_is_said(hub):
    hub.levels.append(state(severity=2, value_mm=1620))
    hub.curves.error = Unavailable("gone")
    for path in ("/rivers", "/rivers/hulu"):
        shown = text(await (seen if path == "/rivers" else seen_again)(hub, path))
        assert "1,62 m" in shown
        assert "InfluxDB tidak menjawab" in shown


async def test_a_name_from_the_profile_cannot_run_a_script(hub, monkeypatch):
    evil = "<script>alert(1)</script>'\"&"
    monkeypatch.setitem(REGION.stations, "hulu", replace(HULU, name=evil, labels=(evil,) * 4))
    hub.levels.append(state(severity=2))
    for path in ("/rivers", "/rivers/hulu"):
        html = await (seen if path == "/rivers" else seen_again)(hub, path)
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


async def test_one_post_with_its_changes_and_gaps_in_words(hub):
    hub.levels.append(state(severity=2, value_mm=1620))
    hub.curves.rows = [row(age_s, 1.5) for age_s in range(10_782, 0, -18) if not 3600 < age_s < 5400]
    change = {"station": "hulu", "t_ms": NOW - 60_000, "old_severity": 1, "new_severity": 2, "value_mm": 1501}
    change |= {"history": False, "gateway": "gw-pasar", "epoch": "e", "seq": 1, "noted_ms": NOW}
    await hub.write(lambda conn: conn.execute(insert(level_changes).values(change)))
    shown = text(await seen(hub, "/rivers/hulu"))
    assert re.search(r"Siaga 3 Siaga 2 1,50 m", shown)
    assert re.search(r"Waktu tanpa data \d\d-\d\d-\d{4} \d\d:\d\d:\d\d WIB – .*?: (29|30) mnt", shown)
    assert "terendah 1,50 m" in shown


async def test_a_post_without_any_value_says_so_in_words(hub):
    assert "tidak ada yang tercatat" in text(await seen(hub, "/rivers/hulu"))


async def test_ranges_are_the_few_and_nothing_else(hub):
    async with hub.login("layar", "viewer") as viewer:
        for name, minutes in view.RANGES_MIN.items():
            answer = await viewer.get("/rivers/hulu", params={"range": name})
            assert f"/rivers/hulu/points?range={name}" in answer.text
            told = (await viewer.get("/rivers/hulu/points", params={"range": name})).json()
            assert 0 <= NOW - told["from_ms"] - minutes * 60_000 <= told["step_s"] * 1000
        assert (await viewer.get("/rivers/hulu", params={"range": "9y"})).status_code == 422
        assert (await viewer.get("/rivers/hulu/points", params={"range": "9y"})).status_code == 422
        for path in ("/rivers/tidak-ada", "/rivers/tidak-ada/points"):
            assert (await viewer.get(path)).status_code == 404


async def test_the_plot_is_told_since_when_influxdb_is_away(hub):
    hub.curves.error = Unavailable("gone")
    object.__setattr__(hub.services, "pipeline", lambda: {"series": {"down_ms": 7000}})
    async with hub.login("layar", "viewer") as viewer:
        answer = await viewer.get("/rivers/hulu/points")
        assert (answer.status_code, answer.json()) == (200, {"away": True, "since_ms": NOW - 7000})


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("technician", True)])
async def test_the_way_to_the_gateway_is_shown_to_who_may_go_there(hub, role, sees):
    async with hub.login("orang", role) as client:
        assert ('href="/gateways/gw-pasar"' in (await client.get("/rivers/hulu")).text) is sees


def test_a_small_curve_does_not_cross_a_gap():
    steps = tuple(Step(t * 1000, 1.0, 1.0) for t in (0, 30, 60, 300, 330))
    found = view.spark(Curve(0, 360_000, 30_000, steps, (Gap(90_000, 300_000),)), HULU)
    assert [len(line.split()) for line in found.lines] == [3, 2]
    assert found.gaps == ((60.0, 140.0),)


def test_a_small_curve_shows_the_next_threshold_and_none_far_above():
    steps = tuple(Step(t * 1000, 0.5, 0.5) for t in range(0, 300, 30))
    found = view.spark(Curve(0, 300_000, 30_000, steps, ()), HULU)
    assert [number for _, number in found.thresholds] == [3]


def test_a_small_curve_of_nothing_is_drawn_without_a_line():
    found = view.spark(Curve(0, 300_000, 30_000, (), (Gap(0, 300_000),)), HULU)
    assert (found.lines, found.gaps) == ((), ((0.0, 240.0),))


def test_a_small_curve_begins_with_the_first_value():
    steps = tuple(Step(t * 1000, 1.0, 1.0) for t in range(240, 300, 30))
    found = view.spark(Curve(0, 300_000, 30_000, steps, (Gap(0, 240_000),)), HULU)
    assert (found.gaps, found.span_ms) == ((), 60_000)
    assert found.lines[0].startswith("60.0,")  # in the middle of its step


@pytest.mark.parametrize(
    ("rate", "lately", "direction"),
    [(120, None, "rising"), (-120, None, "falling"), (9, None, "steady"), (None, None, None)],
)
def test_the_direction_follows_the_rate(rate, lately, direction):
    level = Level(HULU, value_mm=1300, severity=1, rate_mm_h=rate, age_ms=0, stale=False)
    assert view.post(level, lately, NOW).direction == direction


def test_a_stale_post_has_no_direction_whatever_its_last_rate():
    level = Level(HULU, value_mm=1300, severity=1, rate_mm_h=500, age_ms=900_000, stale=True)
    assert view.post(level, None, NOW).direction is None


def test_the_tendency_gives_way_to_the_rate():
    steps = tuple(Step(t * 1000, 1 + t / 1000, 1 + t / 1000) for t in range(0, 300, 30))
    curve = Curve(0, 270_000, 30_000, steps, ())
    level = Level(HULU, value_mm=1300, severity=1, age_ms=0, stale=False)
    assert view.post(level, curve, NOW).tendency == Tendency(pytest.approx(0.27), 270_000)
    assert view.post(replace(level, rate_mm_h=5), curve, NOW).tendency is None


def test_when_it_is_felt_further_down():
    below = replace(HULU, id="hilir", name="Hilir")
    region = replace(REGION, stations={"hulu": HULU, "hilir": below})
    (found,) = view.arrivals(region, replace(HULU, downstream=(Downstream("hilir", 60, 120),)), NOW)
    assert (found.station, found.least_ms, found.most_ms) == (below, NOW + 60_000, NOW + 120_000)
