"""The page of the beds: what is not known is never free, and says how old its last word is."""

import asyncio
import re
from dataclasses import replace

import pytest

from hub.series.errors import Unavailable
from tests.hub.city import NOW, REGION
from tests.hub.console.test_rivers import seen, seen_again, text


def panel(age_ms=2000, **beds):
    return {"time": NOW - age_ms, "gateway": "gw-rs-1", "device": "panel-1", **beds}


def beds_of(html):
    return re.findall(r'<li class="bed is-(\w+)"', html)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("id", ["Tempat tidur", "RS Contoh", "1 kosong", "1 terisi", "dari 2", "Mawar III"]),
        ("en", ["Beds", "RS Contoh", "1 free", "1 taken", "of 2", "Mawar III"]),
    ],
)
async def test_free_and_taken_in_both_languages(hub, language, words):
    hub.curves.rows = [panel(bed_01=1, bed_02=0)]
    html = await seen(hub, "/beds", language)
    for word in words:
        assert word in text(html)
    assert beds_of(html) == ["taken", "free"]
    assert "mark-unknown" not in html


async def test_a_bed_that_says_nothing_is_unknown_and_not_counted_as_free(hub):
    hub.curves.rows = [panel(bed_01=None, bed_02=0)]
    html = await seen(hub, "/beds")
    assert beds_of(html) == ["unknown", "free"]
    assert "1 kosong" in text(html)
    assert "1 tidak diketahui" in text(html)


@pytest.mark.parametrize("why", ["silent gateway", "old data"])
async def test_a_stale_ward_shows_its_last_beds_as_such_and_no_number_of_free_ones(hub, why):
    hub.curves.rows = [panel(301_000 if why == "old data" else 2000, bed_01=0, bed_02=1)]
    if why == "silent gateway":
        hub.silent.add("gw-rs-1")
    html = await seen(hub, "/beds?part=list")
    assert 'class="ward is-stale"' in html
    assert beds_of(html) == ["free", "taken"]
    assert "kosong, terakhir diketahui" in text(html)
    assert "2 tidak diketahui" in text(html)
    assert not re.search(r"\d kosong|\d terisi", text(html))


async def test_a_ward_that_was_never_heard_is_unknown_without_a_number(hub):
    html = await seen(hub, "/beds?part=list")
    assert beds_of(html) == ["unknown", "unknown"]
    assert not re.search(r"\d kosong|\d terisi", text(html))


async def test_without_influxdb_what_was_known_before_stays_and_grows_old(hub):
    hub.curves.rows = [panel(bed_01=1, bed_02=0)]
    await seen(hub, "/beds")
    hub.curves.error = Unavailable("gone")
    html = await seen_again(hub, "/beds")
    assert "InfluxDB tidak menjawab" in text(html)
    assert beds_of(html) == ["taken", "free"]
    hub.clock.at_ms += 299_000
    html = await seen_again(hub, "/beds")
    assert 'class="ward is-stale"' in html
    assert "2 tidak diketahui" in text(html)


async def test_a_page_does_not_wait_long_for_influxdb(hub, monkeypatch):
    async def never(q, params=None):
        await asyncio.Event().wait()

    monkeypatch.setattr(hub.curves, "query", never)
    monkeypatch.setattr("hub.console.asking.PATIENCE_S", 0.05)
    assert "InfluxDB tidak menjawab" in text(await seen(hub, "/beds"))


async def test_a_name_from_the_profile_cannot_run_a_script(hub, monkeypatch):
    evil = '<img src=x onerror="alert(1)">'
    ward = replace(REGION.wards["mawar"], name=evil, bed_class=evil, beds={"bed_01": evil, "bed_02": "2"})
    monkeypatch.setitem(REGION.wards, "mawar", ward)
    hub.curves.rows = [panel(bed_01=1, bed_02=0)]
    html = await seen(hub, "/beds")
    assert "<img" not in html
    assert html.count("&lt;img src=x") >= 3
