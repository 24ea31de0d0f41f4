"""The commissioning page: what the hub sees is kept beside a technician's word, and nothing is signed too early."""

from __future__ import annotations

import re
from itertools import count

import pytest
from sqlalchemy import insert

from contract.messages import Beat, LaneAccount, State
from hub.api import audit
from hub.commissioning import jpeg, plan, record
from hub.fleet import gateways as fleet
from hub.ingest.tables import events
from hub.rules.model import StationState
from hub.series.errors import Unavailable
from tests.hub.api.test_routes import row as event
from tests.hub.city import NOW, REGION
from tests.hub.commissioning.pictures import PLACE
from tests.hub.commissioning.pictures import jpeg as picture
from tests.hub.console.reading import text

PASAR, RS = "/commissioning/gw-pasar", "/commissioning/gw-rs-1"


_numbers = count(1)


async def heard(hub, gateway="gw-pasar", *, clock="ntp", epoch="0" * 16, **says):
    beat = Beat(
        gateway=gateway,
        boot="00000000",
        mono_ms=1,
        interval_s=10,
        lanes={"telemetry": LaneAccount(epoch=epoch, next=1, floor=1)},
        clock=clock,
        **{"config": "c0ffee"} | says,
    )
    born = State(gateway=gateway, online=True, connection="c", boot="00000000")
    await hub.write(
        lambda conn: fleet.note_state(conn, gateway, born, now_ms=hub.clock.at_ms, retained=False)
    )
    await hub.write(lambda conn: fleet.note_beat(conn, gateway, beat, now_ms=hub.clock.at_ms))


def measured(hub, device="level-1", **values):
    hub.curves.rows = [{"device": device, "gateway": "gw-pasar", "time": NOW - 1000, **values}]


def level(hub, value_mm, age_ms=2000):
    hub.levels[:] = [StationState("hulu", value_mm=value_mm, at_ms=NOW - age_ms, seq=1)]


async def press(hub, device="btn-1", gateway="gw-pasar", *, ago_ms=5000, **values):
    values = {"kind": "panic_press", "device": device, "gateway": gateway, "lane": "panic", **values}
    number = next(_numbers)
    values |= {"seq": number, "hash": f"{number:064x}", "event_id": f"{number:032x}"}
    one = event(received_ms=NOW - ago_ms, t_ms=NOW - ago_ms - 80, age_ms=80, **values)
    await hub.write(lambda conn: conn.execute(insert(events), one))


async def send(client, item, outcome="good", path=PASAR, **more):
    return await client.post(f"{path}/checks", data={"item": item, "outcome": outcome, **more})


async def prove_all(hub, client):
    """Everything that gw-pasar needs but the signature."""
    await heard(hub)
    measured(hub, level_m=1.25)
    level(hub, 1250)
    await press(hub)
    assert (await client.post(f"{PASAR}/begin")).status_code == 200
    assert (await send(client, "device:level-1")).status_code == 200
    assert (await send(client, "ruler:hulu", staff_cm="124,0")).status_code == 200
    assert (await send(client, "press:kios")).status_code == 200
    assert (await send(client, "device:btn-1", "skipped", note="tombol tanpa nilai")).status_code == 200
    answer = await client.post(f"{PASAR}/photos", content=picture())
    assert answer.status_code == 200, answer.text
    return answer


def test_everything_that_the_profile_knows_behind_a_gateway_is_looked_at():
    assert [item.id for item in plan.items(REGION, "gw-pasar")] == [
        "device:level-1",
        "device:btn-1",
        "ruler:hulu",
        "press:kios",
        "photo",
    ]
    assert {item.id for item in plan.items(REGION, "gw-rs-1")} == {
        "device:panel-1",
        "device:btn-1",
        "device:btn-2",
        "press:igd",
        "press:lobi",
        "photo",
    }


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "id",
            [
                "Uji terima",
                "Jaringan",
                "terakhir terdengar",
                "Uji mistar",
                "Pos Hulu",
                "1,250",
                "belum pernah",
            ],
        ),
        (
            "en",
            [
                "Commissioning",
                "Network",
                "last heard",
                "Ruler test",
                "Pos Hulu",
                "1.250",
                "never commissioned",
            ],
        ),
    ],
)
async def test_the_page_says_what_is_now_in_both_languages(hub, language, words):
    await heard(hub)
    measured(hub, level_m=1.25, level_m_q=1)
    level(hub, 1250)
    async with hub.login("tono", "technician") as client:
        client.cookies.set("siaga-lang", language)
        page = text((await client.get(PASAR)).text)
        for word in words:
            assert word in page
        assert hub.curves.asked[-1][1] == {"gateway": "gw-pasar"}
        everyone = text((await client.get("/commissioning")).text)
        assert "Pasar Contoh" in everyone
        assert "RS Contoh" in everyone
        live = (await client.get(f"{PASAR}?part=live")).text
        assert set(re.findall(r'id="live-([\w-]+)"', live)) == {
            "network",
            "clock",
            "device-level-1",
            "device-btn-1",
            "ruler-hulu",
            "press-kios",
        }


