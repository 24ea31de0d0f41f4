"""What the routes answer: incidents and their steps, notices, the city's state, the equipment, errors."""

from functools import partial

import pytest
from sqlalchemy import insert

from hub.api.errors import CODES
from hub.errors import StoreUnavailableError
from hub.incidents.service import Incidents
from hub.ingest.tables import dead_letters, events
from hub.rules.model import StationState
from hub.series.errors import Unavailable
from tests.hub.city import NOW, REGION, press


async def pressed(hub, *some):
    for one in some:
        await hub.write(partial(Incidents(REGION).panic, event=one))


async def test_an_incident_is_worked_on_by_the_api(hub):
    await pressed(hub, press(), press())
    async with hub.login("siti", "operator") as siti:
        (incident,) = (await siti.get("/api/incidents")).json()["incidents"]
        assert incident["label"] == {"id": "Belum diverifikasi", "en": "Unverified"}
        assert incident["presses"] == 2
        one = f"/api/incidents/{incident['id']}"
        answer = await siti.post(f"{one}/verify", json={"version": 1, "note": "ditelepon balik"})
        assert answer.json() == {"version": 2}
        shown = (await siti.get(one)).json()
        assert shown["state"] == "verified"
        assert shown["timeline"][-2]["note"] == "ditelepon balik"
        assert shown["timeline"][-2]["actor"] == "siti"
        assert len(shown["pressed"]) == 2
        assert shown["notices"][0]["state"] == "waiting"
        assert hub.notify.times > 0


async def test_the_second_of_two_is_told_that_somebody_was_faster(hub):
    await pressed(hub, press())
    async with hub.login("siti", "operator") as siti, hub.login("budi", "operator") as budi:
        (incident,) = (await siti.get("/api/incidents")).json()["incidents"]
        one = f"/api/incidents/{incident['id']}"
        assert (await siti.post(f"{one}/claim", json={"version": 1})).status_code == 200
        late = await budi.post(f"{one}/mark-false", json={"version": 1, "note": "x"})
        assert late.status_code == 409
        assert late.json()["error"]["code"] == "conflict"
        assert late.json()["error"]["message"]["id"].startswith("Orang lain")


async def test_lists_of_open_closed_and_all(hub):
    await pressed(hub, press(), press("btn-2", at=NOW + 3600_000))
    async with hub.login("siti", "operator") as siti:
        first = (await siti.get("/api/incidents")).json()["incidents"][-1]
        await siti.post(f"/api/incidents/{first['id']}/mark-false", json={"version": 1, "note": "uji"})
        counts = {
            which: len((await siti.get("/api/incidents", params={"which": which})).json()["incidents"])
            for which in ("open", "closed", "all")
        }
        assert counts == {"open": 1, "closed": 1, "all": 2}
        later = await siti.get("/api/incidents", params={"which": "all", "since_ms": NOW + 1})
        assert len(later.json()["incidents"]) == 1


async def test_a_recovered_incident_is_released_by_a_person(hub):
    await pressed(hub, press(again=True))
    async with hub.login("siti", "operator") as siti:
        (incident,) = (await siti.get("/api/incidents")).json()["incidents"]
        assert incident["state"] == "recovered"
        held = (await siti.get("/api/notices", params={"state": "held"})).json()["notices"]
        assert len(held) == 1
        one = f"/api/incidents/{incident['id']}"
        assert (await siti.post(f"{one}/release", json={"version": 1})).status_code == 409
        assert (await siti.post(f"{one}/release", json={"version": 1, "note": "benar"})).status_code == 200
        assert (await siti.get("/api/notices", params={"state": "held"})).json()["notices"] == []


async def test_held_notices_are_released_by_their_keys(hub):
    await pressed(hub, press(again=True))
    async with hub.login("siti", "operator") as siti:
        (held,) = (await siti.get("/api/notices", params={"state": "held"})).json()["notices"]
        body = {"keys": [held["key"], "tidak/ada"], "note": "diperiksa"}
        assert (await siti.post("/api/notices/release", json=body)).json() == {"changed": 1}
        assert (await siti.post("/api/notices/release", json=body)).json() == {"changed": 0}
        assert (await siti.post("/api/notices/release", json={"keys": body["keys"]})).status_code == 422


@pytest.mark.parametrize("path", ["/api/incidents/tidak-ada", "/api/stations/tidak-ada/series", "/api/nope"])
async def test_what_is_not_there(hub, path):
    async with hub.login("siti", "operator") as siti:
        answer = await siti.get(path)
        assert answer.status_code == 404
        assert list(answer.json()["error"]["message"]) == ["id", "en"]


