"""Feeds of other authorities: read as they are, asked gently, and never an alarm."""

from __future__ import annotations

import ast
import asyncio
import logging
from collections.abc import Mapping

import pytest

from hub.advisories import earthquakes, nowcast, reader
from hub.advisories.model import FeedError, distance_km
from hub.advisories.reader import Advisories
from hub.outbound import Response, UnreachableError
from tests.docs.pages import ROOT
from tests.hub.advisories import feeds
from tests.hub.rules.books import REGION

QUAKES, WARNINGS = "https://data.bmkg.example/gempa.json", "https://www.bmkg.example/nowcast"
NOW_MS = 1_795_000_000_000
"""2026-11-18; the samples' warning is for four days later."""


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    mono_ms = now_ms


class Web:
    """BMKG's servers: documents with an ETag, and every question."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.fails: str | int = ""

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        given = (headers or {}).get("If-None-Match", "")
        self.asked.append((url, given))
        if isinstance(self.fails, int):
            return Response(self.fails, {}, b"")
        if self.fails:
            raise UnreachableError(self.fails)
        etag = f'"{hash(self.bodies[url])}"'
        if given == etag:
            return Response(304, {}, b"")
        return Response(200, {"etag": etag}, self.bodies[url])


@pytest.fixture
def web():
    found = Web()
    found.bodies = {
        QUAKES: feeds.earthquakes(feeds.QUAKE, feeds.OLDER),
        WARNINGS: feeds.rss("https://b/1", "https://b/2"),
    }
    found.bodies |= {"https://b/1": feeds.cap("satu"), "https://b/2": feeds.cap("dua", status="Test")}
    return found


def advisories(web: Web, clock: Clock | None = None) -> Advisories:
    urls = {"bmkg_earthquake": QUAKES, "bmkg_nowcast": WARNINGS}
    return Advisories(urls, web, clock or Clock(), REGION)


async def read(found: Advisories) -> list[dict[str, object]]:
    for feed in found.feeds:
        await found.read(feed)
    return list(found.now()["advisories"])


def test_earthquakes_are_read_one_or_many_newest_first():
    (one,) = earthquakes.parse(feeds.earthquakes(feeds.QUAKE))
    assert (one.lat, one.lon, one.severity) == (-6.1, 108.9, "5.1")
    assert one.issued_ms == 1_795_327_445_000
    assert one.text == "Kedalaman 12 km. Tidak berpotensi tsunami Dirasakan: III Kota Contoh"
    many = earthquakes.parse(feeds.earthquakes(feeds.OLDER, feeds.QUAKE))
    assert [quake.severity for quake in many] == ["5.1", "3.4"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"<html>", b'{"Infogempa": {"gempa": 1}}', b"\xff",
        feeds.earthquakes({**feeds.QUAKE, "Coordinates": "108.90,-6.10"}),  # latitude and longitude exchanged
        feeds.earthquakes({**feeds.QUAKE, "Coordinates": "x"}),
        feeds.earthquakes({**feeds.QUAKE, "DateTime": "2026-11-22T06:04:05"}),
    ],
)  # fmt: skip
def test_what_is_no_list_of_earthquakes_is_refused(body):
    with pytest.raises(FeedError):
        earthquakes.parse(body)


def test_a_warning_is_read_with_its_area():
    found = nowcast.alert(feeds.cap(), "https://b/1")
    assert found is not None
    assert (found.headline, found.severity, found.area) == (
        "Hujan lebat di Kota Contoh",
        "Moderate",
        "Kota Contoh",
    )
    assert found.polygons[0][0] == (-6.0, 108.8)
    assert found.expires_ms == 1_795_338_000_000
    assert nowcast.items(feeds.rss("https://b/1"))[0].link == "https://b/1"


@pytest.mark.parametrize(("status", "kind"), [("Test", "Alert"), ("Exercise", "Alert"), ("Actual", "Cancel")])
def test_tests_exercises_and_cancellations_are_no_advisory(status, kind):
    assert nowcast.alert(feeds.cap(status=status, kind=kind), "") is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<a/>", feeds.rss("x"), feeds.cap(polygon="1,2,3"), feeds.cap(expires="tomorrow"),
        feeds.cap(expires="2026-11-22T16:00:00"), feeds.cap(identifier=""),
        b'<!DOCTYPE a [<!ENTITY x "y">]>' + feeds.cap(),
    ],
)  # fmt: skip
def test_what_is_no_warning_is_refused(body):
    with pytest.raises(FeedError):
        nowcast.alert(body, "")


async def test_what_is_advised_now_has_its_source_and_its_distance(web):
    found = {str(one["id"]): one for one in await read(advisories(web))}
    assert set(found) == {"satu", "2026-11-22T06:04:05+00:00", "2026-11-21T01:00:00+00:00"}
    assert all("BMKG" in str(one["attribution"]) for one in found.values())
    assert found["2026-11-22T06:04:05+00:00"]["distance_km"] == 9
    assert found["satu"]["distance_km"] is None


async def test_what_has_expired_is_no_longer_shown(web):
    clock = Clock()
    found = advisories(web, clock)
    await read(found)
    clock.ms = 1_795_338_000_000
    assert {one["source"] for one in found.now()["advisories"]} == {"bmkg_earthquake"}


async def test_nothing_new_is_asked_for_twice(web):
    found = advisories(web)
    first = await read(found)
    assert [url for url, _ in web.asked] == [QUAKES, WARNINGS, "https://b/1", "https://b/2"]
    web.asked.clear()
    assert await read(found) == first
    assert [url for url, given in web.asked if given] == [QUAKES, WARNINGS], "by their ETags, and no document"
    web.bodies[WARNINGS] = feeds.rss("https://b/1", "https://b/3")
    web.bodies["https://b/3"] = feeds.cap("tiga")
    web.asked.clear()
    assert {one["id"] for one in await read(found)} >= {"satu", "tiga"}
    assert [url for url, _ in web.asked] == [QUAKES, WARNINGS, "https://b/3"]


@pytest.mark.parametrize("fails", ["no answer", 503, 404])
async def test_a_feed_that_is_away_keeps_what_it_said_and_is_asked_more_rarely(web, fails, caplog):
    clock = Clock()
    found = advisories(web, clock)
    first = await read(found)
    web.fails = fails
    waits = []
    with caplog.at_level(logging.WARNING):
        for _ in range(9):
            clock.ms += 60_000
            assert await read(found) == first
            waits.append(found.feeds[0].wait_s)
    assert waits[0] == 120
    assert waits[-1] == reader.LONGEST_WAIT_S
    assert sum("advisories_unread source=bmkg_earthquake" in line for line in caplog.messages) == 1, "once"
    assert found.now()["feeds"][0]["error"]
    web.fails = ""
    await read(found)
    assert found.now()["feeds"][0]["error"] == ""
    assert found.feeds[0].wait_s == 60


async def test_a_document_that_cannot_be_read_hides_no_other_and_is_tried_again(web):
    web.bodies["https://b/2"] = b"<broken"
    found = advisories(web)
    assert "satu" in {one["id"] for one in await read(found)}
    web.bodies["https://b/2"] = feeds.cap("dua")
    assert {"satu", "dua"} <= {one["id"] for one in await read(found)}


async def test_no_more_is_asked_than_others_servers_allow(web, monkeypatch):
    clock = Clock()
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        clock.ms += round(seconds * 1000)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    links = [f"https://b/{n}" for n in range(reader.MOST_A_MINUTE + 5)]
    web.bodies = {WARNINGS: feeds.rss(*links), **{link: feeds.cap(link) for link in links}}
    found = advisories(web, clock)
    await found.read(found.feeds[1])
    assert len(web.asked) == len(links) + 1
    assert slept == [60.0]


def test_there_is_no_way_from_an_advisory_to_an_alarm_or_an_incident():
    """Nothing of the package imports what raises alarms, opens incidents or tells anybody, or writes to the store."""
    folder = ROOT / "hub" / "advisories"
    imported = {
        name
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
    }
    ours = {name for name in imported if name.startswith("hub.")}
    assert "hub.advisories.model" in ours
    allowed = ("hub.advisories", "hub.clock", "hub.errors", "hub.outbound", "hub.region")
    assert {name for name in ours if not name.startswith(allowed)} == set()


def test_distances():
    assert distance_km(-6.0, 108.0, -6.0, 108.0) == 0
    assert distance_km(0, 0, 0, 90) == pytest.approx(10_007.5, abs=1)
