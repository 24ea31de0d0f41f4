"""The doors to what programmes have reached."""

from dataclasses import replace

from tests.hub.programmes.test_programmes import KNOWN, TODAY


async def test_who_keeps_them_reports_and_others_only_see(hub):
    hub.app.state.services = replace(hub.services, programmes=KNOWN)
    body = {"date": str(TODAY), "value": 93.5}
    async with hub.login("budi", "dispatcher") as budi:
        at = "/api/programmes/imunisasi/values"
        assert (await budi.post(at, json=body)).json() == {"changed": True}
        assert (await budi.post(at, json=body)).json() == {"changed": False}
        assert (await budi.post("/api/programmes/vaksin/values", json=body)).status_code == 404
        for wrong in ({"date": "2099-01-01"}, {"value": -1}, {"date": "kemarin"}):
            assert (await budi.post(at, json=body | wrong)).status_code == 422, wrong
    async with hub.login("lia", "executive") as lia:
        assert (await lia.post(at, json=body)).status_code == 403
        shown = {one["id"]: one for one in (await lia.get("/api/programmes")).json()["programmes"]}
        assert shown["imunisasi"]["last"] == {"date": str(TODAY), "value": 93.5, "off": True}
        assert shown["damkar"]["last"] is None