async def test_stations_with_their_siaga_level(hub):
    hub.levels.append(
        StationState("hulu", severity=2, epoch="e", seq=1, t_ms=NOW - 5000, at_ms=NOW - 5000, value_mm=1620)
    )
    async with hub.login("siti", "viewer") as siti:
        (station,) = (await siti.get("/api/stations")).json()["stations"]
        assert (station["siaga"], station["label"], station["stale"]) == (2, "Siaga 2", False)
        assert (station["value_mm"], station["age_ms"]) == (1620, 5000)
        hub.silent.add("gw-pasar")
        (station,) = (await siti.get("/api/stations")).json()["stations"]
        assert (station["stale"], station["value_mm"]) == (True, 1620)
        hub.silent.clear()
        hub.clock.at_ms += 301_000
        (station,) = (await siti.get("/api/stations")).json()["stations"]
        assert station["stale"] is True


async def test_a_station_that_never_spoke_is_stale_and_neither_normal_nor_zero(hub):
    async with hub.login("siti", "viewer") as siti:
        (station,) = (await siti.get("/api/stations")).json()["stations"]
    assert (station["siaga"], station["severity"], station["value_mm"]) == (None, None, None)
    assert station["stale"] is True


async def test_a_station_s_curve_binds_what_comes_from_outside(hub):
    hub.curves.rows = [{"time": NOW - 60_000, "high": 1.62, "low": 1.5}]
    async with hub.login("siti", "viewer") as siti:
        found = (await siti.get("/api/stations/hulu/series", params={"minutes": 60})).json()
        assert found["points"] == [[NOW - 60_000, 1.5, 1.62]]
        query, params = hub.curves.asked[0]
        assert params == {"gateway": "gw-pasar", "device": "level-1"}
        assert f"time >= {found['from_ms'] // 1000}s" in query
        assert 0 <= NOW - 3600_000 - found["from_ms"] < 6000  # from a whole step on
        for minutes in (0, 10081, "1; DROP DATABASE siaga"):
            answer = await siti.get("/api/stations/hulu/series", params={"minutes": minutes})
            assert answer.status_code == 422


def panel(age_ms, **beds):
    return {"time": NOW - age_ms, "gateway": "gw-rs-1", "device": "panel-1", **beds}


async def test_beds_free_taken_and_unknown(hub):
    hub.curves.rows = [panel(2000, bed_01=1, bed_02=None)]
    async with hub.login("siti", "viewer") as siti:
        (ward,) = (await siti.get("/api/beds")).json()["wards"]
    assert (ward["total"], ward["free"], ward["taken"], ward["unknown"]) == (2, 0, 1, 1)
    assert [bed["taken"] for bed in ward["beds"]] == [True, None]


@pytest.mark.parametrize("why", ["no data", "old data", "silent gateway"])
async def test_a_ward_that_is_not_heard_has_no_number_of_free_beds(hub, why):
    age_ms = 301_000 if why == "old data" else 1000
    hub.curves.rows = [] if why == "no data" else [panel(age_ms, bed_01=0, bed_02=0)]
    if why == "silent gateway":
        hub.silent.add("gw-rs-1")
    async with hub.login("siti", "viewer") as siti:
        (ward,) = (await siti.get("/api/beds")).json()["wards"]
    assert (ward["free"], ward["taken"], ward["unknown"], ward["stale"]) == (None, None, 2, True)


async def test_without_influxdb_curves_are_unavailable_and_incidents_are_not(hub):
    hub.curves.error = Unavailable("gone")
    await pressed(hub, press())
    async with hub.login("siti", "viewer") as siti:
        for path in ("/api/beds", "/api/stations/hulu/series"):
            answer = await siti.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "series")
        assert (await siti.get("/api/stations")).status_code == 200
        assert len((await siti.get("/api/incidents")).json()["incidents"]) == 1


async def test_a_store_that_is_away_is_said_plainly(hub, monkeypatch):
    async with hub.login("siti", "viewer") as siti:

        async def gone(fn):
            raise StoreUnavailableError("disk full at /secret/path")

        monkeypatch.setattr(hub.services.db, "read", gone)
        answer = await siti.get("/api/incidents")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store")
        assert "/secret" not in answer.text


async def test_a_full_disk_hides_nothing_from_who_is_logged_in(hub, monkeypatch):
    async with hub.login("siti", "viewer") as siti:

        async def full(fn, *, urgent=False):
            raise StoreUnavailableError("database or disk is full")

        monkeypatch.setattr(hub.services.db, "write", full)
        hub.clock.at_ms += 120_000  # a use of the session that would be written down
        assert (await siti.get("/api/incidents")).status_code == 200


def row(**changes):
    return {
        "gateway": "gw-rs-1",
        "cell": 1,
        "site": "rs-1",
        "epoch": "0" * 16,
        "lane": "event",
        "seq": 1,
        "hash": "0" * 64,
        "body": b'{"id":"00000000000000000000000000000001","kind":"bed_edge","device":"p","data":{"bed":"bed_01"}}',
        "event_id": "0" * 31 + "1",
        "kind": "bed_edge",
        "device": "p",
        "boot": "00000000",
        "error_ms": 0,
        "received_ms": NOW - 1000,
        "again": False,
        "conflict": False,
        "malformed": False,
        **changes,
    }


