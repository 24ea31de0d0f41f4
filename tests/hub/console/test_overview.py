"""The overview: what is wrong is named and counted, and what is not known is never a zero."""

import re
from dataclasses import replace
from functools import partial

import pytest

from hub.alarms.service import Fingerprint, clear_alarm, raise_alarm
from hub.api import audit
from hub.city.rivers import levels
from hub.console import overview, words
from hub.console.alarms import alarm_lines, by_priority
from hub.incidents.service import Incidents
from hub.rules.model import StationState
from tests.docs.test_docs import conditions
from tests.hub.city import NOW, REGION, press
from tests.hub.console.reading import first, text

SILENT = Fingerprint("pasar", "gw-pasar", "gw-pasar", "", "silent")


def tile(html, name):
    """A tile's class and words."""
    start = html.index(f'id="tile-{name}"')
    begin = html.rindex("<", 0, start)
    end = re.search(r"</(?:a|div)>", html[start:]).end() + start
    return first(r'class="([^"]*)"', html[begin:]), text(html[begin:end])


async def seen(hub, language="id", role="operator"):
    async with hub.login("siti", role) as siti:
        siti.cookies.set("siaga-lang", language)
        return (await siti.get("/")).text


def level(severity=0, value_mm=500, age_s=5, station="hulu"):
    at = NOW - age_s * 1000
    return StationState(station, severity=severity, epoch="e", seq=1, t_ms=at, at_ms=at, value_mm=value_mm)


async def raised(hub, severity=2, fingerprint=SILENT, **more):
    await hub.write(lambda conn: raise_alarm(conn, fingerprint, severity=severity, now_ms=NOW, **more))


@pytest.mark.parametrize(
    ("language", "words"),
    [("id", ["tidak ada pos yang terdengar", "tidak ada bangsal yang terdengar"]),
     ("en", ["no post is heard", "no ward is heard"])],
)  # fmt: skip
async def test_what_was_never_heard_is_neither_zero_nor_normal(hub, language, words):
    html = await seen(hub, language)
    for name, said in zip(("rivers", "beds"), words, strict=True):
        cls, shown = tile(html, name)
        assert "stale" in cls
        assert said in shown
        assert not re.search(r"\d", shown)
        assert "Siaga" not in shown


async def test_the_worst_post_is_shown_with_its_age_and_those_not_heard_are_counted(hub):
    hub.levels.append(level(severity=2, value_mm=1620))
    cls, shown = tile(await seen(hub), "rivers")
    assert "siaga-2" in cls
    for word in ("Siaga 2", "Pos Hulu", "1,62 m", "5 dtk lalu"):
        assert word in shown
    assert "tidak terdengar" not in shown


async def test_where_all_is_normal_no_post_is_singled_out(hub):
    hub.levels.append(level())
    _, shown = tile(await seen(hub), "rivers")
    assert "Siaga 4 1 pos, semua normal" in shown
    assert "Pos Hulu" not in shown


async def test_the_posts_are_on_the_overview_as_on_their_page(hub):
    hub.levels.append(level(severity=2, value_mm=1620))
    html = await seen(hub)
    assert 'id="strip-hulu"' in html
    assert "1,62 m" in text(html[html.index('id="strip-hulu"') :])
    hub.silent.add("gw-pasar")
    async with hub.login("siti") as siti:
        part = (await siti.get("/?part=rivers")).text
    assert "is-stale" in part
    assert "1,62 m" in text(part)


async def test_a_silent_post_is_not_called_normal(hub):
    hub.levels.append(level(severity=0, value_mm=480))
    assert "Siaga 4 normal" in strip(await seen(hub))
    hub.silent.add("gw-pasar")
    async with hub.login("siti") as siti:
        shown = strip((await siti.get("/?part=rivers")).text)
    assert "Siaga 4" in shown
    assert "terakhir diketahui:" in shown
    assert "normal" not in shown


