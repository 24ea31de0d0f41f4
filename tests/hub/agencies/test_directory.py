"""Whom an incident is for and who is on duty: routes, areas, nights, holidays, turns, and a drill's own directory."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.agencies.areas import Area, crossing
from hub.agencies.directory import Delays, plain
from hub.agencies.files import STEPS, DutyEntry
from hub.notify.policy import Priority
from tests.hub.agencies.profile import directory, region
from tests.hub.city import REGION

WIB = ZoneInfo("Asia/Jakarta")
KOTA = (-5.92, 108.94)
HULU = (-6.02, 108.93)
SEA = (-5.0, 108.0)


def at(text: str) -> int:
    """A local time as ms UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=WIB).timestamp() * 1000)


MONDAY_NOON, MONDAY_NIGHT = at("2026-11-23 12:00"), at("2026-11-23 23:00")


def routed(kind, priority=Priority.HIGH, place=KOTA, when=MONDAY_NOON):
    lat, lon = place
    return [agency.id for agency in directory().route(kind, priority, lat, lon, when)]


@pytest.mark.parametrize(
    ("asked", "agencies"),
    [
        (("flood",), ["bpbd", "damkar"]),
        (("flood", Priority.HIGH, HULU), ["bpbd"]),
        (("flood", Priority.MEDIUM), ["bpbd"]),
        (("flood", Priority.HIGH, (None, None)), ["bpbd"]),
        (("panic", Priority.HIGH), ["polres"]),
        (("panic", Priority.CRITICAL), ["polres", "psc"]),
        (("fire", Priority.LOW), ["damkar"]),
        (("other",), ["bpbd"]),
        (("other", Priority.LOW, KOTA, MONDAY_NIGHT), ["polres"]),
        (("a kind that nobody knows", Priority.LOW, SEA), ["bpbd"]),
    ],
)
def test_a_route_fits_by_kind_priority_place_and_time(asked, agencies):
    assert routed(*asked) == agencies


def test_an_agency_that_two_routes_name_is_there_once():
    assert len(routed("accident")) == len(set(routed("accident"))) == 2


def on_duty(agency, step, when):
    return [contact.id for contact in directory().on_duty(agency, step, at(when))]


DAY, NIGHT = "bpbd-pusdalops", "bpbd-pusdalops-malam"


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-11-23 06:59", [NIGHT]),
        ("2026-11-23 07:00", [DAY]),
        ("2026-11-23 20:59:59", [DAY]),
        ("2026-11-23 21:00", [NIGHT]),
        ("2026-11-24 00:00", [NIGHT]),
        ("2026-12-25 12:00", [DAY, NIGHT]),
        # The night that begins on the holiday, and the one that ends in it.
        ("2026-12-25 22:00", [NIGHT]),
        ("2026-12-25 03:00", [NIGHT]),
    ],
)
def test_nights_and_holidays(when, who):
    assert on_duty("bpbd", "first", when) == who


def test_crews_take_turns_of_a_week():
    crews = [on_duty("bpbd", "second", f"2026-11-{day:02d} 12:00") for day in (2, 8, 9, 15, 16)]
    assert [one[0][-1] for one in crews] == ["1", "1", "2", "2", "1"]


def test_before_the_first_turn_the_roster_is_silent_and_both_crews_are_asked():
    assert len(on_duty("bpbd", "second", "2026-11-01 12:00")) == 2


def test_where_the_roster_is_silent_every_contact_of_the_step_is_asked():
    assert on_duty("damkar", "first", "2026-11-23 12:00") == ["damkar-pos-kota"]
    assert on_duty("polres", "second", "2026-11-23 12:00") == []


def test_a_duty_in_the_place_of_others():
    whole = directory()
    entry = DutyEntry(
        id="cuti", agency="bpbd", step="first", contacts=("bpbd-kabid",), days=("senin",), instead=True
    )
    changed = replace(whole, roster=replace(whole.roster, duties=(*whole.roster.duties, entry)))
    assert [one.id for one in changed.on_duty("bpbd", "first", MONDAY_NOON)] == ["bpbd-kabid"]
    assert [one.id for one in changed.on_duty("bpbd", "first", at("2026-11-24 12:00"))] == [DAY]


