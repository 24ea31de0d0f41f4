"""Whatever an agency's system does for an hour, the agency is reached, each message once, and the rows say how."""

from collections import Counter

import pytest

from simulator.bad_hour.__main__ import table
from simulator.bad_hour.hour import LASTS_S, play
from simulator.bad_hour.wire import HOUR_S, SYSTEMS


@pytest.fixture(scope="module")
def hour():
    found, wire = play()
    return {one.system: one for one in found}, wire


def test_every_agency_is_reached_within_half_a_minute_but_one_that_answers_slowly_itself(hour):
    found, _ = hour
    assert set(found) == set(SYSTEMS)
    late = {name: one.reached_s for name, one in found.items() if one.reached_s is None or one.reached_s > 25}
    assert late == {}


def test_who_answers_is_reached_by_its_own_channel_and_nobody_else_is_bothered(hour):
    found, _ = hour
    for name in ("baik", "lambat"):
        assert (found[name].outcomes, found[name].second_s) == ({"delivered": 1}, None)


@pytest.mark.parametrize("name", ["diam", "sibuk", "rusak", "mati"])
def test_a_system_that_comes_back_gets_it_too_within_the_longest_pause(hour, name):
    one = hour[0][name]
    assert one.state == "sent"
    assert one.second_s is not None
    assert one.outcomes["failed"] >= 3
    back_s = {"diam": 600, "sibuk": 90, "rusak": 1200, "mati": HOUR_S}[name]
    assert back_s <= one.own_s + 1 <= back_s + 400


def test_what_will_never_be_taken_is_given_up_at_once_and_what_may_be_goes_on(hour):
    found, _ = hour
    assert (found["menolak"].outcomes, found["menolak"].state) == ({"refused": 1}, "given_up")
    assert (found["pindah"].state, found["pindah"].own_s) == ("retrying", None)
    assert found["pindah"].outcomes["failed"] < LASTS_S / 200


def test_a_redirect_is_not_followed_and_no_message_is_taken_twice(hour):
    _, wire = hour
    assert not any(host == "elsewhere" for _, host, _, _ in wire.arrived)
    taken = Counter((host, key) for _, host, key, status in wire.arrived if status == 200)
    assert set(taken.values()) == {1}


def test_an_hour_of_refusals_costs_few_attempts(hour):
    assert sum(hour[0]["mati"].outcomes.values()) < 40


def test_the_same_seed_is_the_same_hour_and_the_table_has_every_system(hour):
    again, _ = play()
    assert {one.system: one for one in again} == hour[0]
    assert all(one.words in table(again) for one in again)