def strip(html):
    """What the overview says of the post."""
    return text(html[html.index('id="strip-hulu"') :].split("</a>")[0])


async def test_the_latest_incidents_are_there_when_they_are_closed_too(hub):
    await hub.write(partial(Incidents(REGION).panic, event=press()))
    async with hub.login("siti", "operator") as siti:
        (one,) = (await siti.get("/api/incidents")).json()["incidents"]
        await siti.post(f"/incidents/{one['id']}/mark-false", data={"version": 1, "note": "uji"})
        shown = text((await siti.get("/?part=lists")).text)
    assert "#1 Tombol IGD RS Contoh, meja perawat Palsu" in shown
    assert "Tidak ada alarm." in shown


async def test_a_post_that_fell_silent_is_not_the_worst_nor_normal(hub):
    hub.levels.append(level(severity=3, value_mm=2100, age_s=301))
    cls, shown = tile(await seen(hub), "rivers")
    assert "stale" in cls
    assert "Siaga" not in shown


async def test_free_beds_are_those_that_are_known_to_be(hub):
    hub.curves.rows = [
        {"time": NOW - 2000, "gateway": "gw-rs-1", "device": "panel-1", "bed_01": 0, "bed_02": None}
    ]
    cls, shown = tile(await seen(hub), "beds")
    assert "stale" not in cls.split()
    assert "1 dari 1" in shown
    assert "1 tempat tidur tidak diketahui" in shown


async def test_incidents_are_counted_and_ring_on_the_overview_too(hub):
    calm = tile(await seen(hub), "incidents")
    assert "unacknowledged" not in calm[0]
    await hub.write(partial(Incidents(REGION).panic, event=press()))
    hub.services.bus.publish("incident", "i")
    async with hub.login("siti") as siti:
        cls, shown = tile((await siti.get("/?part=now")).text, "incidents")
    assert "unacknowledged" in cls
    assert "priority-2" in cls
    assert "1 belum diakui" in shown


async def test_a_press_has_one_priority_on_all_pages(hub):
    await hub.write(partial(Incidents(REGION).panic, event=press()))
    html = await seen(hub)
    assert "Tinggi" in tile(html, "alarms")[1]
    assert "Kritis" not in html


async def test_silent_gateways_are_named_and_linked_for_who_may_open_them(hub):
    hub.silent.add("gw-pasar")
    html = await seen(hub, role="technician")
    assert "1 dari 2 Pasar Contoh" in tile(html, "gateways")[1]
    assert 'href="/gateways"' in html
    async with hub.login("layar", "viewer") as layar:
        html = (await layar.get("/")).text
    assert "Pasar Contoh" in tile(html, "gateways")[1]
    assert 'href="/gateways"' not in html


@pytest.mark.parametrize("what", ["influxdb", "broker", "nothing"])
async def test_a_store_that_is_away_is_said_with_the_time_since_when(hub, monkeypatch, what):
    if what == "influxdb":
        object.__setattr__(hub.services, "pipeline", lambda: {"series": {"down_ms": 65_000}})
    if what == "broker":
        hub.missing.append("broker")
    cls, shown = tile(await seen(hub), "stores")
    assert ("InfluxDB tidak menjawab sejak" in shown) == (what == "influxdb")
    assert ("broker" in shown) == (what == "broker")
    assert ("terganggu" in shown) == (what != "nothing")
    assert ("priority-2" in cls) == (what != "nothing")


# Alarms


async def test_an_alarm_is_in_words_and_acknowledged_where_it_is_shown(hub):
    await raised(hub, detail={"reason": "beats"})
    async with hub.login("siti", "operator") as siti:
        html = (await siti.get("/")).text
        assert "Gateway tidak terdengar Pasar Contoh" in text(html)
        assert "Tinggi" in text(html)
        one = first(r'hx-post="(/alarms/\d+/acknowledge)"', html)
        after = (await siti.post(one)).text
        assert "diakui oleh Siti" in text(after)
        assert one not in after
    trail = await hub.read(lambda conn: audit.listed(conn, limit=10))
    assert "alarm.acknowledge" in [row["action"] for row in trail]