@settings(max_examples=60, deadline=None)
@given(st.integers(at("2026-10-01 00:00"), at("2027-03-01 00:00")), st.sampled_from(STEPS))
def test_at_no_time_is_a_step_that_has_contacts_without_anybody(when, step):
    whole = directory()
    for agency in whole.agencies:
        has = any((one.agency, one.step) == (agency, step) for one in whole.contacts.values())
        assert bool(whole.on_duty(agency, step, when)) == has


def test_the_next_step_is_one_that_somebody_is_at():
    whole = directory()
    steps, step = [], None
    while (step := whole.step_after("polres", step, MONDAY_NOON)) is not None:
        steps.append(step)
    assert steps == ["first", "supervisor"]
    assert whole.step_after("nobody", None, MONDAY_NOON) is None


def test_a_drill_has_no_real_contact_and_no_channel_of_an_agency():
    whole = directory()
    drill = whole.exercise()
    real = {
        value for one in whole.contacts.values() for value in (one.phone, one.email, *one.channels) if value
    }
    real |= {channel.id for agency in whole.agencies.values() for channel in agency.channels}
    reached = [
        contact
        for agency in drill.agencies
        for step in STEPS
        for contact in drill.on_duty(agency, step, MONDAY_NIGHT)
    ]
    assert len(reached) == len(whole.exercise_contacts) > 4
    assert all(one.exercise for one in reached)
    assert not real & {value for one in reached for value in (one.phone, one.email, *one.channels)}
    assert not any(agency.channels for agency in drill.agencies.values())
    # And the real one has them: the assertions above say something.
    assert real
    assert not any(one.exercise for one in whole.contacts.values())


def test_delays_by_kind_and_their_defaults():
    assert plain(REGION).delays("panic") == Delays(15, 60, 120, 120, 120)
    slow = replace(directory(), delays_by_kind={"": Delays(operator_s=20), "flood": Delays(operator_s=90)})
    assert [slow.delays(kind).operator_s for kind in ("flood", "panic")] == [90, 20]


def test_a_region_alone_has_agencies_and_nobody_to_ask():
    found = plain(REGION)
    assert found.agencies is REGION.agencies
    assert found.route("panic", Priority.CRITICAL, None, None, MONDAY_NOON) == ()
    assert found.step_after("bpbd", None, MONDAY_NOON) is None


def test_every_site_of_kota_contoh_is_in_one_area():
    whole = directory()
    for site in region().sites.values():
        assert len(whole.areas_at(site.lat, site.lon)) == 1, site.id
    assert whole.areas_at(*SEA) == ()
    assert whole.areas_at(None, 1.0) == ()


# Polygons

SHAPE = Area("l", "L", ((0.0, 0.0), (0.0, 3.0), (1.0, 3.0), (1.0, 1.0), (3.0, 1.0), (3.0, 0.0)))


@pytest.mark.parametrize(("place", "inside"), [
    ((0.5, 2.5), True), ((2.5, 0.5), True), ((2.0, 2.0), False), ((-0.1, 1.0), False), ((0.5, 3.1), False),
])  # fmt: skip
def test_a_bent_area_holds_what_is_in_it(place, inside):
    assert SHAPE.holds(*place) is inside


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True), st.floats(0.1, 0.9))
def test_of_two_neighbours_one_has_each_place_even_on_their_border(lat, lon, border):
    west = Area("w", "W", ((0.0, 0.0), (0.0, border), (1.0, border), (1.0, 0.0)))
    east = Area("e", "E", ((0.0, border), (0.0, 1.0), (1.0, 1.0), (1.0, border)))
    assert west.holds(lat, lon) != east.holds(lat, lon)
    assert west.holds(lat, border) != east.holds(lat, border)


def test_sides_that_cross_are_named_and_sound_ones_are_not():
    assert crossing(((0, 0), (1, 1), (0, 1), (1, 0))) == (0, 2)
    assert crossing(SHAPE.polygon) is None
    assert crossing(((0, 0), (0, 2), (2, 2), (0, 1))) is not None
