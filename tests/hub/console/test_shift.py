"""The watch on its page: a hand-over from one person to the next, the sound check, and what is to be done."""

from sqlalchemy import select

from hub.api import audit
from hub.incidents.service import Incidents
from hub.shifts import reads
from hub.shifts.tables import shift_items
from tests.hub.city import REGION, press
from tests.hub.console.reading import first, text


async def present(hub):
    return await hub.read(reads.present)


async def attended(hub):
    return await hub.read(
        lambda conn: reads.attended(conn, hub.services.timeouts, hub.services.clock.now_ms())
    )


async def test_a_hand_over_from_one_to_the_next(hub):
    await hub.write(lambda conn: Incidents(REGION).panic(conn, press()))
    async with hub.login("rina", "operator") as rina, hub.login("adi", "dispatcher") as adi:
        html = (await rina.get("/shift")).text
        assert 'id="unattended"' in html
        assert 'id="handover-take"' in html
        answer = await rina.post("/shift/take", data={"shift": "0", "heard": "true"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/shift")
        assert await attended(hub)
        await rina.post("/shift/note", data={"text": "Pompa pasar mati <b>"})
        await rina.post("/shift/items", data={"text": "telepon PLN"})
        html = (await adi.get("/shift")).text
        assert "Rina: Pompa pasar mati &lt;b&gt;" in html
        assert "telepon PLN" in html
        assert "Tombol IGD" in html
        assert 'id="unattended"' not in html
        seen = first(r'name="shift" value="(\d+)"', html)
        assert (await adi.post("/shift/take", data={"shift": seen})).status_code == 303
        assert not await attended(hub), "the next one has not heard the sound"
        html = (await adi.get("/shift")).text
        assert 'id="unattended"' in html
        assert "Pompa pasar mati" in html, "the note of the shift before"
        assert (await adi.post("/shift/hear")).status_code == 303
        assert await attended(hub)
    actions = [row["action"] for row in await hub.read(audit.listed) if row["action"].startswith("shift")]
    assert actions[::-1] == ["shift.take", "shift.note", "shift.item", "shift.take", "shift.hear"]


async def test_who_saw_an_older_shift_is_told_and_can_join(hub):
    async with hub.login("rina", "operator") as rina, hub.login("adi", "operator") as adi:
        await rina.post("/shift/take", data={"shift": "0"})
        answer = await adi.post("/shift/take", data={"shift": "0"})
        assert answer.status_code == 409
        assert "Orang lain baru saja" in text(answer.text)
        assert (await adi.post("/shift/join")).status_code == 303
        assert {one["user"] for one in (await present(hub))["people"]} == {"rina", "adi"}
        assert (await adi.post("/shift/leave")).status_code == 303
        assert (await adi.post("/shift/leave")).status_code == 409
        assert (await adi.post("/shift/hear")).status_code == 409


async def test_what_is_to_be_done_is_done_once(hub):
    async with hub.login("rina", "operator") as rina:
        assert (await rina.post("/shift/items", data={"text": " "})).status_code == 422
        assert (await rina.post("/shift/note", data={"text": "x"})).status_code == 422, "no shift yet"
        await rina.post("/shift/items", data={"text": "ganti baterai"})
        (item,) = await hub.read(lambda conn: conn.execute(select(shift_items)).all())
        for _ in range(2):
            assert (await rina.post(f"/shift/items/{item.id}/done")).status_code == 303
        assert (await rina.post("/shift/items/99/done")).status_code == 409
        assert "ganti baterai" not in (await rina.get("/shift")).text


async def test_who_does_not_work_on_incidents_has_no_watch(hub):
    async with hub.login("tono", "technician") as tono:
        assert (await tono.get("/shift")).status_code == 403
        assert (await tono.post("/shift/take", data={})).status_code == 403
