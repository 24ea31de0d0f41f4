"""The cameras and vehicles nearest to a place."""

import pytest

from hub.city.nearest import MOST, nearest
from tests.hub.city import NOW, REGION

SITE = REGION.sites["rs-1"]


class Series:
    """Answers the two questions from two lists."""

    def __init__(self, vehicles=(), cameras=()):
        self._rows = {"vehicle": list(vehicles), "camera": list(cameras)}

    async def query(self, q, params=None):
        return self._rows["vehicle" if '"vehicle"' in q else "camera"]


def vehicle(device, north_m, **changes):
    place = {"lat_deg": SITE.lat + north_m / 111_000, "lon_deg": SITE.lon}
    return {"site": "rs-1", "gateway": "gw-rs-1", "device": device, "time": NOW} | place | changes


def camera(device, site, online=1):
    return {"site": site, "gateway": "gw", "device": device, "time": NOW, "online": online}


async def found(**rows):
    return await nearest(Series(**rows), REGION, SITE.lat, SITE.lon)


async def test_the_nearest_come_first_cameras_before_vehicles_and_not_too_many():
    near = await found(
        vehicles=[vehicle(f"v{n}", 1000 * n) for n in range(8, 0, -1)],
        cameras=[camera("far", "pasar"), camera("near", "rs-1")],
    )
    assert [one.device for one in near] == ["near", "far", *(f"v{n}" for n in range(1, MOST + 1))]
    assert near[2].km == pytest.approx(1.0, abs=0.02)


async def test_a_camera_that_does_not_answer_comes_after_those_that_do():
    near = await found(cameras=[camera("dead", "rs-1", 0), camera("alive", "pasar")])
    assert [(one.device, one.answers) for one in near] == [("alive", True), ("dead", False)]


async def test_what_has_no_place_is_nowhere_near():
    assert await found(vehicles=[vehicle("v", 1, lat_deg=None)], cameras=[camera("c", "unknown")]) == []
