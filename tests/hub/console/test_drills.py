"""The pages of drills: begun by who dispatches, one at a time, marked everywhere, and a report of every step."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from hub.agencies.current import plain_current
from hub.drills.tables import drills
from hub.incidents.tables import incidents
from tests.hub.agencies.profile import directory, region
from tests.hub.console.reading import first, text

WHAT = {"title": "Kebakaran di pasar", "kind": "fire", "place": "Lapangan latihan"}


@pytest.fixture
def city(hub):
    """A hub whose directory has contacts for drills."""
    found = region()
    hub.services = replace(hub.services, region=found, directories=plain_current(found, directory()))
    hub.app.state.services = hub.services
    return hub


async def rows(hub, table):
    return await hub.read(lambda conn: conn.execute(select(table)).all())


async def test_a_drill_is_begun_worked_on_and_ended_with_a_report(city):
    async with city.login("rani", "dispatcher") as rani:
        begun = await rani.post("/drills", data=WHAT)
        (incident,) = await rows(city, incidents)
        assert begun.status_code == 303
        assert begun.headers["location"] == f"/incidents/{incident.id}"
        assert "LATIHAN / EXERCISE" in (await rani.get(begun.headers["location"])).text
        assert "LATIHAN / EXERCISE" in (await rani.get("/incidents")).text
        place = f"/drills/{incident.drill}"
        assert f'href="{place}"' in (await rani.get("/drills")).text
        assert 'id="drill-end"' in (await rani.get(place)).text
        ended = await rani.post(f"{place}/end", data={"note": "radio terlalu pelan"})
        assert ended.headers["location"] == place
        report = (await rani.get(place)).text
    assert 'id="drill-end"' not in report
    assert "radio terlalu pelan" in text(report)
    assert first(r'id="drill-outside">([^<]+)<', report).startswith("0 / ")
    assert (await rows(city, drills))[0].ended_by == "rani"


async def test_one_drill_at_a_time(city):
    async with city.login("rani", "dispatcher") as rani:
        await rani.post("/drills", data=WHAT)
        again = await rani.post("/drills", data=WHAT)
    assert again.status_code == 422
    assert "Sedang ada latihan" in text(again.text)
    assert len(await rows(city, drills)) == 1


@pytest.mark.parametrize("lacks", [{"title": " "}, {"place": ""}, {"kind": "party"}])
async def test_what_is_not_said_is_asked_for(city, lacks):
    async with city.login("rani", "dispatcher") as rani:
        answer = await rani.post("/drills", data=WHAT | lacks)
    assert answer.status_code == 422
    assert "Tulis apa yang dilatih" in text(answer.text)
    assert await rows(city, drills) == []


async def test_who_does_not_dispatch_reads_and_begins_nothing(city):
    async with city.login("siti", "operator") as siti:
        page = (await siti.get("/drills")).text
        assert 'id="drill-begin"' not in page
        assert (await siti.post("/drills", data=WHAT)).status_code == 403
    assert await rows(city, drills) == []


async def test_a_city_without_contacts_for_drills_says_so(hub):
    async with hub.login("rani", "dispatcher") as rani:
        assert "tandai dulu kontak" in text((await rani.get("/drills")).text)
        answer = await rani.post("/drills", data=WHAT)
    assert answer.status_code == 422
