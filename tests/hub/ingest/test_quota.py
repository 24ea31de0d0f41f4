"""Each gateway has its own room in each lane: who floods is refused, who drains a card is not."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from contract.messages import MAX_FRAME_BYTES
from contract.topics import topic
from edge.uplink import MOST_FLIGHTS, PANIC_AGAIN_MS
from hub.ingest.quota import BURST_S, LEAST_BYTES, PERSISTS_MS, QUIET_MS, Quotas, Rates

ONE, OTHER = topic(3, "gw-rsud-contoh", "up/panic"), topic(7, "gw-pos-bendung-hulu", "up/panic")
SAMPLES = topic(3, "gw-rsud-contoh", "up/telemetry")


def flood(quotas: Quotas, where: str, number: int, *, n_bytes: int = 300, now_ms: int = 0) -> int:
    """How many of so many messages at once find room."""
    return sum(quotas.admits(where, n_bytes, now_ms) for _ in range(number))


def test_a_flood_of_presses_finds_room_for_ten_seconds_worth_and_then_at_the_rate():
    quotas = Quotas(Rates(panic=64_000))
    assert flood(quotas, ONE, 5_000) == 64 * BURST_S
    assert flood(quotas, ONE, 5_000, now_ms=1_000) == 64
    assert flood(quotas, ONE, 5_000, now_ms=1_000_000) == 64 * BURST_S, (
        "no more than a full bucket, however long"
    )


def test_it_takes_nobody_elses_room_and_none_of_its_own_other_lanes():
    quotas = Quotas(Rates())
    flood(quotas, ONE, 10_000)
    assert not quotas.admits(ONE, 300, 0)
    assert quotas.admits(OTHER, 300, 0)
    assert quotas.admits(SAMPLES, 300, 0)
    assert quotas.admits(topic(3, "gw-rsud-contoh", "up/beat"), 300, 0)


def test_a_hundred_buttons_at_once_repeated_until_they_are_receipted_are_no_flood():
    quotas = Quotas(Rates())
    for at_ms in range(0, 600_000, PANIC_AGAIN_MS):
        assert flood(quotas, ONE, 100, now_ms=at_ms) == 100
    assert list(quotas.floods(600_000)) == []


def drained(rates: Rates, where: str, *, frames: int, n_bytes: int, receipt_ms: int) -> int:
    """How many frames of a backlog find no room, where each is sent when one before it has its receipt."""
    quotas, in_flight, refused, now_ms = Quotas(rates), deque[int](), 0, 0
    for _ in range(frames):
        if len(in_flight) == MOST_FLIGHTS["telemetry"]:
            now_ms = max(now_ms, in_flight.popleft())
        refused += not quotas.admits(where, n_bytes, now_ms)
        in_flight.append((in_flight[-1] if in_flight else now_ms) + receipt_ms)
    return refused


def test_a_full_card_drained_as_fast_as_a_hub_alone_commits_finds_room_for_every_frame():
    # 512 MB of card; 900,000 values a second of wide records, nine bytes each: the most that docs/performance.md has.
    full, per_s = 512_000_000 // MAX_FRAME_BYTES, 900_000 * 9
    assert (
        drained(
            Rates(), SAMPLES, frames=full, n_bytes=MAX_FRAME_BYTES, receipt_ms=1000 * MAX_FRAME_BYTES // per_s
        )
        == 0
    )


def test_a_tenth_of_that_quota_would_have_slowed_it():
    full, per_s = 512_000_000 // MAX_FRAME_BYTES, 900_000 * 9
    small = Rates(telemetry=Rates.telemetry // 10)
    assert (
        drained(
            small, SAMPLES, frames=full, n_bytes=MAX_FRAME_BYTES, receipt_ms=1000 * MAX_FRAME_BYTES // per_s
        )
        > 0
    )


def test_a_flood_is_told_with_what_was_refused_until_it_has_been_quiet_for_a_minute():
    quotas = Quotas(Rates())
    flood(quotas, ONE, 700)
    (first,) = quotas.floods(0)
    assert (first.gateway, first.kind, first.refused, first.persists) == (
        "gw-rsud-contoh",
        "panic",
        60,
        False,
    )
    flood(quotas, ONE, 7_000, now_ms=PERSISTS_MS)
    (goes_on,) = quotas.floods(PERSISTS_MS)
    assert goes_on.persists
    assert len(list(quotas.floods(PERSISTS_MS + QUIET_MS - 1))) == 1
    assert list(quotas.floods(PERSISTS_MS + QUIET_MS)) == []


def test_who_was_told_to_hold_may_send_again_when_half_of_its_room_is_back():
    quotas = Quotas(Rates(telemetry=100_000))
    flood(quotas, SAMPLES, 2_000, n_bytes=1_000)
    assert not quotas.has_room(SAMPLES, BURST_S * 500 - 1)
    assert quotas.has_room(SAMPLES, BURST_S * 500)


@given(st.lists(st.tuples(st.integers(0, 70_000), st.integers(0, 2_000)), max_size=200))
def test_no_gateway_ever_gets_more_than_its_rate_and_one_burst(messages):
    quotas, now_ms, taken = Quotas(Rates(panic=8_000)), 0, 0
    for n_bytes, pause_ms in messages:
        now_ms += pause_ms
        if quotas.admits(ONE, n_bytes, now_ms):
            taken += max(n_bytes, LEAST_BYTES)
        assert taken <= 8_000 * BURST_S + 8 * now_ms + 1
