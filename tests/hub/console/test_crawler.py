"""A crawler follows every link, source and request of every page, and asks every route: reading changes nothing, every
page has its policy, and nothing fails. The routes of the table that it did not reach are asked by their own addresses.
"""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from sqlalchemy import insert

from hub.api.access import access_of
from hub.api.auth import second_factor
from hub.api.auth.roles import Role
from hub.commissioning import record
from hub.commissioning.jpeg import clean
from hub.db import metadata
from hub.incidents.service import Incidents
from hub.ingest.tables import dead_letters
from hub.rules import store
from tests.hub.city import NOW, REGION, press
from tests.hub.commissioning.pictures import jpeg

STREAMS = {"/api/stream", "/live"}
"""They do not end; their own tests read them."""

LINKS = re.compile(r"""\s(?:href|src|hx-get|action)\s*=\s*["']([^"']+)["']""")
NAMES = {
    "station_id": "hulu",
    "gateway_id": "gw-rs-1",
    "name": "siti",
    "alarm_id": "1",
    "number": "1",
    "token": "guessed",
    "drill_id": "d1",
    "attachment_id": "1",
    "drill": "d0",
    "identifier": "kota-contoh.station.hulu.1.x",
    "rule_id": "sering-putus",
    "n": "1",
    "table": "contact",
    "entry_id": "piket-operator",
    "item": "1",
    "month": "2026-11",
}


async def furnish(hub):
    """A city in which something has happened, so that pages have something to link to."""
    await hub.write(lambda conn: Incidents(REGION).panic(conn, press()))
    await hub.write(lambda conn: store.note_version(conn, hub.services.rules.book, NOW))
    who = {"actor": "siti", "now_ms": NOW}
    await hub.write(lambda conn: record.begin(conn, "gw-rs-1", "rs-1", **who))
    await hub.write(lambda conn: record.keep_photo(conn, "gw-rs-1", clean(jpeg()), **who))
    letter = {"gateway": "gw-rs-1", "topic": "siaga/1/01/gw-rs-1/up/event", "reason": "json", "detail": ""}
    times = {"payload": b"{", "times": 1, "first_ms": NOW, "last_ms": NOW}
    await hub.write(lambda conn: conn.execute(insert(dead_letters).values({"key": "k", **letter, **times})))


def everything(conn):
    """All that is stored."""
    return {
        table.name: [tuple(row) for row in conn.execute(table.select())] for table in metadata.sorted_tables
    }


def reading_routes(hub):
    """The paths of all routes that are read."""
    return {path for method, path in access_of(hub.app) if method == "GET"} - STREAMS


def pattern(path):
    return re.compile(re.sub(r"\{\w+\}", r"[^/]+", path) + r"\Z")


def links(address, html):
    """Addresses of this site on a page."""
    for found in LINKS.findall(html):
        target = unescape(found)
        if target.startswith("?"):
            target = address.partition("?")[0] + target
        parts = urlsplit(target)
        if not parts.scheme and not parts.netloc and parts.path.startswith("/"):
            yield target.partition("#")[0]


class Crawl:
    """Asks one address after the other for one person, and keeps what is wrong."""

    def __init__(self, hub, client):
        self.hub, self.client = hub, client
        self.asked, self.wrong = set(), []

    async def all(self, *starts):
        """Every page that can be reached from the addresses."""
        waiting = list(starts)
        while waiting:
            address = waiting.pop()
            if address in self.asked or urlsplit(address).path in STREAMS:
                continue
            self.asked.add(address)
            answer = await self.client.get(address)
            self.judge(address, answer)
            if "location" in answer.headers:
                waiting.append(answer.headers["location"])
            if answer.headers.get("content-type", "").startswith("text/html"):
                waiting.extend(links(address, answer.text))

    def judge(self, address, answer):
        """What is wrong with an answer."""
        policy = answer.headers.get("content-security-policy", "")
        if answer.status_code >= 500 and answer.status_code != 503:
            self.wrong.append((address, answer.status_code))
        if "default-src 'none'" not in policy or "frame-ancestors 'none'" not in policy or "unsafe" in policy:
            self.wrong.append((address, policy or "no policy"))
        whole = "<html" in answer.text
        if whole and "script-src 'nonce-" not in policy:
            self.wrong.append((address, "a page under the policy of data"))
        if re.search(r"<[a-z][^>]*\son[a-z]+\s*=|<style|\sstyle=|javascript:", answer.text) and whole:
            self.wrong.append((address, "inline code"))

    def unreached(self):
        """Routes that no address led to."""
        paths = [urlsplit(address).path for address in self.asked]
        return {one for one in reading_routes(self.hub) if not any(map(pattern(one).match, paths))}


