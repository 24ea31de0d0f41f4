"""Drills over HTTP: a dispatcher begins and ends one, everybody in the room reads its report."""

from dataclasses import replace

from hub.agencies.current import plain_current
from hub.agencies.directory import plain
from tests.hub.agencies.profile import directory, region

BEGIN = {"title": "Kebakaran pasar", "kind": "fire", "place": "Pasar Lama"}


async def test_a_drill_is_begun_ended_and_read(hub):
    hub.app.state.services = replace(
        hub.services, directories=plain_current(region(), directory()), region=region()
    )
    async with hub.login("budi", "dispatcher") as budi:
        answer = await budi.post("/api/drills", json=BEGIN)
        assert answer.status_code == 200, answer.text
        drill = answer.json()["drill"]
        assert (await budi.post("/api/drills", json=BEGIN)).status_code == 409
        (listed,) = (await budi.get("/api/drills")).json()["drills"]
        assert (listed["id"], listed["ended_ms"]) == (drill, None)
        ended = await budi.post(f"/api/drills/{drill}/end", json={"note": "radio lambat"})
        assert ended.json() == {"incident": listed["incident_id"]}
        told = (await budi.get(f"/api/drills/{drill}")).json()
        assert (told["note"], told["outside"]) == ("radio lambat", 0)
        assert (await budi.post("/api/drills/d0/end", json={})).status_code == 404


async def test_without_contacts_for_exercises_there_is_no_drill(hub):
    hub.app.state.services = replace(
        hub.services, directories=plain_current(hub.services.region, plain(hub.services.region))
    )
    async with hub.login("budi", "dispatcher") as budi:
        assert (await budi.post("/api/drills", json=BEGIN)).status_code == 409
