"""One incident's page: each agency on its own clock, whom it is asking, the checklist, what may be the same."""

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select

from hub.agencies.current import plain_current
from hub.escalation.asking import City, Rung, climb
from hub.escalation.worker import waiting
from hub.incidents import actions, by_hand
from hub.incidents.by_hand import Report
from hub.incidents.service import Incidents
from hub.incidents.tables import assignments, checklist_ticks, incidents
from hub.incidents.timeline import Actor
from hub.notify import asks
from hub.region.model import Camera, ChecklistItem, Vehicle
from hub.series.errors import SeriesError
from tests.hub.agencies.profile import directory, region
from tests.hub.city import NOW, REGION, press
from tests.hub.console.reading import text

SITI = Actor("siti", "console")


@pytest.fixture
async def one(hub):
    """The path of a verified press that two agencies are assigned to."""
    await hub.write(partial(Incidents(REGION).panic, event=press()))

    def assign(conn):
        incident = conn.execute(select(incidents.c.id)).scalar_one()
        steps = (("verify", None), ("assign", "damkar"), ("assign", "bpbd"))
        for version, (step, agency) in enumerate(steps, 1):
            actions.act(conn, REGION, incident, step, actor=SITI, version=version, now_ms=NOW, agency=agency)
        return incident

    return f"/incidents/{await hub.write(assign)}"


async def states(hub):
    query = select(assignments.c.agency, assignments.c.state).order_by(assignments.c.n)
    return await hub.read(lambda conn: [tuple(row) for row in conn.execute(query)])


async def test_each_agency_has_a_track_of_its_own_and_its_own_steps(hub, one):
    async with hub.login("rani", "dispatcher") as rani:
        page = (await rani.get(one)).text
        assert page.count('class="part part-assigned"') == 2
        incident = one.rpartition("/")[2]
        for step in ("accept", "arrive", "refuse"):
            for n in (1, 2):
                assert f'id="do-{step}-{incident}-{n}"' in page
        answer = await rani.post(f"{one}/depart", data={"version": "4", "agency": "bpbd"})
        assert answer.status_code == 200
        assert await states(hub) == [("damkar", "assigned"), ("bpbd", "en_route")]
        assert 'class="part part-en_route"' in answer.text
        assert f'id="do-accept-{incident}-2"' not in answer.text


async def test_an_operator_takes_an_agencys_word_and_who_watches_does_not(hub, one):
    async with hub.login("siti", "operator") as siti, hub.login("layar", "viewer") as layar:
        assert "do-accept-" in (await siti.get(one)).text
        shown = (await layar.get(one)).text
        assert "part-assigned" in shown
        assert "do-accept-" not in shown
        assert 'id="attach"' not in shown


async def test_it_says_whom_an_escalation_has_asked_and_asks_next(hub, one):
    profile = directory()
    city = City(region(), profile, lambda conn, now_ms: True, asks.ask)

    def take_rungs(conn):
        for row in waiting(conn):
            climb(conn, Rung.of(row), city, now_ms=NOW)

    await hub.write(take_rungs)
    async with hub.login("siti", "operator") as siti:
        shown = text((await siti.get(one)).text)
    assert "Dinas harus menjawab · berikutnya ditanya: kontak kedua" in shown
    assert "kontak pertama bpbd-pusdalops" in shown
    assert "Terkirim: belum terbukti" in shown


async def test_an_item_of_the_checklist_is_ticked_and_unticked(hub, one):
    items = (ChecklistItem("ring-back", "Telepon balik", "Call back"),)
    hub.app.state.services = replace(hub.services, region=replace(REGION, checklists={"panic": items}))
    ticked = select(checklist_ticks.c.item, checklist_ticks.c.done_by)

    async def found():
        return await hub.read(lambda conn: [tuple(row) for row in conn.execute(ticked)])

    async with hub.login("siti", "operator") as siti:
        assert 'aria-checked="false"' in (await siti.get(one)).text
        done = await siti.post(f"{one}/tick", data={"item": "ring-back", "done": "true"})
        assert 'aria-checked="true"' in done.text
        assert await found() == [("ring-back", "siti")]
        await siti.post(f"{one}/tick", data={"item": "ring-back", "done": "false"})
        assert await found() == []
        wrong = await siti.post(f"{one}/tick", data={"item": "no-such", "done": "true"})
        assert wrong.status_code == 404


