"""The page behind a one-time link: what it asks, what an answer changes, and that neither looking nor guessing does."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from hub.agencies.directory import Contact
from hub.incidents import actions
from hub.incidents.service import Incidents
from hub.incidents.tables import assignments, incidents
from hub.incidents.timeline import Actor
from hub.notify import asks, facts
from hub.notify.links import Links
from hub.notify.policy import Priority
from hub.notify.tables import asks as questions
from hub.notify.tables import outbox
from tests.hub.city import NOW, REGION, press
from tests.hub.console.reading import first, text

SITI = Actor("siti", "console")
CONTACT = Contact("pos-1", "damkar", "Pos 1", "first", phone="0812-555-1", channels=("damkar-hook",))
LINKS = Links("https://siaga.example", b"k" * 32)


@pytest.fixture
async def link(hub):
    """The path of a link that asks the fire service about a verified press."""
    hub.app.state.services = hub.services = replace(hub.services, links=LINKS)
    await hub.write(lambda conn: Incidents(REGION).panic(conn, press()))

    def ask(conn):
        incident = conn.execute(select(incidents.c.id)).scalar_one()
        for version, (step, more) in enumerate((("verify", {}), ("assign", {"agency": "damkar"})), 1):
            actions.act(conn, REGION, incident, step, actor=SITI, version=version, now_ms=NOW, **more)
        question = asks.Question(
            key="q",
            incident_id=incident,
            assignment=f"{incident}-1",
            kind="dispatch",
            title="TUGAS",
            text="Mohon jawab",
            priority=Priority.HIGH,
        )
        assert asks.ask(conn, CONTACT, question, now_ms=NOW)
        return conn.execute(select(outbox.c.link).where(outbox.c.link.is_not(None))).scalar_one()

    return f"/j/{LINKS.token(await hub.write(ask))}"


async def state(hub):
    return await hub.read(lambda conn: conn.execute(select(assignments.c.state)).scalar_one())


async def proven(hub):
    found = await hub.read(lambda conn: facts.of(conn, conn.execute(select(incidents.c.id)).scalar_one()))
    return {
        fact for key, one in found.items() if key.startswith("ask/") for fact, proof in one.items() if proof
    }


def buttons(html):
    return re.findall(r'<button[^>]* name="word" value="(\w+)"', html)


async def test_it_says_what_is_asked_of_whom_and_offers_four_answers_and_a_refusal(hub, link):
    async with hub.client() as phone:
        answer = await phone.get(link)
    assert answer.status_code == 200
    for word in ("Tombol IGD", "RS Contoh, meja perawat", "Dinas Kebakaran", "Pos 1", "#1", "021-555-0101"):
        assert word in text(answer.text)
    assert buttons(answer.text) == ["received", "on_the_way", "on_scene", "done", "cannot"]
    assert "LATIHAN" not in answer.text
    assert answer.headers["referrer-policy"] == "same-origin"
    assert len(answer.content) < 4000


async def test_fetching_it_proves_nothing_and_the_open_page_proves_that_it_was_seen(hub, link):
    async with hub.client() as phone:
        await phone.get(link)
        assert await proven(hub) == set()
        assert (await phone.post(f"{link}/seen")).status_code == 204
    assert await proven(hub) == {"delivered", "seen"}


async def test_an_answer_is_the_agencys_step_and_the_page_comes_back_with_it(hub, link):
    async with hub.client() as phone:
        answer = await phone.post(link, data={"word": "on_the_way"})
        assert answer.status_code == 200
        assert "Jawaban Anda dicatat" in text(answer.text)
        assert await state(hub) == "en_route"
        assert await proven(hub) == {"delivered", "seen", "acted"}
        again = await phone.post(link, data={"word": "on_the_way"})
        assert again.status_code == 200
        assert await state(hub) == "en_route"
        last = await phone.post(link, data={"word": "done"})
    assert await state(hub) == "done"
    assert buttons(last.text) == []


async def test_who_cannot_may_say_why(hub, link):
    async with hub.client() as phone:
        await phone.post(link, data={"word": "cannot", "note": "  ban bocor "})
    assert await state(hub) == "refused"
    async with hub.login("siti", "operator") as siti:
        found = (await siti.get("/incidents")).text
        one = first(r'href="(/incidents/\w{20,})"', found)
        assert "ban bocor" in text((await siti.get(one)).text)


async def test_a_forged_link_is_told_nothing_and_changes_nothing(hub, link):
    wrong = link[:-1] + ("A" if link[-1] != "A" else "B")
    async with hub.client() as phone:
        for answer in (
            await phone.get(wrong),
            await phone.post(wrong, data={"word": "done"}),
            await phone.post(f"{wrong}/seen"),
        ):
            assert answer.status_code == 404
            assert "Tombol IGD" not in answer.text
    assert await state(hub) == "assigned"
    assert await proven(hub) == set()


async def test_when_it_is_over_nothing_is_asked_and_nothing_noted(hub, link):
    ended = update(questions).values(ended_ms=NOW)
    await hub.write(lambda conn: conn.execute(ended))
    async with hub.client() as phone:
        assert buttons((await phone.get(link)).text) == []
        late = await phone.post(link, data={"word": "received"})
    assert "Sudah berakhir" in text(late.text)
    assert await state(hub) == "assigned"


@pytest.mark.parametrize("sent", [{"word": "yes"}, {}, {"word": "done", "note": "x" * 301}])
async def test_what_is_no_answer_is_refused(hub, link, sent):
    async with hub.client() as phone:
        assert (await phone.post(link, data=sent)).status_code == 422
    assert await state(hub) == "assigned"


async def test_a_hub_without_links_has_no_such_page(hub):
    async with hub.client() as phone:
        assert (await phone.get("/j/abc")).status_code == 404
        assert (await phone.post("/j/abc", data={"word": "done"})).status_code == 404