async def test_from_begin_to_signature_with_what_the_hub_saw(hub):
    async with hub.login("tono", "technician") as client:
        await prove_all(hub, client)
        answer = await client.post(
            f"{PASAR}/sign", data={"signer": "Tono Teknisi", "strokes": "1.2-30.40_5.6"}
        )
        assert answer.status_code == 200, answer.text
        assert "M 1 2 L 30 40 M 5 6" in answer.text
        assert "Tono Teknisi" in answer.text
        assert 'name="outcome"' not in answer.text, "it is closed"
    found = await hub.read(lambda conn: record.newest(conn, "gw-pasar"))
    latest = found.latest
    assert latest["device:level-1"].data == {"t_ms": NOW - 1000, "values": {"level_m": 1.25}}
    assert latest["ruler:hulu"].data == {
        "staff_mm": 1240,
        "value_mm": 1250,
        "difference_mm": 10,
        "age_ms": 2000,
    }
    assert latest["press:kios"].data["age_ms"] == 80
    assert latest["signature"].data["config"] == "c0ffee"
    assert latest["signature"].data["clock"] == "ntp"
    trail = await hub.read(audit.listed)
    mine = [line for line in trail if line["action"].startswith("commissioning.")]
    assert [line["action"] for line in reversed(mine)] == [
        "commissioning.begin",
        *["commissioning.check"] * 4,
        "commissioning.photo",
        "commissioning.sign",
    ]
    assert {line["actor"] for line in mine} == {"tono"}
    assert mine[0]["detail"]["signer"] == "Tono Teknisi"
    assert mine[0]["detail"]["entry"] == 6
    assert await hub.read(audit.first_fault) is None


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({}, []),
        ({"epoch": "1" * 16}, ["Papan atau kartunya berganti"]),
        ({"config": "beef"}, ["konfigurasinya berganti"]),
    ],
)
async def test_what_is_another_one_since_the_signature_is_said(hub, says, words):
    async with hub.login("tono", "technician") as client:
        await prove_all(hub, client)
        await client.post(f"{PASAR}/sign", data={"signer": "Tono"})
        await heard(hub, **says)
        page = text((await client.get(PASAR)).text)
    assert [
        word for word in ("Papan atau kartunya berganti", "konfigurasinya berganti") if word in page
    ] == words


async def test_a_photo_is_kept_without_its_place_and_only_its_gateway_has_it(hub):
    async with hub.login("tono", "technician") as client:
        answer = await prove_all(hub, client)
        (address,) = set(re.findall(r'src="(/commissioning/gw-pasar/photos/\d+)"', answer.text))
        shown = await client.get(address)
        assert shown.headers["content-type"] == "image/jpeg"
        assert shown.headers["x-content-type-options"] == "nosniff"
        assert shown.content == jpeg.clean(picture()).data
        assert PLACE not in shown.content
        assert (await client.get(address.replace("pasar", "rs-1"))).status_code == 404
        for wrong in (b"<svg/>", b"", picture()[:-9]):
            assert (await client.post(f"{PASAR}/photos", content=wrong)).status_code == 422
        large = await client.post(f"{PASAR}/photos", content=picture() + bytes(jpeg.MOST_BYTES))
        assert large.status_code == 413
        assert (await client.post(f"{PASAR}/checks", content=bytes(100_000))).status_code == 413
    found = await hub.read(lambda conn: record.newest(conn, "gw-pasar"))
    assert len(found.photos) == 1


async def test_nothing_is_signed_while_something_is_missing(hub):
    async with hub.login("tono", "technician") as client:
        await prove_all(hub, client)
        assert (await client.post(f"{PASAR}/sign", data={"signer": " "})).status_code == 422
        assert (await client.post(f"{PASAR}/sign", data={"signer": "T", "strokes": '"/>'})).status_code == 422
        await send(client, "ruler:hulu", staff_cm="110")
        assert (await client.post(f"{PASAR}/sign", data={"signer": "T"})).status_code == 409
        await send(client, "ruler:hulu", staff_cm="125")
        await heard(hub, clock="none")
        assert (await client.post(f"{PASAR}/sign", data={"signer": "T"})).status_code == 409
        await heard(hub)
        hub.clock.at_ms = NOW + 31_000
        assert (await client.post(f"{PASAR}/sign", data={"signer": "T"})).status_code == 409, "silent"
        await heard(hub)
        assert (await client.post(f"{PASAR}/sign", data={"signer": "T"})).status_code == 200
        assert (await client.post(f"{PASAR}/sign", data={"signer": "T"})).status_code == 409, "it is closed"
        assert (await send(client, "photo", "skipped", note="x")).status_code == 409
        assert (await client.post(f"{PASAR}/begin")).status_code == 200
    found = await hub.read(lambda conn: record.newest(conn, "gw-pasar"))
    assert (found.signed_ms, found.entries) == (None, ())


