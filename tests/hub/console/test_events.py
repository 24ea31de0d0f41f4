"""The page of events: records, levels and silences in words, late ones where they happened, nothing personal."""

import pytest
from sqlalchemy import insert

from contract.kinds import EVENT_KINDS, PANIC_KINDS
from hub.alarms.tables import level_changes
from hub.console import happened, words
from hub.fleet.tables import silences
from hub.ingest.tables import events
from tests.hub.api.test_routes import row
from tests.hub.city import NOW, REGION
from tests.hub.console.reading import text

LEVEL = {
    "station": "hulu", "t_ms": NOW - 60_000, "old_severity": 1, "new_severity": 2, "value_mm": 1620, "history": False,
    "gateway": "gw-pasar", "epoch": "e", "seq": 1, "noted_ms": NOW,
}  # fmt: skip
BODY = b'{"id":"00000000000000000000000000000001","kind":"%s","device":"%s","data":%s}'


def record(n=1, kind="bed_edge", device="panel-1", data=b"{}", **more):
    body = BODY % (kind.encode(), device.encode(), data)
    known = {"seq": n, "kind": kind, "device": device, "body": body, "t_ms": NOW - 1000, "age_ms": 5}
    return row(**(known | more))


async def seen(hub, *rows, path="/events", language="id", role="technician"):
    if rows:
        await hub.write(lambda conn: conn.execute(insert(events), list(rows)))
    async with hub.login("tono", role) as tono:
        tono.cookies.set("siaga-lang", language)
        answer = await tono.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.mark.parametrize(
    ("language", "words_of"),
    [("id", "Tempat tidur terisi RS Contoh , Mawar"), ("en", "Bed taken RS Contoh , Mawar")],
)
async def test_a_record_is_a_sentence_with_its_place(hub, language, words_of):
    html = await seen(hub, record(data=b'{"active":true}'), language=language)
    assert words_of in text(html)
    assert "active" not in text(html)


async def test_why_a_device_is_down_is_said_and_what_came_late_is_marked(hub):
    html = await seen(
        hub,
        record(1, "device_down", "level-1", b'{"reason":"no_answer","text":"x"}', age_ms=7_200_000),
        record(2, "gateway_start", "", b"{}", t_ms=None, age_ms=None),
    )
    shown = text(html)
    assert "Perangkat tidak menjawab (tidak menjawab)" in shown
    assert "terlambat 2 jam 00 mnt" in shown
    assert "keterlambatan tidak diketahui" in shown
    assert "≈" in shown


async def test_levels_and_silences_are_among_them(hub):
    quiet = {
        "gateway": "gw-pasar",
        "since_ms": NOW - 90_000,
        "found_ms": NOW - 60_000,
        "until_ms": NOW,
        "reason": "will",
    }
    await hub.write(lambda conn: conn.execute(insert(level_changes).values(LEVEL)))
    await hub.write(lambda conn: conn.execute(insert(silences).values(quiet)))
    shown = text(await seen(hub))
    for word in (
        "Naik: Siaga 3 ke Siaga 2",
        "Gateway tidak terdengar (sambungannya putus)",
        "Gateway terdengar lagi",
    ):
        assert word in shown


async def test_one_subject_alone(hub):
    await hub.write(lambda conn: conn.execute(insert(level_changes).values(LEVEL)))
    shown = text(await seen(hub, record(), path="/events?about=river"))
    assert "Naik: Siaga 3 ke Siaga 2" in shown
    assert "Tempat tidur berubah" not in shown


@pytest.mark.parametrize("about", ["nonsense", "<script>", ""])
async def test_a_subject_that_there_is_not_is_all(hub, about):
    html = await seen(hub, record(), path=f"/events?about={about}")
    assert "Tempat tidur berubah" in text(html)
    assert "<script>&" not in html


async def test_what_is_older_than_an_hour_is_not_there(hub):
    shown = text(await seen(hub, record(received_ms=NOW - 3_601_000, t_ms=NOW - 3_601_000)))
    assert "Tidak ada kejadian." in shown


async def test_nothing_that_names_a_person_is_shown(hub):
    html = await seen(hub, record(1, "attendance_scan", "r", b'{"who":"p9","reason":"p9"}'))
    assert "Kehadiran tercatat" in text(html)
    assert "p9" not in html


async def test_words_that_a_gateway_made_up_are_text(hub):
    hostile = "<script>alert(1)</script>%(x)s"
    rows = [record(1, hostile[:60], hostile[:60], b'{"reason":"<b>%(y)s</b>"}')]
    html = await seen(hub, *rows)
    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html
    assert "<b>%" not in html


def test_every_kind_of_event_has_its_words_and_no_other():
    assert set(words.EVENTS) == {*PANIC_KINDS, *EVENT_KINDS}
    assert set(happened._ABOUT_KIND) <= set(words.EVENTS)


@pytest.mark.parametrize(
    ("changes", "mark"),
    [
        ({"again": True}, "lagi, setelah pemulihan"),
        ({"conflict": True}, "nomor yang sama dua kali"),
        ({"malformed": True}, "cacat bentuk"),
        ({"data": b'{"initial":true}'}, "ditemukan saat gateway mulai"),
    ],
)
async def test_what_is_special_about_a_record_is_said(hub, changes, mark):
    assert mark in text(await seen(hub, record(**changes)))


def test_a_silence_of_a_gateway_that_the_profile_no_longer_has():
    lines = happened.of_silence(
        REGION, {"id": 1, "gateway": "gw-lama", "found_ms": 1, "until_ms": None, "reason": "beats"}
    )
    assert [line.place for line in lines] == ["gw-lama"]