async def incident_of(client):
    rows = (await client.get("/api/incidents")).json()["incidents"]
    return rows[0]["id"]


def addresses(paths, incident):
    """An address of something that is there for each path, and one of nothing."""
    for path in sorted(paths):
        yield re.sub(r"\{(\w+)\}", lambda found: {**NAMES, "incident_id": incident}[found[1]], path)
        if "{" in path:
            yield re.sub(r"\{(\w+)\}", "nothing", path)


async def test_reading_all_there_is_changes_nothing_and_every_page_has_its_policy(hub):
    await furnish(hub)
    async with hub.login("siti", *Role) as siti:
        crawl, before, told = Crawl(hub, siti), await hub.read(everything), hub.services.bus.number
        await crawl.all("/")
        await crawl.all(*addresses(crawl.unreached(), await incident_of(siti)))
        assert crawl.wrong == []
        assert crawl.unreached() == set()
        assert await hub.read(everything) == before
        assert hub.services.bus.number == told, "somebody was told of a change"
        assert hub.notify.times == 0
    assert len(crawl.asked) > 60, "the crawler finds no links any more"


@pytest.mark.parametrize("role", [None, *Role])
async def test_from_where_each_role_begins_no_link_leads_astray(hub, role):
    """What a page links to is open to who sees the page."""
    await furnish(hub)
    if role is None:
        await hub.add_user("budi", "viewer")
        async with hub.client() as stranger:
            crawl = Crawl(hub, stranger)
            await crawl.all("/", "/login", "/activate")
            found = {urlsplit(one).path for one in crawl.asked if not one.startswith("/assets")}
            assert found == {"/", "/login", "/activate", "/language"}
            assert crawl.wrong == []
        return
    async with hub.login("siti", role) as siti:
        crawl = Crawl(hub, siti)
        await crawl.all("/factor" if role is Role.AGENCY else "/")
        assert crawl.wrong == []
        closed = [one for one in crawl.asked if (await siti.get(one)).status_code == 403]
        assert closed == ([] if role is not Role.AGENCY else ["/"])


@pytest.mark.parametrize("needs", ["code", "enrolment"])
async def test_before_the_second_factor_all_links_lead_to_it_and_reading_changes_nothing(hub, needs):
    await furnish(hub)
    async with hub.login("siti", *Role, half=True) as siti:
        if needs == "code":
            await hub.write(lambda conn: second_factor.begin(conn, "siti", now_ms=NOW))
        before = await hub.read(everything)
        crawl = Crawl(hub, siti)
        await crawl.all("/", *addresses(reading_routes(hub), "1"))
        assert crawl.wrong == []
        assert await hub.read(everything) == before


# The crawler's own eyes


async def test_a_change_by_reading_would_be_seen(hub, monkeypatch):
    async with hub.login("siti", *Role) as siti:
        before = await hub.read(everything)

        def forgetful(conn):
            second_factor.begin(conn, "siti", now_ms=NOW)

        await hub.write(forgetful)
        assert await hub.read(everything) != before
        crawl = Crawl(hub, siti)
        answer = await siti.get("/rivers")
        for change in (
            {"content-security-policy": ""},
            {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"},
            {
                "content-security-policy": answer.headers["content-security-policy"]
                + "; style-src 'unsafe-inline'"
            },
        ):
            answer.headers.update(change)
            crawl.judge("/rivers", answer)
        assert len(crawl.wrong) >= 4


def test_links_are_found_in_every_form():
    html = """<a href="/a?x=1&amp;y=2#z"> <form action='/b'> <div hx-get="/c?part=1"> <script src="/assets/d.js">
    <a href="https://example.org/"> <a href="//example.org/"> <a href="otpauth://x"> <a href="?which=closed">"""
    assert list(links("/e?f", html)) == ["/a?x=1&y=2", "/b", "/c?part=1", "/assets/d.js", "/e?which=closed"]