@pytest.mark.parametrize(
    ("staff", "outcome"),
    [("125", "good"), ("123", "good"), ("127.0", "good"), ("127.1", "bad"), ("12.5", "bad")],
)
async def test_a_gauge_is_held_to_its_staff(hub, staff, outcome):
    level(hub, 1250)
    async with hub.login("tono", "technician") as client:
        await client.post(f"{PASAR}/begin")
        assert (await send(client, "ruler:hulu", staff_cm=staff)).status_code == 200
    found = await hub.read(lambda conn: record.newest(conn, "gw-pasar"))
    assert found.outcomes == {"ruler:hulu": outcome}


async def test_what_the_hub_does_not_see_cannot_be_called_good(hub):
    async with hub.login("tono", "technician") as client:
        assert (await send(client, "photo", "skipped", note="x")).status_code == 409, "none is open"
        await client.post(f"{PASAR}/begin")
        for item, more, status in (
            ("device:level-1", {}, 409),
            ("ruler:hulu", {"staff_cm": "125"}, 409),
            ("ruler:hulu", {"staff_cm": "nan"}, 422),
            ("ruler:hulu", {"staff_cm": ""}, 422),
            ("press:kios", {}, 409),
            ("photo", {}, 422),
            ("device:lain", {}, 404),
            ("press:igd", {}, 404),
        ):
            assert (await send(client, item, **more)).status_code == status, item
        level(hub, 1250, age_ms=400_000)
        assert (await send(client, "ruler:hulu", staff_cm="125")).status_code == 409, "an old value"
        await press(hub, ago_ms=plan.PRESS_MS + 1)
        await press(hub, again=True)
        await press(hub, kind="panic_release")
        await press(hub, device="btn-9")
        assert (await send(client, "press:kios")).status_code == 409
        await press(hub)
        assert (await send(client, "press:kios")).status_code == 200
        assert (await send(client, "press:kios", "bad")).status_code == 422, "why?"
        assert (await send(client, "press:kios", "bad", note="macet")).status_code == 200


async def test_what_is_amiss_with_a_value_is_kept_with_it(hub):
    measured(hub, level_m=1.25, level_m_q=1, tips=5)
    async with hub.login("tono", "technician") as client:
        await client.post(f"{PASAR}/begin")
        assert "di luar rentang" in text((await send(client, "device:level-1")).text)
    found = await hub.read(lambda conn: record.newest(conn, "gw-pasar"))
    assert found.latest["device:level-1"].data == {
        "t_ms": NOW - 1000,
        "values": {"level_m": 1.25, "tips": 5},
        "quality": {"level_m": 1},
    }


@pytest.mark.parametrize(("pressed", "word"), [(0, "tombol tidak ditekan"), (1, "tombol ditekan")])
async def test_what_a_button_says_is_said_in_words(hub, pressed, word):
    await heard(hub)
    measured(hub, device="btn-1", pressed=pressed)
    async with hub.login("tono", "technician") as client:
        await client.post(f"{PASAR}/begin")
        assert word in text((await client.get(PASAR)).text)


async def test_without_influxdb_the_page_says_so_and_opens(hub):
    await heard(hub)
    hub.curves.error = Unavailable("gone")
    async with hub.login("tono", "technician") as client:
        await client.post(f"{PASAR}/begin")
        assert "InfluxDB tidak menjawab" in text((await client.get(PASAR)).text)
        assert (await send(client, "device:level-1")).status_code == 503


async def test_others_read_it_and_change_nothing(hub):
    await heard(hub)
    async with hub.login("tono", "technician") as client:
        await client.post(f"{PASAR}/begin")
    async with hub.login("olga", "operator") as client:
        page = await client.get(PASAR)
        assert page.status_code == 200
        assert "<form hx-post" not in page.text
        assert (await send(client, "photo", "skipped", note="x")).status_code == 403
        assert (await client.post(f"{PASAR}/photos", content=picture())).status_code == 403
        assert (await client.get("/commissioning/gw-x")).status_code == 404
    async with hub.login("layar", "viewer") as client:
        assert (await client.get(PASAR)).status_code == 403


async def test_what_people_and_devices_wrote_is_text(hub):
    hostile = "<img src=x onerror=alert(1)>"
    await heard(hub)
    measured(hub, level_m=1.25)
    async with hub.login("tono", "technician") as client:
        await client.post(f"{PASAR}/begin")
        assert hostile not in (await send(client, "press:kios", "bad", note=hostile)).text
        assert hostile not in (await client.get(PASAR)).text
