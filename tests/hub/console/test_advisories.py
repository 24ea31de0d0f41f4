"""Warnings of other authorities: in their words, with whose they are, and how old the word of a feed is."""

from dataclasses import replace

import pytest

from hub.advisories.model import ATTRIBUTION, Advisory
from hub.api.auth.roles import Role
from tests.hub.city import NOW
from tests.hub.console.reading import text


def feed(source="bmkg_earthquake", *, age_ms=30_000, error=""):
    answered_ms = None if age_ms is None else NOW - age_ms
    return {"source": source, "asked_ms": NOW, "answered_ms": answered_ms, "error": error}


def warning(**changes):
    told = Advisory(
        source="bmkg_earthquake",
        id="1",
        issued_ms=NOW - 120_000,
        headline="Gempa M 5,4 <b>",
        text="Tidak berpotensi tsunami",
        severity="5.4",
        area="48 km barat daya Contoh",
        link="https://data.example/1",
    )
    return {**replace(told, **changes).as_json(), "distance_km": 61}


@pytest.fixture
def seen(hub):
    async def see(*advisories, feeds=None, lang="id"):
        said = {"advisories": list(advisories), "feeds": [feed()] if feeds is None else feeds, "now_ms": NOW}
        hub.app.state.services = replace(hub.services, advisories=lambda: said)
        async with hub.login("siti", *([] if hub.known else [Role.VIEWER])) as siti:
            hub.known = True
            siti.cookies.set("siaga-lang", lang)
            answer = await siti.get("/advisories")
            assert answer.status_code == 200
            return answer.text

    hub.known = False
    return see


async def test_a_warning_is_shown_in_its_own_words_with_whose_they_are(seen):
    html = await seen(warning())
    for word in (
        "Gempa M 5,4 &lt;b&gt;",
        "Tidak berpotensi tsunami",
        "61 km dari lokasi terdekat",
        ATTRIBUTION,
    ):
        assert word in html
    assert 'href="https://data.example/1"' in html
    assert "61 km from the nearest site" in await seen(warning(), lang="en")
    assert 'href="javascript' not in await seen(warning(link="javascript:alert(1)"))


async def test_no_warning_is_told_apart_from_nobody_knows(seen):
    calm = text(await seen())
    assert "Tidak ada peringatan" in calm
    assert "▲ tidak menjawab" not in calm
    old = await seen(feeds=[feed(age_ms=660_000, error="timed out")])
    assert 'class="stale"' in old
    assert "▲ tidak menjawab" in text(old)
    assert "belum terdengar" in text(await seen(feeds=[feed("bmkg_nowcast", age_ms=None)]))
    nothing = text(await seen(feeds=[]))
    assert "Tidak ada sumber yang dibaca" in nothing
    assert "Tidak ada peringatan" not in nothing