async def test_what_may_be_the_same_is_suggested_and_a_person_merges(hub, one):
    report = Report(kind="crime", origin="call", site="rs-1")
    more = {"key": "k" * 8, "actor": SITI, "now_ms": NOW}
    other = await hub.write(lambda conn: by_hand.open_incident(conn, REGION, report, **more))
    async with hub.login("siti", "operator") as siti:
        shown = (await siti.get(one)).text
        assert 'id="story-maybe"' in shown
        assert f'href="/incidents/{other}"' in shown
        assert 'value="' + other + '" selected' in shown
        answer = await siti.post(
            f"/incidents/{other}/mark-duplicate", data={"version": "1", "parent": one.rpartition("/")[2]}
        )
        assert answer.status_code == 200
        assert 'id="story-maybe"' not in (await siti.get(one)).text


async def test_the_agencies_of_the_directory_are_suggested_first(hub):
    found = region()
    hub.app.state.services = replace(
        hub.services, region=found, directories=plain_current(found, directory())
    )
    report = Report(kind="fire", origin="call", site="rsud-contoh", verified=True)
    more = {"key": "k" * 8, "actor": SITI, "now_ms": NOW}
    incident = await hub.write(lambda conn: by_hand.open_incident(conn, found, report, **more))
    async with hub.login("rani", "dispatcher") as rani:
        shown = (await rani.get(f"/incidents/{incident}")).text
    assert 'value="damkar" selected' in shown
    assert "disarankan" in shown


def with_a_register(hub):
    """The small city with a camera and a vehicle, both a kilometre north of the hospital."""
    place = {"lat": -7.291, "lon": 108.2, "gateway": "gw-rs-1"}
    link = "https://kamera.example/lobi"
    camera = Camera("lobi", "Kamera lobi", shows="pintu masuk", link=link, device="cam", **place)
    vehicle = Vehicle("a-1", "damkar", "Damkar 01", "Pos Kota", device="gps", **place)
    known = replace(REGION, cameras={"lobi": camera}, vehicles={"a-1": vehicle})
    hub.app.state.services = replace(hub.services, region=known)


async def test_cameras_and_vehicles_near_it_are_listed_with_what_is_known_of_them(hub, one):
    with_a_register(hub)
    speaks = {"site": "rs-1", "gateway": "gw-rs-1", "time": NOW, "online": 0}
    hub.curves.rows = [{**speaks, "device": "gps", "lat_deg": -7.32, "lon_deg": 108.2}]
    async with hub.login("siti", "operator") as siti:
        page = (await siti.get(one)).text
        shown = text(page)
        assert "1,0 km Kamera lobi sehari tanpa kabar pintu masuk lihat gambarnya" in shown
        assert 'href="https://kamera.example/lobi" target="_blank" rel="noopener noreferrer"' in page
        assert "2,2 km Damkar 01 Damkar posisi, " in shown
        assert "0 m gps ◆ tidak menjawab, " in shown, "in no file, and tells of itself"
        hub.curves.rows = [{**hub.curves.rows[0], "time": NOW - 3600_000}]
        page = (await siti.get(one)).text
        assert 'class="near-stale"' in page
        assert "2,2 km Damkar 01 Damkar posisi lama, " in text(page)


async def test_no_step_waits_for_what_is_near_and_without_influxdb_the_register_speaks(hub, one):
    with_a_register(hub)
    hub.curves.error = SeriesError("away")
    async with hub.login("siti", "operator") as siti:
        away = await siti.get(one)
        api = (await siti.get(f"/api{one}/nearest")).json()
    shown = text(away.text)
    assert "InfluxDB tidak menjawab" in shown
    assert "1,0 km Damkar 01 Damkar tanpa posisi; dihitung dari posnya Pos Kota" in shown
    assert api["heard"] is False
    assert [(near["name"], near["state"]) for near in api["nearest"]] == [
        ("Kamera lobi", "unknown"),
        ("Damkar 01", "post"),
    ]


async def test_where_nothing_is_near_nothing_is_said(hub, one):
    async with hub.login("siti", "operator") as siti:
        assert "Terdekat" not in text((await siti.get(one)).text)
        assert (await siti.get(f"/api{one}/nearest")).json()["nearest"] == []
        assert (await siti.get("/api/incidents/tidak-ada/nearest")).status_code == 404
