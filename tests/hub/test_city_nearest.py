"""The cameras and vehicles nearest to a place."""

from dataclasses import replace

import pytest

from hub.city.nearest import CAMERA_STALE_S, MOST, POSITION_STALE_S, Said, as_json, nearest, place_of, said
from hub.region import Camera, Vehicle
from hub.series.errors import SeriesError
from tests.hub.city import NOW, REGION

SITE = REGION.sites["rs-1"]
NORTH_1KM = SITE.lat + 1000 / 111_195


def camera_row(device="cam", *, site="rs-1", online=1, age_s=0.0):
    return {"site": site, "gateway": "gw", "device": device, "time": NOW - age_s * 1000, "online": online}


def vehicle_row(device="car", *, north_m=0.0, age_s=0.0, **changes):
    place = {"lat_deg": SITE.lat + north_m / 111_195, "lon_deg": SITE.lon}
    row = {"site": "rs-1", "gateway": "gw", "device": device, "time": NOW - age_s * 1000}
    return row | place | changes


def camera(name="Kamera", *, lat=NORTH_1KM, device="cam", **more):
    return Camera(
        name.lower(), name, lat, SITE.lon, "jalan", gateway="gw" if device else "", device=device, **more
    )


def vehicle(name="Ambulans", *, lat=NORTH_1KM, device="car", **more):
    place = {"post": "Pos", "lat": lat, "lon": SITE.lon}
    return Vehicle(name.lower(), "bpbd", name, gateway="gw" if device else "", device=device, **place, **more)


def found(*known, rows=(), last=True):
    region = replace(
        REGION,
        cameras={one.id: one for one in known if isinstance(one, Camera)},
        vehicles={one.id: one for one in known if isinstance(one, Vehicle)},
    )
    points = {(row["gateway"], row["device"]): row for row in rows}
    cameras = {point: row for point, row in points.items() if "online" in row}
    vehicles = {point: row for point, row in points.items() if "lat_deg" in row}
    return nearest(region, Said(cameras, vehicles) if last else None, SITE.lat, SITE.lon, NOW)


def test_the_nearest_come_first_cameras_before_vehicles_and_not_too_many():
    known = [camera(f"K{n}", lat=SITE.lat + n / 100, device=f"cam-{n}") for n in range(8, 0, -1)]
    near = found(*known, rows=[vehicle_row(f"v{n}", north_m=1000 * n) for n in range(8, 0, -1)])
    assert [one.name for one in near] == ["K1", "K2", "K3", "K4", "v1", "v2", "v3", "v4"]
    assert len(near) == 2 * MOST
    assert near[4].km == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([camera_row()], "live"),
        ([camera_row(online=0)], "down"),
        ([camera_row(age_s=CAMERA_STALE_S)], "live"),
        ([camera_row(age_s=CAMERA_STALE_S + 1)], "stale"),
        ([camera_row(online=0, age_s=CAMERA_STALE_S + 1)], "stale"),
        ([], "unknown"),
    ],
)
def test_what_is_known_of_a_camera_is_said_with_its_age(rows, state):
    (near,) = found(camera(), rows=rows)
    assert (near.state, near.name, near.note) == (state, "Kamera", "jalan")
    assert near.at_ms == (rows[0]["time"] if rows else None)
    assert near.km == pytest.approx(1.0, abs=0.01), "where it stands, not where its gateway is"


def test_a_camera_that_nobody_watches_says_so():
    near = found(camera(device=""), rows=[camera_row()])
    assert [(one.name, one.state) for one in near] == [("cam", "live"), ("Kamera", "unwatched")]


def test_a_camera_that_does_not_answer_comes_after_those_that_may():
    near = found(camera("Jauh", device="far", lat=SITE.lat + 1), camera(), rows=[camera_row(online=0)])
    assert [(one.name, one.state) for one in near] == [("Jauh", "unknown"), ("Kamera", "down")]


@pytest.mark.parametrize(
    ("rows", "state", "km"),
    [
        ([vehicle_row(north_m=3000, age_s=60)], "live", 3.0),
        ([vehicle_row(north_m=3000, age_s=61)], "stale", 3.0),
        ([vehicle_row(lat_deg=None)], "post", 1.0),
        ([], "post", 1.0),
    ],
)
def test_a_vehicle_is_where_it_said_else_at_its_post(rows, state, km):
    (near,) = found(vehicle(stale_s=60), rows=rows)
    assert (near.state, near.name, near.agency, near.note) == (state, "Ambulans", "bpbd", "Pos")
    assert near.km == pytest.approx(km, abs=0.01)
    assert near.at_ms == (rows[0]["time"] if rows else None)


def test_what_is_in_no_file_and_tells_of_itself_is_near_too_if_it_has_a_place():
    rows = [camera_row("cctv"), camera_row("lost", site="unknown"), vehicle_row("nowhere", lat_deg=None)]
    rows.append(vehicle_row("car-9", age_s=POSITION_STALE_S + 1))
    near = found(rows=rows)
    assert [(one.name, one.state) for one in near] == [("cctv", "live"), ("car-9", "stale")]


def test_without_influxdb_there_is_what_the_profile_says_and_without_a_place_nothing():
    near = found(camera(), vehicle(), rows=[camera_row(), vehicle_row()], last=False)
    assert [one.state for one in near] == ["unknown", "post"]
    assert nearest(REGION, Said({}, {("gw", "car"): vehicle_row()}), None, None, NOW) == []
    assert as_json(near[1])["km"] == 1.0


def test_the_place_is_what_somebody_said_else_the_site():
    assert place_of(REGION, {"site": "rs-1", "lat": -7.0, "lon": 108.0}) == (-7.0, 108.0)
    assert place_of(REGION, {"site": "rs-1", "lat": None, "lon": None}) == (SITE.lat, SITE.lon)
    assert place_of(REGION, {"site": "gone", "lat": None, "lon": None}) == (None, None)


class Series:
    """Answers the two questions, or nothing."""

    def __init__(self, error=None):
        self._error = error

    async def query(self, q, params=None):
        if self._error:
            raise self._error
        return [vehicle_row() if '"vehicle"' in q else camera_row()]


async def test_the_last_words_are_asked_and_a_silent_influxdb_is_told():
    last = await said(Series())
    assert last == Said({("gw", "cam"): camera_row()}, {("gw", "car"): vehicle_row()})
    assert await said(Series(SeriesError("away"))) is None
    assert await said(Series(TimeoutError())) is None
    assert await said(None) is None
