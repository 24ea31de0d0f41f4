"""The window follows the link: a slow one is never given more than about a second, a fast one is filled."""

import pytest

from edge.pace import LARGEST_FRAME, Pace


def drain(bytes_per_s, round_trip_ms, *, seconds=30, compress_ms=0):
    """A backlog over a link of that rate; returns (pace, worst queue in ms after the start, bytes carried)."""
    pace, now, token, on_link_until, carried, worst = Pace(), 0, 0, 0.0, 0, 0.0
    acks = []
    while now < seconds * 1000:
        while pace.has_room:
            token += 1
            n_bytes = pace.frame_bytes
            pace.on_sent(token, n_bytes, now)
            on_link_until = max(on_link_until, now) + n_bytes * 1000 / bytes_per_s
            due = on_link_until + round_trip_ms
            acks.append((due if not compress_ms else -(-due // compress_ms) * compress_ms, token, n_bytes))
            if now > 5_000:
                worst = max(worst, on_link_until - now)
        at, done, n_bytes = acks.pop(0)
        now = max(now, int(at))
        carried += n_bytes
        pace.on_puback(done, now)
    return pace, worst, carried


@pytest.mark.parametrize("round_trip_ms", [1, 50, 300])
@pytest.mark.parametrize("bytes_per_s", [8_000, 30_000, 1_000_000])
def test_a_press_is_about_a_second_behind_at_most_and_the_link_is_used(bytes_per_s, round_trip_ms):
    pace, worst, carried = drain(bytes_per_s, round_trip_ms)
    assert worst <= 1300
    assert carried >= 0.7 * bytes_per_s * 30
    assert 0.5 * bytes_per_s <= pace.bytes_per_s <= 1.5 * bytes_per_s


def test_acknowledgements_that_come_together_do_not_look_like_a_fast_link():
    pace, worst, _ = drain(8_000, 50, compress_ms=400)
    assert worst <= 2_000
    assert pace.bytes_per_s <= 16_000


def test_a_fast_link_gets_large_frames():
    pace, _, carried = drain(50_000_000, 1, seconds=2)
    assert pace.frame_bytes == LARGEST_FRAME
    assert carried > 20_000_000


def test_small_frames_on_an_idle_link_do_not_lower_the_rate():
    pace, _, _ = drain(1_000_000, 5, seconds=10)
    pace.clear()
    rate = pace.bytes_per_s
    for token in range(1000, 1100):
        pace.on_sent(token, 200, 60_000 + token * 100)
        pace.on_puback(token, 60_000 + token * 100 + 50)
    assert pace.bytes_per_s == rate


def test_one_frame_may_always_go():
    pace = Pace()
    room = [pace.has_room]
    pace.on_sent(1, 60_000, 0)
    room.append(pace.has_room)
    assert not pace.on_puback(2, 5)
    assert pace.on_puback(1, 60_000)
    room.append(pace.has_room)
    assert room == [True, False, True]
    assert pace.bytes_in_flight == 0


def test_a_new_connection_starts_empty_and_keeps_its_guess():
    pace, _, _ = drain(1_000_000, 5, seconds=5)
    rate = pace.bytes_per_s
    pace.on_sent(10**6, 5, 10**6)
    pace.clear()
    assert (pace.in_flight, pace.bytes_in_flight, pace.bytes_per_s) == (0, 0, rate)
