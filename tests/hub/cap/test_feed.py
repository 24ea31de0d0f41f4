"""The feed is Atom by the musts of RFC 4287, and a foreign reader finds every message in it."""

import calendar
from datetime import datetime

import feedparser
import pytest
from lxml import etree

from hub.cap.feed import Entry, feed

ATOM = "{http://www.w3.org/2005/Atom}"
T = 1_795_313_874_000


def entry(n, **changes):
    values = {
        "identifier": f"kota-contoh.a1.{n}",
        "sender": "siaga@kota-contoh.example",
        "title": f"Peringatan {n} & banjir",
        "summary": "Siaga 2 di Bendung Hulu",
        "sent_ms": T + n * 1000,
        "path": f"/cap/kota-contoh.a1.{n}.xml",
    }
    return Entry(**{**values, **changes})


def made(*entries):
    return feed(
        entries,
        name="tag:kota-contoh.example,2026:cap",
        title="Peringatan Kota Contoh",
        author="Kota Contoh",
        address="https://siaga.kota-contoh.example",
        path="/cap/feed.atom",
        since_ms=T,
    )


def musts(document):
    """What RFC 4287 asks of a feed and ours lacks."""
    root = etree.fromstring(document)
    assert root.tag == f"{ATOM}feed"
    missing = []
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            found = element.findall(ATOM + name)
            if len(found) != 1 or not (found[0].text or "").strip():
                missing.append(f"{element.tag} has not one {name}")
        times = [datetime.fromisoformat(one.text) for one in element.findall(f"{ATOM}updated")]
        missing += ["a time without an offset" for one in times if one.utcoffset() is None]
        if element.find(f"{ATOM}content") is None and element.tag.endswith("entry"):
            links = [one.get("rel") for one in element.findall(f"{ATOM}link")]
            if "alternate" not in links:
                missing.append("an entry has neither content nor alternate link")
    if root.find(f"{ATOM}author/{ATOM}name") is None:
        missing.append("nobody has written it")
    ids = [one.findtext(f"{ATOM}id") for one in root.iter(f"{ATOM}entry")]
    if len(set(ids)) != len(ids):
        missing.append("two entries have one name")
    return missing


def test_it_has_all_that_atom_asks_for():
    assert musts(made(entry(1), entry(2))) == []
    assert musts(made()) == []


@pytest.mark.parametrize("part", [b"<updated>", b"<id>", b"<author>", b'rel="alternate"'])
def test_the_musts_are_looked_for(part):
    broken = made(entry(1)).replace(part, part.replace(b"<", b"<x").replace(b"alternate", b"other"))
    broken = broken.replace(part.replace(b"<", b"</"), part.replace(b"<", b"</x"))
    assert musts(broken) != []


def test_a_foreign_reader_finds_every_message_with_words_time_and_address():
    found = feedparser.parse(made(entry(1), entry(2)))
    assert not found.bozo
    assert found.version == "atom10"
    assert found.feed.title == "Peringatan Kota Contoh"
    first, second = found.entries
    assert first.title == "Peringatan 1 & banjir"
    assert first.links[0].href == "https://siaga.kota-contoh.example/cap/kota-contoh.a1.1.xml"
    assert first.links[0].type == "application/cap+xml"
    assert calendar.timegm(second.updated_parsed) * 1000 == T + 2000
    assert first.id != second.id
    assert found.feed.updated == second.updated


def test_a_feed_with_nothing_in_force_is_a_feed():
    found = feedparser.parse(made())
    assert not found.bozo
    assert found.entries == []
