"""What the API takes of incidents beside their steps: by hand, from applications, checklists, files."""

from dataclasses import replace

JPEG = b"\xff\xd8\xff\xe0 a photo"
CALL = {
    "key": "kunci-0001",
    "kind": "fire",
    "origin": "call",
    "caller": "0812-000-111",
    "place": "Jl. Contoh 5",
}
PRESS = {"id": "tekan-0001", "sender": "pasang-1", "lat": -7.3, "lon": 108.2, "error_m": 12}


async def test_a_call_becomes_an_incident_once_and_is_in_the_trail(hub):
    async with hub.login("siti", "operator") as siti:
        answers = [await siti.post("/api/incidents", json=CALL) for _ in range(2)]
        assert len({answer.json()["id"] for answer in answers}) == 1
        shown = (await siti.get(f"/api/incidents/{answers[0].json()['id']}")).json()
        assert (shown["kind"], shown["origin"], shown["claimed_by"]) == ("fire", "call", "siti")
        nowhere = await siti.post("/api/incidents", json=CALL | {"key": "kunci-0002", "place": ""})
        assert nowhere.status_code == 409
        strange = await siti.post("/api/incidents", json=CALL | {"key": "kunci-0003", "origin": "gateway"})
        assert strange.status_code == 422
    async with hub.login("tina", "auditor") as tina:
        trail = (await tina.get("/api/audit")).json()["rows"]
        assert ("incident.open", answers[0].json()["id"]) in {
            (row["action"], row["subject"]) for row in trail
        }


async def test_files_come_back_as_files_and_the_wrong_ones_are_refused(hub):
    async with hub.login("siti", "operator") as siti:
        one = (await siti.post("/api/incidents", json=CALL)).json()["id"]
        files = f"/api/incidents/{one}/attachments"
        kept = await siti.post(files, params={"name": "foto 1.jpg"}, content=JPEG)
        assert kept.status_code == 200, kept.text
        found = await siti.get(f"{files}/{kept.json()['id']}")
        assert (found.content, found.headers["content-type"]) == (JPEG, "image/jpeg")
        assert found.headers["content-disposition"].startswith("attachment;")
        assert (await siti.post(files, params={"name": "x.jpg"}, content=b"<html>")).status_code == 409
        assert (await siti.get(f"{files}/999")).status_code == 404


async def test_an_application_presses_by_its_token_and_nobody_without(hub):
    hub.app.state.services = replace(hub.services, applications={"warga": "t" * 40})
    async with hub.client() as app:
        for token in ("", "Bearer", "Bearer x", f"Basic {'t' * 40}"):
            refused = await app.post("/api/v1/presses", json=PRESS, headers={"Authorization": token})
            assert refused.status_code == 403, token
        app.headers["Authorization"] = f"Bearer {'t' * 40}"
        first = (await app.post("/api/v1/presses", json=PRESS)).json()
        again = (await app.post("/api/v1/presses", json=PRESS)).json()
        assert (first["new"], again) == (True, {"incident": first["incident"], "new": False})
        assert (await app.post("/api/v1/presses", json=PRESS | {"lat": 91})).status_code == 422
    async with hub.login("siti", "operator") as siti:
        (shown,) = (await siti.get("/api/incidents")).json()["incidents"]
        assert (shown["id"], shown["origin"], shown["state"]) == (first["incident"], "app", "unverified")