async def test_an_alarm_that_came_and_went_unseen_stays_until_somebody_saw_it(hub):
    await raised(hub)
    await hub.write(lambda conn: clear_alarm(conn, SILENT, now_ms=NOW + 1000))
    assert "sudah pulih, belum diakui" in text(await seen(hub))


async def test_who_only_watches_cannot_acknowledge(hub):
    await raised(hub)
    async with hub.login("layar", "viewer") as layar:
        assert "/acknowledge" not in (await layar.get("/")).text
        assert (await layar.post("/alarms/1/acknowledge")).status_code == 403


async def test_an_alarm_that_there_is_not(hub):
    async with hub.login("siti", "operator") as siti:
        answer = await siti.post("/alarms/99/acknowledge", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert "tidak mungkin" in answer.text


async def test_a_level_alarm_says_the_level_by_the_station_s_own_name(hub):
    fingerprint = Fingerprint("pasar", "gw-pasar", "level-1", "level_m", "level")
    await raised(hub, severity=2, fingerprint=fingerprint, detail={"station": "hulu"})
    assert "Tinggi muka air : Siaga 2 Pasar Contoh , Pos Hulu" in text(await seen(hub))


async def test_hostile_texts_of_gateways_are_text(hub):
    hostile = "<script>alert(1)</script>%(x)s"
    fingerprint = Fingerprint(hostile, hostile, hostile, "", hostile)
    await raised(hub, fingerprint=fingerprint, detail={"text": hostile})
    html = await seen(hub)
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


def test_every_condition_of_an_alarm_has_its_words():
    assert set(words.CONDITIONS) == conditions()


def test_more_alarms_than_fit_are_counted():
    rows = [
        {
            "id": n, "site": "pasar", "gateway": "gw-pasar", "device": "x", "condition": "silent", "severity": n % 4,
            "state": "unacknowledged", "raised_ms": NOW, "acknowledged_by": None, "count": 1, "detail": {},
            "cleared_ms": None, "withheld_by": None, "withheld_until_ms": None, "withheld_note": None,
        }
        for n in range(8)
    ]  # fmt: skip
    lines = alarm_lines(REGION, rows)
    assert [line.priority for line in lines] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert by_priority(lines) == [(1, 2), (2, 2), (3, 2), (4, 2)]


def test_of_posts_at_one_level_the_one_nearest_to_the_next_is_the_worst():
    other = replace(REGION.stations["hulu"], id="hilir", thresholds_mm=(8000, 15000, 20000))
    region = replace(REGION, stations={**REGION.stations, "hilir": other})
    states = [level(value_mm=700), level(value_mm=900, station="hilir")]
    found = overview.river_tile(levels(region, states, (), NOW))
    assert found.worst.station.id == "hulu"
    assert (found.posts, found.stale) == (2, 0)


async def test_an_alarm_of_a_rule_has_its_title_and_reason_in_both_languages(hub):
    rule = {
        "id": "beds-full",
        "title": {"id": "Tempat tidur <b>penuh</b>", "en": "Beds <b>full</b>"},
        "reason": {"id": "Lebih dari 90 %", "en": "Over 90 %"},
    }
    await raised(
        hub, fingerprint=Fingerprint("rs-1", "gw-rs-1", "", "", "ratio:beds-full"), detail={"rule": rule}
    )
    async with hub.login("siti", "operator") as siti:
        told = (await siti.get("/")).text
        assert "Tempat tidur &lt;b&gt;penuh&lt;/b&gt;" in told
        assert "Lebih dari 90 %" in told
        siti.cookies.set("siaga-lang", "en")
        told = (await siti.get("/")).text
    assert "Beds &lt;b&gt;full&lt;/b&gt;" in told
    assert "Over 90 %" in told
    assert "Tempat tidur &lt;b" not in told
