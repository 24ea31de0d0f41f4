"""The pages of the gateways: a plain word for each, a line that adds up, silent ones first."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import insert

from contract.messages import Beat, LaneAccount, State
from hub.console import gateways as view
from hub.console.gateways import Line
from hub.fleet import gateways as fleet
from hub.fleet import reads
from hub.fleet.tables import silences
from hub.ingest import ledger
from hub.ingest.tables import events, losses
from tests.hub.api.test_routes import row as event
from tests.hub.city import NOW, REGION
from tests.hub.console.test_rivers import text

EPOCH, BOOT = "0" * 16, "00000000"


async def heard(hub, gateway="gw-rs-1", *, accepted=10, committed=((1, 7),), **says):
    """A gateway that was born and has said of how many samples it knows."""
    lanes = {"telemetry": LaneAccount(epoch=EPOCH, next=accepted + 1, floor=1)}
    beat = Beat(gateway=gateway, boot=BOOT, mono_ms=1, interval_s=10, lanes=lanes, clock="ntp", **says)

    def write(conn):
        born = State(gateway=gateway, online=True, connection="c", boot=BOOT)
        fleet.note_state(conn, gateway, born, now_ms=NOW, retained=False)
        fleet.note_beat(conn, gateway, beat, now_ms=NOW)
        ledger.note_beat(conn, gateway, beat, now_ms=NOW)
        ledger.note_frame(
            conn, ledger.StreamKey(gateway, EPOCH, "telemetry"), committed=committed, now_ms=NOW
        )

    await hub.write(write)


async def seen(hub, path, language="id", name="tono"):
    async with hub.login(name, "technician") as technician:
        technician.cookies.set("siaga-lang", language)
        answer = await technician.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "id",
            ["RS Contoh", "daring", "7 tersimpan", "3 di jalan", "0 ditolak", "0 hilang", "jumlahnya cocok"],
        ),
        (
            "en",
            ["RS Contoh", "online", "7 committed", "3 on the way", "0 refused", "0 lost", "the sum is right"],
        ),
    ],
)
async def test_a_gateway_and_its_line_in_both_languages(hub, language, words):
    await heard(hub)
    shown = text(await seen(hub, "/gateways", language))
    for word in words:
        assert word in shown


async def test_silent_ones_come_first_with_since_when(hub):
    await heard(hub, "gw-pasar")
    await heard(hub, "gw-rs-1")
    known = fleet.registry(REGION)["gw-rs-1"]
    await hub.write(
        lambda conn: fleet.fall_silent(conn, known, since_ms=NOW - 60_000, reason="beats", now_ms=NOW)
    )
    hub.silent.add("gw-rs-1")
    html = await seen(hub, "/gateways")
    assert re.findall(r'id="gateway-([\w-]+)"', html) == ["gw-rs-1", "gw-pasar"]
    assert re.search(r"diam sejak \d\d-\d\d-\d{4} \d\d:\d\d:\d\d WIB", text(html))
    assert "priority-2" in html
    silent = text(await seen(hub, "/gateways/gw-rs-1", name="tini"))
    heard_now = text(await seen(hub, "/gateways/gw-pasar", name="tuti"))
    assert "Tanyakan di sana: adakah listrik" in silent
    assert "Tanyakan di sana" not in heard_now


async def test_one_that_was_never_heard_is_neither_silent_nor_online(hub):
    html = await seen(hub, "/gateways")
    assert html.count("is-unheard") == 2
    assert "2 belum pernah terdengar" in text(html)
    assert "0 daring" in text(html)
    assert "priority-2" not in html


async def test_what_the_last_beat_says_is_amiss(hub):
    await heard(hub, devices_down=("panel-icu",), under_voltage=True, time_error_ms=90_000)
    shown = text(await seen(hub, "/gateways"))
    for words in ("tidak menjawab: panel-icu", "tegangan listrik kurang", "waktu tidak pasti ±90 dtk"):
        assert words in shown


async def test_the_page_of_one_has_lanes_losses_silences_and_events(hub):
    await heard(hub)
    loss = {
        "gateway": "gw-rs-1",
        "epoch": EPOCH,
        "lane": "event",
        "first": 3,
        "last": 6,
        "from_ms": NOW - 9000,
    }
    loss |= {"to_ms": NOW - 8000, "reason": "full", "noted_ms": NOW}
    silence = {
        "gateway": "gw-rs-1",
        "since_ms": NOW - 90_000,
        "found_ms": NOW - 60_000,
        "until_ms": NOW - 30_000,
    }
    await hub.write(
        lambda conn: [
            conn.execute(insert(losses).values(loss)),
            conn.execute(insert(silences).values(silence | {"reason": "will"})),
            conn.execute(insert(events).values(event(t_ms=NOW - 1000))),
        ]
    )
    shown = text(await seen(hub, "/gateways/gw-rs-1"))
    assert "cuplikan 10 7 3 0 0" in shown
    assert re.search(r"kejadian 4 .* kartunya penuh", shown)
    assert re.search(r"1 mnt broker: sambungannya putus", shown)
    assert "Tempat tidur berubah p" in shown


async def test_a_loss_of_a_press_is_critical(hub):
    rows = await hub.read(hub.services.gateways)
    row = next(row for row in rows if row["gateway"] == "gw-rs-1")
    row |= {"lost": 2, "accepted": 2, "lanes": {"panic": {"lost": 2}}}
    (found,) = view.shown(REGION, [row])
    assert found.remarks[0].priority == 1


async def test_hold_is_said_in_words(hub):
    object.__setattr__(hub.services, "pipeline", lambda: {"flow": "hold"})
    assert "Tahan: InfluxDB" in text(await seen(hub, "/gateways"))


async def test_an_unknown_gateway_is_not_found_and_a_viewer_may_not_look(hub):
    async with hub.login("tono", "technician") as technician:
        assert (await technician.get("/gateways/gw-lain")).status_code == 404
    async with hub.login("layar", "viewer") as viewer:
        for path in ("/gateways", "/gateways/gw-rs-1"):
            answer = await viewer.get(path)
            assert answer.status_code == 403
            assert "tersimpan" not in answer.text


async def test_what_a_gateway_says_cannot_run_a_script(hub, monkeypatch):
    evil = "<script>alert(1)</script>"
    monkeypatch.setitem(REGION.sites, "rs-1", replace(REGION.sites["rs-1"], name=evil))
    await heard(hub, devices_down=(evil,), software=evil, config="<b>x</b>")
    for path, name in (("/gateways", "a-1"), ("/gateways/gw-rs-1", "a-2")):
        html = await seen(hub, path, name=name)
        assert "<script>alert" not in html
        assert "<b>x" not in html


def test_the_bar_is_whole_and_shows_the_smallest_part():
    parts = {one.part: one for one in Line(1_000_003, 1_000_000, 0, 0, 3).bar}
    assert set(parts) == {"committed", "lost"}
    assert parts["lost"].width > 10
    assert sum(one.width for one in parts.values()) == pytest.approx(1000, abs=0.5)
    assert Line(0, 0, 0, 0, 0).bar == []


def test_a_line_that_does_not_add_up_is_told():
    assert Line(10, 7, 2, 1, 0).difference == 0
    assert Line(10, 7, 2, 0, 0).difference == 1


def test_several_lines_in_one():
    assert view.total([Line(10, 7, 2, 1, 0), Line(5, 1, 1, 1, 2)]) == Line(15, 8, 3, 2, 2)
    assert view.total([]) == Line(0, 0, 0, 0, 0)


async def test_the_past_of_another_gateway_is_not_shown(hub):
    loss = {"gateway": "gw-pasar", "epoch": EPOCH, "lane": "event", "first": 3, "last": 6, "reason": "full"}
    await hub.write(lambda conn: conn.execute(insert(losses).values(loss | {"noted_ms": NOW})))
    assert await hub.read(lambda conn: reads.losses_of(conn, "gw-rs-1")) == []
    assert [one["count"] for one in await hub.read(lambda conn: reads.losses_of(conn, "gw-pasar"))] == [4]


async def test_a_gateway_that_is_revoked_says_so_and_no_other_does(hub):
    await heard(hub)
    known = fleet.registry(REGION).values()
    rows = await hub.services.db.read(lambda conn: fleet.overview(conn, known, {"gw-rs-1"}))
    for one in view.shown(REGION, rows):
        said = [remark.text for remark in one.remarks]
        assert any("trusted no more" in text for text in said) == (one.id == "gw-rs-1")


async def test_a_gateway_that_sends_too_much_says_so_and_no_other_does(hub, monkeypatch):
    await heard(hub)
    known = fleet.registry(REGION).values()
    flood = {"gw-rs-1": [{"lane": "panic", "refused": 1234, "for_ms": 20_000}]}
    rows = await hub.services.db.read(lambda conn: fleet.overview(conn, known, (), flood))
    for one in view.shown(REGION, rows):
        said = [remark for remark in one.remarks if "too much" in remark.text]
        assert [remark.values for remark in said] == ([{"number": 1234}] if one.id == "gw-rs-1" else [])
    assert "Melebihi jatah" not in await seen(hub, "/gateways/gw-rs-1", name="dewi")
    plain = fleet.overview
    monkeypatch.setattr(fleet, "overview", lambda conn, known: plain(conn, known, (), flood))
    shown = text(await seen(hub, "/gateways/gw-rs-1"))
    assert "Melebihi jatah tekanan: 1.234 dalam 20 dtk" in shown, shown
