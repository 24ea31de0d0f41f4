"""The form for a telephone call: one incident, claimed by who wrote it down, refused in words where something lacks."""

import pytest
from sqlalchemy import select

from hub.incidents.tables import incidents
from tests.hub.city import NOW
from tests.hub.console.reading import first, text


async def form(client):
    page = (await client.get("/incidents/new")).text
    return {
        "csrf": first(r'name="csrf" value="([^"]+)"', page),
        "key": first(r'name="key" value="(\w+)"', page),
        "origin": "call",
        "kind": "fire",
        "caller": "0812-555-0100",
        "place": "Warung di seberang RS Contoh",
        "description": "",
        "priority": "2",
        "lat": "",
        "lon": "",
    }


async def rows(hub):
    return await hub.read(lambda conn: conn.execute(select(incidents)).all())


async def test_a_call_becomes_an_incident_of_who_took_it(hub):
    async with hub.login("siti", "operator") as siti:
        sent = await form(siti)
        answer = await siti.post("/incidents/new", data=sent)
        (row,) = await rows(hub)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/incidents/{row.id}"
        page = text((await siti.get(answer.headers["location"])).text)
    assert (row.kind, row.origin, row.caller) == ("fire", "call", "0812-555-0100")
    assert (row.state, row.acknowledged_by, row.claimed_by) == ("unverified", "siti", "siti")
    assert row.opened_ms == NOW
    for word in ("Kebakaran", "Telepon", "0812-555-0100", "Warung di seberang RS Contoh"):
        assert word in page


async def test_the_same_form_sent_twice_is_one_incident(hub):
    async with hub.login("siti", "operator") as siti:
        sent = await form(siti)
        both = [(await siti.post("/incidents/new", data=sent)).headers["location"] for _ in range(2)]
        assert both[0] == both[1]
        assert len(await rows(hub)) == 1
        await siti.post("/incidents/new", data=await form(siti))
        assert len(await rows(hub)) == 2


async def test_a_sites_name_is_its_place(hub):
    async with hub.login("siti", "operator") as siti:
        await siti.post("/incidents/new", data=await form(siti) | {"place": " pasar contoh "})
    (row,) = await rows(hub)
    assert (row.site, row.lat, row.lon) == ("pasar", -7.31, 108.21)


async def test_a_point_on_the_sketch_counts_before_the_name(hub):
    async with hub.login("siti", "operator") as siti:
        at = {"place": "Pasar Contoh", "lat": "-7.3055", "lon": "108,2099"}
        await siti.post("/incidents/new", data=await form(siti) | at)
    (row,) = await rows(hub)
    assert (row.site, row.lat, row.lon) == ("pasar", -7.3055, 108.2099)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": ""}, "Pilih apa yang terjadi."),
        ({"kind": "panic"}, "Pilih apa yang terjadi."),
        ({"origin": "gateway"}, "Pilih dari mana diketahui."),
        ({"place": "  "}, "Tulis di mana tempatnya."),
        ({"lat": "-7.3"}, "bukan lintang dan bujur"),
        ({"lat": "-97.3", "lon": "108"}, "bukan lintang dan bujur"),
        ({"lat": "nan", "lon": "108"}, "bukan lintang dan bujur"),
        ({"key": ""}, "Buka formulirnya lagi."),
    ],
)
async def test_what_lacks_something_is_told_and_keeps_what_was_typed(hub, changes, said):
    async with hub.login("siti", "operator") as siti:
        answer = await siti.post("/incidents/new", data=await form(siti) | changes)
    assert answer.status_code == 422
    assert said in text(answer.text)
    assert "0812-555-0100" in answer.text
    assert await rows(hub) == []


async def test_open_incidents_stand_beside_the_form_for_it_may_be_one_of_them(hub):
    async with hub.login("siti", "operator") as siti:
        await siti.post("/incidents/new", data=await form(siti))
        page = text((await siti.get("/incidents/new")).text)
    assert "#1" in page
    assert "Warung di seberang RS Contoh" in page


async def test_who_only_watches_writes_nothing_down(hub):
    async with hub.login("layar", "viewer") as layar:
        assert (await layar.get("/incidents/new")).status_code == 403
        assert "/incidents/new" not in (await layar.get("/incidents")).text
