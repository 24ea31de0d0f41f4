"""Silence: three missed beats, one after a will, and never by the hub's own absence."""

import pytest

from hub.fleet.liveness import Back, Liveness, Silent

BEAT = 10_000


@pytest.fixture
def liveness() -> Liveness:
    made = Liveness([("a", BEAT), ("b", 60_000)])
    made.hub_up(0)
    return made


def test_three_missed_beats_are_silence_and_less_is_not(liveness):
    liveness.beat("a", BEAT, 5_000)

    assert liveness.judge(35_000) == []
    assert liveness.judge(35_001) == [Silent("a", 5_000, "beats")]
    assert liveness.judge(99_000) == []
    assert liveness.silent("a") == "beats"


def test_the_interval_that_the_gateway_says_counts(liveness):
    liveness.beat("a", 60_000, 5_000)

    assert liveness.judge(185_000) == []
    assert liveness.judge(185_001) == [Silent("a", 5_000, "beats")]


def test_a_beat_ends_a_silence_once(liveness):
    liveness.beat("a", BEAT, 0)
    liveness.judge(40_000)

    assert liveness.beat("a", BEAT, 41_000) == Back("a")
    assert liveness.beat("a", BEAT, 42_000) is None
    assert liveness.silent("a") is None


def test_the_will_of_the_current_connection_shortens_it_to_one_beat(liveness):
    liveness.born("a", "c1", BEAT, 1_000)
    liveness.beat("a", BEAT, 2_000)
    liveness.will("a", "c1")

    assert liveness.judge(12_000) == []
    assert liveness.judge(12_001) == [Silent("a", 2_000, "will")]


def test_the_will_of_another_connection_means_nothing(liveness):
    liveness.born("a", "c1", BEAT, 1_000)
    liveness.born("a", "c2", BEAT, 2_000)
    liveness.will("a", "c1")

    assert liveness.judge(32_000) == []


def test_a_beat_after_the_will_means_the_gateway_is_there(liveness):
    liveness.born("a", "c1", BEAT, 1_000)
    liveness.will("a", "c1")
    liveness.beat("a", BEAT, 3_000)

    assert liveness.judge(33_000) == []


def test_after_its_own_reconnect_the_hub_waits_three_beats(liveness):
    liveness.born("a", "c1", BEAT, 1_000)
    liveness.hub_down()
    assert liveness.judge(500_000) == []
    liveness.hub_up(600_000)
    liveness.will("a", "c1")

    assert liveness.judge(630_000) == []
    assert liveness.judge(630_001) == [Silent("a", 1_000, "will")]


def test_who_was_never_heard_is_not_missed_and_who_was_in_an_earlier_life_is(liveness):
    assert liveness.judge(10_000_000) == []
    liveness.restore("b", interval_ms=60_000, silent=False)
    liveness.restore("gone", interval_ms=60_000, silent=False)

    assert liveness.judge(10_000_000) == [Silent("b", None, "beats")]


def test_who_was_silent_in_an_earlier_life_comes_back(liveness):
    liveness.restore("a", interval_ms=BEAT, silent=True)

    assert liveness.judge(90_000) == []
    assert liveness.born("a", "c1", BEAT, 91_000) == Back("a")


def test_a_birth_that_the_broker_kept_is_no_word_of_now(liveness):
    liveness.known_connection("a", "c1")

    assert liveness.judge(30_001) == [Silent("a", None, "beats")]