async def test_events_of_the_last_hour_without_what_is_personal(hub):
    scan = (
        b'{"id":"00000000000000000000000000000002","kind":"attendance_scan","device":"r","data":{"who":"p9"}}'
    )
    rows = [
        row(),
        row(seq=2, kind="attendance_scan", body=scan),
        row(seq=3, body=b"\xff", malformed=True),
        row(seq=4, received_ms=NOW - 3601_000),
    ]
    await hub.write(lambda conn: conn.execute(insert(events), rows))
    async with hub.login("siti", "technician") as siti:
        answer = await siti.get("/api/events")
        found = answer.json()["events"]
        assert [(one["kind"], one["data"]) for one in found] == [
            ("bed_edge", None),
            ("attendance_scan", None),
            ("bed_edge", {"bed": "bed_01"}),
        ]
        assert "p9" not in answer.text
        assert len((await siti.get("/api/events", params={"since_ms": NOW - 7200_000})).json()["events"]) == 4


async def test_dead_letters_are_shown_as_text_that_cannot_hurt(hub):
    letter = {
        "key": "k",
        "gateway": "gw-rs-1",
        "topic": "siaga/1/01/gw-rs-1/up/event",
        "reason": "json",
        "detail": "",
        "payload": b"\x00<script>\xff" + b"x" * 1000,
        "times": 3,
        "first_ms": NOW,
        "last_ms": NOW,
    }
    await hub.write(lambda conn: conn.execute(insert(dead_letters).values(letter)))
    async with hub.login("siti", "technician") as siti:
        answer = await siti.get("/api/dead-letters")
    (found,) = answer.json()["dead_letters"]
    assert found["bytes"] == 1010
    assert "\\xff" in found["start"]
    assert len(found["start"]) < 400
    assert answer.headers["content-type"] == "application/json"


async def test_equipment_and_health(hub):
    async with hub.login("siti", "technician") as siti, hub.client() as stranger:
        assert len((await siti.get("/api/gateways")).json()["gateways"]) == 2
        assert (await siti.get("/api/pipeline")).json()["rates"] == {"readings_s": 12.5}
        assert (await stranger.get("/api/health")).json() == {"ready": True}
        hub.missing.append("broker")
        answer = await stranger.get("/api/health")
        assert (answer.status_code, answer.json()) == (503, {"ready": False})
        assert (await siti.get("/api/readiness")).json()["missing"] == ["broker"]


async def test_the_region_for_the_map(hub):
    async with hub.login("siti", "viewer") as siti:
        city = (await siti.get("/api/region")).json()
    assert city["zone_label"] == "WIB"
    assert {site["id"] for site in city["sites"]} == {"rs-1", "pasar"}


async def test_the_openapi_document_says_the_roles(hub):
    async with hub.login("siti", "viewer") as siti:
        document = (await siti.get("/api/openapi.json")).json()
    assert document["paths"]["/api/audit"]["get"]["x-siaga-roles"] == "auditor"
    assert document["paths"]["/api/login"]["post"]["x-siaga-roles"] == "siapa pun / anyone"


async def test_every_answer_has_the_headers_of_the_house(hub):
    async with hub.login("siti", "viewer") as siti, hub.client() as stranger:
        for answer in (
            await siti.get("/api/me"),
            await stranger.get("/api/me"),
            await stranger.get("/nope"),
            await stranger.post("/api/login", content=b"{"),
        ):
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["strict-transport-security"]
            assert "access-control-allow-origin" not in answer.headers


async def test_a_mistake_of_ours_tells_nothing_and_has_the_headers_too(hub, monkeypatch):
    async with hub.login("siti", "viewer") as siti:

        def broken(conn):
            raise RuntimeError("a secret inside")

        monkeypatch.setattr("hub.alarms.service.active", broken)
        answer = await siti.get("/api/alarms")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("size", [64 * 1024 + 1, 5_000_000])
async def test_a_request_that_is_too_large_is_not_read(hub, size):
    async with hub.client() as stranger:
        answer = await stranger.post(
            "/api/login", content=b" " * size, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        small = await stranger.post(
            "/api/login", content=b" " * 100, headers={"Content-Type": "application/json"}
        )
        assert small.status_code == 422


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"name":1}', b"\xff", b'{"name":"a","password":NaN}', b"[" * 5000]
)
async def test_a_request_that_is_no_login(hub, body):
    async with hub.client() as stranger:
        answer = await stranger.post("/api/login", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "invalid"


async def test_a_wrong_method(hub):
    async with hub.login("siti", "viewer") as siti:
        assert (await siti.delete("/api/incidents")).json()["error"]["code"] == "method"


def test_every_code_has_both_sentences_and_a_status():
    for code, (status, indonesian, english) in CODES.items():
        assert 400 <= status < 600, code
        assert indonesian
        assert english
        assert indonesian != english
