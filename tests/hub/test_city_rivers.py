"""What is shown of the rivers: order, staleness, projection; never a zero for what nobody knows."""

from dataclasses import replace

from hub.city.rivers import FORESEEN_MS, as_json, levels, upstream_first
from hub.region import Downstream
from hub.rules.model import StationState
from tests.hub.city import NOW, REGION

HULU = REGION.stations["hulu"]
HOUR_MS = 3_600_000


def state(**changes):
    known = {"epoch": "e", "seq": 1, "t_ms": NOW - 5000, "at_ms": NOW - 5000, "value_mm": 1300}
    return StationState("hulu", **(known | changes))


def level(*, unheard=(), now_ms=NOW, **changes):
    (found,) = levels(REGION, [state(**changes)], unheard, now_ms)
    return found


def test_a_post_that_is_heard_has_level_label_and_age():
    found = level(severity=1, rate_mm_h=None)
    assert (found.value_mm, found.siaga, found.label, found.next_label) == (1300, 3, "Siaga 3", "Siaga 2")
    assert (found.age_ms, found.stale, found.next_ms) == (5000, False, None)


def test_a_post_that_never_spoke_is_unknown_and_neither_zero_nor_normal():
    (found,) = levels(REGION, [], (), NOW)
    told = as_json(found)
    assert found.stale
    assert {told[name] for name in ("value_mm", "severity", "siaga", "label", "rising", "age_ms")} == {None}


def test_records_that_wait_for_the_history_pass_are_no_value():
    assert level(value_mm=None).siaga is None


def test_a_silent_gateway_or_an_old_value_makes_it_stale_with_its_last_level():
    assert not level(now_ms=NOW - 5000 + 300_000, unheard={"gw-lain", "gw-pasar/hujan"}).stale
    for found in (
        level(unheard={"gw-pasar"}),
        level(unheard={"gw-pasar/level-1"}, now_ms=NOW + 20_000),
        level(now_ms=NOW - 5000 + 300_001),
    ):
        assert (found.stale, found.value_mm, found.next_ms) == (True, 1300, None)


def test_a_device_that_just_spoke_answers_whatever_the_last_beat_said():
    assert not level(unheard={"gw-pasar/level-1"}, at_ms=NOW).stale


def test_the_next_level_is_foreseen_while_it_rises():
    # 200 mm are missing to Siaga 2, at 100 mm/h.
    assert level(severity=1, rate_mm_h=100).next_ms == NOW - 5000 + 2 * HOUR_MS
    assert level(severity=1, rate_mm_h=-100).next_ms is None
    assert level(severity=3, rate_mm_h=100).next_ms is None
    assert level(severity=3, rate_mm_h=100).next_label is None


def test_nothing_is_foreseen_that_is_too_far_or_from_a_stale_value():
    hours = FORESEEN_MS // HOUR_MS
    assert level(severity=1, rate_mm_h=200 // hours + 1).next_ms is not None
    assert level(severity=1, rate_mm_h=200 // hours - 1).next_ms is None
    assert level(severity=1, rate_mm_h=100, unheard={"gw-pasar"}).next_ms is None


def test_posts_stand_river_by_river_from_spring_to_mouth():
    def post(name, river, *below):
        return replace(HULU, id=name, river=river, downstream=tuple(Downstream(one, 1, 2) for one in below))

    stations = [post("c", "A"), post("x", "B"), post("b", "A", "c"), post("a", "A", "b", "c"), post("y", "B")]
    assert [one.id for one in upstream_first(stations)] == ["a", "b", "c", "x", "y"]


def test_a_circle_in_a_profile_does_not_hang_the_page():
    circle = [
        replace(HULU, id="a", downstream=(Downstream("b", 1, 2),)),
        replace(HULU, id="b", downstream=(Downstream("a", 1, 2), Downstream("elsewhere", 1, 2))),
    ]
    assert {one.id for one in upstream_first(circle)} == {"a", "b"}
