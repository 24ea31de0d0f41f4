"""The sketch of the city that a place is pointed out on."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.console.chart import LEAST_DEG, LINE, SLIMMEST, WIDTH, chart
from hub.region import Site
from tests.hub.agencies.profile import region
from tests.hub.city import REGION

PLACE = st.tuples(st.floats(-11, 6), st.floats(95, 141))
"""Indonesia."""


def city(*places):
    sites = {str(n): Site(str(n), f"Tempat {n}", "office", lat, lon) for n, (lat, lon) in enumerate(places)}
    return replace(REGION, sites=sites, stations={})


@given(st.lists(PLACE, min_size=1, max_size=8))
def test_every_site_is_on_the_sketch_and_a_point_leads_back_to_its_degrees(places):
    found = chart(city(*places))
    assert len(found.dots) == len(places)
    for dot in found.dots:
        assert found.north - dot.y * found.deg_y == pytest.approx(dot.site.lat, abs=found.deg_y)
        assert found.west + dot.x * found.deg_x == pytest.approx(dot.site.lon, abs=found.deg_x)
    assert SLIMMEST * 0.9 < found.height / WIDTH < 1.1 / SLIMMEST


def test_north_is_up_and_east_is_right():
    north_east, south_west = chart(city((-7.0, 108.0), (-6.9, 108.1))).dots
    assert north_east.y < south_west.y
    assert north_east.x > south_west.x
    assert north_east.left, "its name would leave the sketch"
    assert not south_west.left


def test_a_single_site_has_room_around_it_and_no_site_has_no_sketch():
    assert chart(city((-7.0, 108.0))).deg_y * WIDTH > 0.9 * LEAST_DEG
    assert chart(replace(REGION, sites={}, stations={})) is None


def test_names_do_not_lie_on_each_other():
    found = chart(city(*((-7.0 - n * 1e-6, 108.0 + n * 0.001) for n in range(6))))
    for side in (True, False):
        rows = [dot.label_y for dot in found.dots if dot.left is side]
        assert len(rows) > 1
        assert all(after - before >= LINE for before, after in pairwise(rows))


def test_rivers_lead_to_posts_far_outside_the_city_which_are_not_on_the_sketch():
    found = chart(region())
    assert len(found.rivers) == sum(len(one.downstream) for one in region().stations.values()) > 2
    assert 0 < len(found.dots) < len(region().sites)
