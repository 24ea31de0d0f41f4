"""The spool: accepted means on the card, settled by the hub, or declared lost; nothing else, and never twice."""

import sqlite3

import pytest

from contract.messages import HaveStream, Loss
from edge.errors import CardError, ClosedSpool, DiskFull, PanicLaneFull, RecordError
from edge.spool import Quotas, Spool
from tests.edge.spooling import (
    BOOT_A,
    BOOT_B,
    BOOT_C,
    SMALL,
    FailingCard,
    Sampled,
    bodies,
    event,
    hexes,
    opened,
    samples,
)

NOW = 1_790_000_000_000
HOUR = 3_600_000


@pytest.fixture
def spool(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    yield spool
    spool.close()


# Accepting.


def test_seq_is_dense_in_each_lane_and_goes_on_after_reopening(tmp_path):
    spool = opened(tmp_path / "spool.db")
    first = spool.append_panic(1, event(1))
    assert (first.first, first.last) == (1, 1)
    assert spool.append_events([(1, event(2)), (2, event(3))])[2:] == (1, 2)
    assert spool.append_samples(samples(5, 10))[2:] == (1, 5)
    spool.close()
    again = Spool(str(tmp_path / "spool.db"), quotas=SMALL, random_hex=hexes())
    assert again.open(BOOT_B, 0).state == "reopened"
    assert again.append_panic(1, event(4)) == first._replace(first=2, last=2)
    assert again.append_samples(samples(1, 10)).first == 6


def test_seq_is_not_given_twice_when_no_record_is_left_to_count_from(tmp_path):
    """The counter is durable state of its own, never the highest row and one."""
    spool = opened(tmp_path / "spool.db")
    epoch = spool.append_panic(1, event(1)).epoch
    spool.append_panic(2, event(2))
    spool.settle("panic", epoch, [(1, 2)])
    for hour in range(80):
        spool.tick(hour * HOUR)
    spool.close()
    db = sqlite3.connect(tmp_path / "spool.db")
    assert db.execute("SELECT COUNT(*) FROM panic").fetchone() == (0,)
    db.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_B)
    assert spool.append_panic(1, event(3))[1:] == (epoch, 3, 3)


def test_a_failed_commit_changes_nothing_whichever_statement_fails(tmp_path):
    card = FailingCard()
    spool = opened(tmp_path / "spool.db", card=card)
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_events([(1, event(0))])
    accepted = 1
    for at in range(1, 30):
        before = bodies(spool, "event"), spool.accounts(5)
        card.fail(at)
        try:
            spool.append_events([(2, event(at)), (3, event(100 + at))])
        except CardError:
            assert (bodies(spool, "event"), spool.accounts(5)) == before
        else:
            accepted += 2
        card.fail_at = None
    found = bodies(spool, "event")
    assert len(found) == accepted
    assert [seq for _, seq in found] == list(range(1, accepted + 1)), "dense in spite of failures"


def test_a_full_disk_evicts_the_oldest_and_says_so_whichever_statement_fails(tmp_path):
    card = FailingCard()
    spool = opened(tmp_path / "spool.db", card=card)
    spool.append_sync(0, NOW, 5, "ntp")
    for at in range(1, 30):
        card.fail(at, DiskFull)
        spool.append_events([(2, event(2 * at)), (3, event(2 * at + 1))])
        card.fail_at = None
    stored = {seq for _, seq in bodies(spool, "event")}
    lost = {seq for loss in spool.losses() for seq in range(loss.first, loss.last + 1)}
    assert lost
    assert stored | lost == set(range(1, 59))
    assert not stored & lost


def test_a_failed_new_epoch_changes_nothing(tmp_path):
    card = FailingCard()
    spool = opened(tmp_path / "spool.db", card=card)
    epoch = spool.append_panic(1, event(1)).epoch
    for at in range(1, 6):
        card.fail(at)
        with pytest.raises(CardError):
            spool.new_epoch("panic", epoch, "conflict")
        assert list(bodies(spool, "panic")) == [(epoch, 1)]
        assert spool.closed() == ()


@pytest.mark.parametrize(
    "sample",
    [
        Sampled("pos-1", (float("nan"),), 1),
        Sampled("pos-1", (float("inf"),), 1),
        Sampled("pos-1", (2**63,), 1),
        Sampled("pos-1", (True,), 1),
        Sampled("pos-1", (1.0, 2.0), 1),
        Sampled("pos-1", (), 1, quantities=()),
        Sampled("pos-1", (1.0,), 1, quality=((1, 2),)),
        Sampled("", (1.0,), 1),
        Sampled("pos-1", (1.0,), 1, kind="x" * 65),
    ],
)
def test_a_sample_that_no_frame_could_carry_is_refused_before_it_is_accepted(spool, sample):
    with pytest.raises(RecordError):
        spool.append_samples([*samples(1, 1), sample])
    assert spool.accounts(5)["telemetry"].next == 1


@pytest.mark.parametrize("body", [b"", b"{", b'{"id":"x"}', b"[1]", event(1, pad=40_000)])
def test_an_event_that_would_spoil_its_frame_is_refused(spool, body):
    with pytest.raises(RecordError):
        spool.append_panic(1, body)
    with pytest.raises(RecordError):
        spool.append_events([(1, event(1)), (2, body)])
    assert bodies(spool, "event") == bodies(spool, "panic") == {}


def test_a_group_has_a_size(spool):
    with pytest.raises(RecordError):
        spool.append_events([])
    with pytest.raises(RecordError):
        spool.append_samples(samples(1001, 1))


def test_a_closed_spool_says_so(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.close()
    spool.close()
    with pytest.raises(ClosedSpool):
        spool.append_panic(1, event(1))


def test_a_second_process_does_not_get_the_spool(tmp_path):
    first = opened(tmp_path / "spool.db")
    with pytest.raises(CardError, match="in use"):
        opened(tmp_path / "spool.db")
    first.append_panic(1, event(1))
    first.close()
    opened(tmp_path / "spool.db").close()


# Settling.


def test_floor_and_settled_ranges(spool):
    epoch = spool.append_samples(samples(20, 10)).epoch
    spool.settle("telemetry", epoch, [(1, 3), (8, 10), (15, 15)])
    account = spool.accounts(100)["telemetry"]
    assert (account.next, account.floor, account.settled) == (21, 4, ((8, 10), (15, 15)))
    assert [seq for _, seq in bodies(spool, "telemetry")] == [4, 5, 6, 7, 11, 12, 13, 14, 16, 17, 18, 19, 20]
    assert spool.settle("telemetry", epoch, [(2, 9)]) == [(4, 7)], "only what was not settled before"
    assert spool.floor("telemetry", epoch) == 11


def test_settling_what_is_not_ours_is_ignored(spool):
    epoch = spool.append_panic(1, event(1)).epoch
    assert spool.settle("panic", "f" * 16, [(1, 1)]) == []
    assert spool.settle("event", epoch, [(1, 1)]) == []
    assert spool.settle("panic", epoch, [(2, 900)]) == []
    assert list(bodies(spool, "panic")) == [(epoch, 1)]
    assert spool.settle("panic", epoch, [(1, 900)]) == [(1, 1)]
    assert spool.append_panic(2, event(2)).first == 2, "a receipt never moves the counter"
    assert list(bodies(spool, "panic")) == [(epoch, 2)]


def test_what_is_settled_survives_a_clean_stop_and_a_panic_any(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    telemetry = spool.append_samples(samples(5, 10)).epoch
    panic = spool.append_panic(1, event(1)).epoch
    spool.settle("telemetry", telemetry, [(1, 5)])
    spool.settle("panic", panic, [(1, 1)])
    spool.close()
    again = opened(tmp_path / "spool.db")
    assert again.accounts(9)["telemetry"].floor == 6
    assert again.accounts(9)["panic"].floor == 2


def test_refused_settles_and_is_counted(spool):
    epoch = spool.append_samples(samples(5, 10)).epoch
    assert spool.settle("telemetry", epoch, [(2, 3)], refused=True) == [(2, 3)]
    assert spool.settle("telemetry", epoch, [(2, 3)], refused=True) == []
    assert spool.usage(0).refused["telemetry"] == 2
    assert spool.accounts(0)["telemetry"].settled == ((2, 3),)


def test_at_most_64_settled_ranges_are_told(spool):
    epoch = spool.append_samples(samples(300, 10)).epoch
    spool.settle("telemetry", epoch, [(at, at) for at in range(2, 300, 2)])
    settled = spool.accounts(0)["telemetry"].settled
    assert len(settled) == 64
    assert settled[0] == (2, 2)


def test_age_of_the_oldest_unsettled(spool):
    epoch = spool.append_panic(1000, event(1)).epoch
    spool.append_panic(5000, event(2))
    assert spool.accounts(7000)["panic"].oldest_age_ms == 6000
    spool.settle("panic", epoch, [(1, 1)])
    assert spool.accounts(7000)["panic"].oldest_age_ms == 2000
    spool.settle("panic", epoch, [(2, 2)])
    assert spool.accounts(7000)["panic"].oldest_age_ms is None


# Runs.


def test_a_run_is_of_one_boot_and_about_as_long_as_asked(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_samples(samples(50, 10))
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_B)
    spool.append_sync(0, NOW + HOUR, 5, "ntp")
    spool.append_samples(samples(50, 10))
    run = spool.read_run("telemetry", 1, 10**9, 60_000)
    assert (run.boot, run.running, run.first, len(run.rows)) == (BOOT_A, False, 1, 50)
    run = spool.read_run("telemetry", 51, 10**9, 60_000)
    assert (run.boot, run.running, run.first, len(run.rows)) == (BOOT_B, True, 51, 50)
    assert 1 < len(spool.read_run("telemetry", 1, 10**9, 400).rows) < 20
    assert len(spool.read_run("telemetry", 1, 10**9, 1).rows) == 1, "one at least"
    assert spool.read_run("telemetry", 101, 10**9, 400) is None


def test_samples_come_back_as_they_were(spool):
    sample = Sampled(
        "pos-2", (1.5, None, 7), 20, quantities=("level_m", "rain_mm", "tips"), quality=((1, 4),)
    )
    spool.append_samples([*samples(1, 10), sample])
    run = spool.read_run("telemetry", 1, 2, 60_000)
    assert run.rows[0].body == b"[[0.0]]"
    assert run.rows[1].body == b"[[1.5,null,7],[[1,4]]]"
    assert run.rows[1].column.device == "pos-2"
    assert run.rows[1].mono_ms == 20


def test_newest_sample_of_each_device(spool):
    spool.append_samples(samples(3, 10, device="a"))
    spool.append_samples(samples(2, 100, device="b"))
    spool.append_samples(samples(1, 200, device="a"))
    assert spool.newest(0) == [5, 6]
    assert spool.newest(5) == [6]


# Time.


def test_samples_of_a_boot_without_time_wait_but_a_panic_does_not(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.append_samples(samples(3, 10))
    spool.append_events([(1, event(1))])
    spool.append_panic(2, event(2))
    assert spool.end("telemetry") == spool.end("event") == 1
    assert spool.pending("telemetry", 1, 9) is None
    assert spool.pending("panic", 1, 9) == (1, 1)
    spool.append_sync(500, NOW, 5, "hub")
    assert spool.end("telemetry") == 4
    assert spool.pending("event", 1, 9) == (1, 1)


def test_boots_that_ended_without_time_are_laid_out_when_the_next_time_comes(tmp_path):
    spool = opened(tmp_path / "spool.db", boot=BOOT_A, mono_ms=0)
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_samples(samples(1, 10_000))
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_B, mono_ms=1000)
    spool.append_samples(samples(1, 21_000))
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_C, mono_ms=500)
    spool.append_samples(samples(1, 600))
    assert spool.end("telemetry") == 2
    spool.append_sync(700, NOW + 100_200, 5, "ntp")
    assert spool.end("telemetry") == 4
    numbers = [spool.read_run("telemetry", row, row, 1000).boot_number for row in (1, 2, 3)]
    # from the end of A at +10 s to the start of C at +100 s; B lasted 20 s, so 70 s are unknown
    stamp = spool.at(numbers[1], 21_000)
    assert stamp.t_ms == NOW + 10_000 + 35_000 + 20_000
    assert 35_000 <= stamp.error_ms <= 35_100
    before = [spool.at(number, mono) for number, mono in zip(numbers, (10_000, 21_000, 600), strict=True)]
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_C, mono_ms=900)
    after = [spool.at(number, mono) for number, mono in zip(numbers, (10_000, 21_000, 600), strict=True)]
    assert after == before, "declared rows are durable"


def test_a_sync_never_changes_the_time_of_a_record_that_is_there(spool):
    spool.append_samples(samples(1, 9_000))
    before = spool.at(1, 9_000)
    row = spool.append_sync(8_000, NOW + 60_000, 5, "hub")
    assert row.mono_ms == 9_001
    assert spool.at(1, 9_000) == before


def test_a_boot_goes_on_after_a_restart_of_the_program(tmp_path):
    spool = opened(tmp_path / "spool.db", boot=BOOT_A)
    spool.append_sync(0, NOW, 5, "ntp")
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_A, mono_ms=60_000)
    assert spool.timeline.at(60_000).t_ms == NOW + 60_000


# Full lanes.


def fill(spool, lane="telemetry", n=4000):
    epoch = None
    for at in range(0, n, 100):
        epoch = spool.append_samples(samples(100, 1000 + 10 * at, first=at)).epoch
    return epoch


def test_a_full_telemetry_lane_evicts_settled_before_unsettled(spool):
    epoch = spool.append_samples(samples(500, 10)).epoch
    spool.settle("telemetry", epoch, [(200, 500)])
    while not spool.losses():
        spool.append_samples(samples(100, 10_000))
        assert spool.usage(0).lane_bytes["telemetry"] <= SMALL.telemetry_bytes
    [loss] = spool.losses()
    assert (loss.lane, loss.epoch, loss.first, loss.reason) == ("telemetry", epoch, 1, "full")
    stored = bodies(spool, "telemetry")
    assert (epoch, loss.last) not in stored
    assert (epoch, loss.last + 1) in stored


def test_what_is_evicted_unsettled_is_declared_and_everything_else_is_there(spool):
    epoch = fill(spool)
    account = spool.accounts(0)["telemetry"]
    [loss] = spool.losses()
    assert loss == Loss("telemetry", epoch, 1, account.floor - 1, NOW + 1000, loss.to_ms, "full")
    assert NOW + 1000 < loss.to_ms < NOW + 1000 + 10 * 4000
    assert [seq for _, seq in bodies(spool, "telemetry")] == list(range(account.floor, account.next))
    assert spool.usage(0).lost["telemetry"] == account.floor - 1


def test_losses_are_told_until_noted_and_grow_meanwhile(spool):
    epoch = fill(spool)
    [told] = spool.losses()
    while spool.losses()[0].last == told.last:
        spool.append_samples(samples(100, 60_000))
    spool.forget_losses("telemetry", epoch, [(told.first, told.last)])
    [rest] = spool.losses()
    assert rest.first == told.last + 1
    spool.forget_losses("telemetry", "f" * 16, [(1, 10**9)])
    spool.forget_losses("event", epoch, [(1, 10**9)])
    assert spool.losses() == (rest,), "only of its stream"
    floor = spool.accounts(0)["telemetry"].floor
    spool.forget_losses("telemetry", epoch, [(1, 10**9)])
    assert spool.losses() == ()
    assert spool.accounts(0)["telemetry"].floor == floor, "lost stays lost"


def test_losses_survive_reopening(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    fill(spool)
    told = spool.losses()
    spool.close()
    assert opened(tmp_path / "spool.db").losses() == told


def test_scattered_losses_are_merged_when_the_slots_run_out(spool):
    """Every second record is settled, so each lost record is a range of its own."""
    epoch = spool.append_samples(samples(1000, 10)).epoch
    spool.settle("telemetry", epoch, [(at, at) for at in range(2, 1001, 2)])
    fill(spool, n=3500)
    losses = spool.losses()
    assert 0 < len(losses) <= 256
    told = {seq for loss in losses for seq in range(loss.first, loss.last + 1)}
    stored = {seq for _, seq in bodies(spool, "telemetry")}
    assert not told & stored, "what is still to be sent is never told as lost"
    assert set(range(1, 1001, 2)) <= told | stored


def test_events_have_their_own_quota(spool):
    fill(spool)
    epoch = spool.append_events([(1, event(1))]).epoch
    for at in range(2, 700):
        spool.append_events([(at, event(at))])
        assert spool.usage(0).lane_bytes["event"] <= SMALL.event_bytes
    account = spool.accounts(0)["event"]
    [loss] = [loss for loss in spool.losses() if loss.lane == "event"]
    assert (loss.first, loss.last) == (1, account.floor - 1)
    assert [seq for _, seq in bodies(spool, "event")] == list(range(account.floor, account.next))
    assert epoch == loss.epoch


def test_a_panic_is_never_evicted_and_its_full_lane_says_so(spool):
    accepted = {}
    full = False
    for at in range(1, 10_000):
        try:
            appended = spool.append_panic(at, event(at))
        except PanicLaneFull:
            full = True
            break
        accepted[appended.epoch, appended.first] = event(at)
    assert full
    assert len(accepted) > 300
    fill(spool)
    for at in range(700):
        spool.append_events([(at, event(at))])
    assert bodies(spool, "panic") == accepted
    epoch = next(iter(accepted))[0]
    spool.settle("panic", epoch, [(1, 10)])
    assert spool.append_panic(1, event(1)).first == len(accepted) + 1, (
        "a settled press gives way to a new one"
    )
    assert spool.usage(0).ring_h < 72, "and the ring says that it is cut"


def test_a_panic_takes_the_ballast_when_the_file_has_no_page_left(tmp_path):
    card = FailingCard()
    spool = opened(tmp_path / "spool.db", card=card)
    ballast = spool.usage(0).ballast
    assert ballast >= 4
    card.fail(3, DiskFull)
    assert spool.append_panic(1, event(1)).first == 1
    assert spool.usage(0).ballast == ballast - 1
    card.fail(3, CardError)
    with pytest.raises(CardError):
        spool.append_panic(2, event(2))
    assert spool.usage(0).ballast == ballast - 1, "only a full disk costs ballast"


def test_a_larger_quota_than_the_file_was_made_for_uses_what_there_is(tmp_path):
    opened(tmp_path / "spool.db").close()
    size = (tmp_path / "spool.db").stat().st_size
    larger = Quotas(SMALL.panic_bytes, SMALL.event_bytes, 64 * 1024 * 1024, SMALL.wal_bytes)
    spool = opened(tmp_path / "spool.db", quotas=larger)
    spool.append_sync(0, NOW, 5, "ntp")
    for at in range(60):
        spool.append_samples(samples(500, 1000 + at))
    assert spool.losses(), "it evicts in its file's size"
    assert (tmp_path / "spool.db").stat().st_size == size


# The ring.


def have(lane, epoch, *ranges):
    return HaveStream(lane, epoch, ranges)


def test_what_the_hub_lacks_of_the_ring_goes_again(spool):
    epoch = spool.append_panic(1, event(1)).epoch
    for at in range(2, 6):
        spool.append_panic(at, event(at))
    spool.settle("panic", epoch, [(1, 4)])
    assert spool.recall([have("panic", epoch, (1, 1), (3, 3))]) == []
    run = spool.read_run("panic", 1, 9, 60_000)
    assert (run.first, len(run.rows), run.again) == (2, 1, True)
    assert spool.floor("panic", epoch) == 2
    run = spool.read_run("panic", 5, 9, 60_000)
    assert (run.first, run.again) == (5, False), "what was never receipted is not again"
    spool.settle("panic", epoch, [(2, 2), (4, 4)])
    assert list(bodies(spool, "panic")) == [(epoch, 5)]


def test_a_hub_that_knows_nothing_gets_the_whole_ring(spool):
    epoch = spool.append_events([(at, event(at)) for at in range(1, 6)]).epoch
    spool.settle("event", epoch, [(1, 5)])
    assert spool.recall([]) == []
    assert len(bodies(spool, "event")) == 5
    assert spool.recall([have("event", epoch, (1, 5))]) == []
    assert bodies(spool, "event") == {}


def test_telemetry_settled_is_settled(spool):
    epoch = spool.append_samples(samples(5, 10)).epoch
    spool.settle("telemetry", epoch, [(1, 5)])
    spool.recall([])
    assert bodies(spool, "telemetry") == {}


def test_a_hub_that_has_more_than_we_gave_tells_a_copied_card(spool):
    epoch = spool.append_panic(1, event(1)).epoch
    assert spool.recall([have("panic", epoch, (1, 1))]) == []
    assert spool.recall([have("panic", epoch, (1, 2))]) == [("panic", epoch)]
    assert spool.recall([have("panic", "f" * 16, (1, 2))]) == []


def test_settled_presses_stay_for_72_hours_and_then_leave(spool):
    epoch = spool.append_panic(1, event(1)).epoch
    spool.settle("panic", epoch, [(1, 1)])
    spool.append_panic(2, event(2))
    for hour in range(73):
        spool.tick(hour * HOUR)
        spool.recall([])
        if hour < 72:
            assert (epoch, 1) in bodies(spool, "panic"), hour
    assert spool.usage(73 * HOUR).ring_h == 72
    for hour in range(73, 76):
        spool.tick(hour * HOUR)
    spool.recall([])
    assert list(bodies(spool, "panic")) == [(epoch, 2)], "an unsettled one stays for ever"
    assert spool.accounts(0)["panic"].floor == 2


def test_the_ring_does_not_count_the_time_without_power(tmp_path):
    spool = opened(tmp_path / "spool.db", boot=BOOT_A)
    epoch = spool.append_panic(1, event(1)).epoch
    spool.settle("panic", epoch, [(1, 1)])
    spool.tick(0)
    for hour in range(1, 40):
        spool.tick(hour * HOUR)
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_B)
    for hour in range(32):
        spool.tick(hour * HOUR)
    spool.recall([])
    assert list(bodies(spool, "panic")) == [(epoch, 1)]
    for hour in range(32, 36):
        spool.tick(hour * HOUR)
    spool.recall([])
    assert bodies(spool, "panic") == {}


def test_an_event_evicted_from_the_ring_before_its_time_shows(spool):
    spool.tick(0)
    epoch = spool.append_events([(1, event(1))]).epoch
    spool.settle("event", epoch, [(1, 1)])
    spool.tick(HOUR)
    assert spool.usage(5 * HOUR).ring_h == 72
    for at in range(2, 700):
        spool.append_events([(5 * HOUR, event(at))])
    assert spool.usage(5 * HOUR).ring_h == 4, "the youngest that is missing was settled by the first hour"
    assert spool.usage(200 * HOUR).ring_h == 72


# Epochs.


def test_new_epoch_moves_what_is_unsettled_with_dense_new_seqs(spool):
    old = spool.append_panic(1, event(1)).epoch
    for at in range(2, 8):
        spool.append_panic(at, event(at))
    spool.settle("panic", old, [(1, 2), (5, 5)])
    assert spool.new_epoch("panic", old, "conflict")
    new = spool.accounts(9)["panic"].epoch
    assert new != old
    assert bodies(spool, "panic") == {
        (new, 1): event(3),
        (new, 2): event(4),
        (new, 3): event(6),
        (new, 4): event(7),
    }
    assert spool.append_panic(9, event(8))[1:] == (new, 5, 5)
    [closed] = spool.closed()
    assert (closed.lane, closed.epoch, closed.next, closed.moved) == ("panic", old, 8, ((3, 4), (6, 7)))
    assert not spool.new_epoch("panic", old, "conflict"), "only once"
    assert spool.settle("panic", old, [(1, 7)]) == [], "a late receipt of the old name settles nothing"
    assert len(bodies(spool, "panic")) == 5
    assert spool.settle("panic", new, [(2, 3)]) == [(4, 4), (6, 6)]
    account = spool.accounts(9)["panic"]
    assert (account.next, account.floor, account.settled) == (6, 1, ((2, 3),))


def test_ring_records_keep_their_old_name(spool):
    old = spool.append_panic(1, event(1)).epoch
    spool.append_panic(2, event(2))
    spool.settle("panic", old, [(1, 1)])
    spool.new_epoch("panic", old, "conflict")
    new = spool.accounts(9)["panic"].epoch
    spool.recall([])
    assert bodies(spool, "panic") == {(old, 1): event(1), (new, 1): event(2)}
    assert spool.floor("panic", old) == 1
    assert spool.settle("panic", old, [(1, 1)]) == [(1, 1)]
    assert spool.floor("panic", old) == 2, "seq 2 moved away"


def test_epochs_survive_reopening_and_closed_ones_are_told_until_noted(tmp_path):
    numbers = hexes()
    spool = opened(tmp_path / "spool.db", random_hex=numbers)
    spool.append_sync(0, NOW, 5, "ntp")
    old = spool.append_samples(samples(10, 10)).epoch
    spool.settle("telemetry", old, [(3, 4)])
    spool.new_epoch("telemetry", old, "conflict")
    before = bodies(spool, "telemetry"), spool.closed()
    spool.close()
    spool = opened(tmp_path / "spool.db", random_hex=numbers)
    assert (bodies(spool, "telemetry"), spool.closed()) == before
    spool.forget_closed("event", old)
    assert spool.closed() == before[1]
    spool.forget_closed("telemetry", old)
    assert spool.closed() == ()
    spool.close()
    assert opened(tmp_path / "spool.db").closed() == ()


def test_moving_again_and_again(spool):
    epoch = spool.append_samples(samples(30, 10)).epoch
    for step in range(1, 10):
        spool.settle("telemetry", epoch, [(step, step)])
        spool.new_epoch("telemetry", epoch, "conflict")
        epoch = spool.accounts(0)["telemetry"].epoch
        spool.append_samples(samples(1, 1000 + 10 * step, first=100 + step))
        found = bodies(spool, "telemetry")
        assert {name for name, _ in found} == {epoch}
        assert [seq for _, seq in found] == list(range(1, len(found) + 1))
    assert len(found) == 30


def test_a_backlog_with_many_holes_moves_in_few_told_ranges(spool):
    epoch = spool.append_samples(samples(1000, 10)).epoch
    spool.settle("telemetry", epoch, [(at, at) for at in range(2, 1001, 2)])
    spool.new_epoch("telemetry", epoch, "conflict")
    [closed] = spool.closed()
    assert len(closed.moved) <= 128
    moved = {seq for first, last in closed.moved for seq in range(first, last + 1)}
    assert set(range(1, 1000, 2)) <= moved
    assert len(bodies(spool, "telemetry")) == 500


# The hub's life, panics for the second path.


def test_the_life_of_the_hub_is_durable(tmp_path):
    spool = opened(tmp_path / "spool.db")
    assert spool.inc is None
    spool.adopt((3, 2**53))
    spool.close()
    assert opened(tmp_path / "spool.db").inc == (3, 2**53)


def test_overdue_panics(tmp_path):
    spool = opened(tmp_path / "spool.db", boot=BOOT_A)
    spool.append_panic(1000, event(1))
    spool.append_panic(5000, event(2))
    assert spool.overdue_panics(10_999) == []
    [first] = spool.overdue_panics(11_000)
    assert (first.seq, first.body, first.running) == (1, event(1), True)
    assert len(spool.overdue_panics(15_000)) == 2
    spool.settle("panic", first.epoch, [(1, 1)])
    assert [panic.seq for panic in spool.overdue_panics(15_000)] == [2]
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_B)
    assert [panic.running for panic in spool.overdue_panics(0)] == [False]


# Housekeeping.


def test_sync_rows_and_boots_that_no_record_needs_are_pruned(tmp_path):
    for number, boot in enumerate((BOOT_A, BOOT_B, BOOT_C)):
        spool = opened(tmp_path / "spool.db", boot=boot)
        spool.append_sync(0, NOW + number * HOUR, 5, "ntp")
        spool.append_samples(samples(10, 10))
        spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_C)
    for hour in range(1, 50):
        spool.append_sync(hour * HOUR, NOW + 2 * HOUR + hour * HOUR, 5, "ntp")
    epoch = spool.accounts(0)["telemetry"].epoch
    spool.settle("telemetry", epoch, [(1, 30)])
    for _ in range(100):
        spool.append_samples(samples(100, 49 * HOUR))
    spool.tick(50 * HOUR)
    assert len(spool.timeline.rows) < 5
    spool.close()
    db = sqlite3.connect(tmp_path / "spool.db")
    assert db.execute("SELECT COUNT(*) FROM boot").fetchone()[0] <= 2, (
        "the running one, and the last with a time"
    )


def test_the_file_and_its_log_keep_their_size(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    for at in range(300):
        epoch = spool.append_samples(samples(100, 1000 * at)).epoch
        spool.append_events([(at, event(at))])
        if at % 3 == 0:
            spool.settle("telemetry", epoch, [(at * 20, at * 60)])
        if at % 50 == 0:
            spool.new_epoch("telemetry", epoch, "conflict")
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes
    assert spool.usage(0).spool_bytes == sum(sizes.values())
    spool.close()
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == sizes, "not even in between"


def test_a_file_that_is_no_spool_is_set_aside(tmp_path):
    (tmp_path / "spool.db").write_bytes(b"no database at all" * 1000)
    spool = Spool(str(tmp_path / "spool.db"), quotas=SMALL, random_hex=hexes())
    assert spool.open(BOOT_A, 0).state == "quarantined"
    assert (tmp_path / "spool.db.quarantined").read_bytes().startswith(b"no database")
    assert spool.append_panic(1, event(1)).first == 1


@pytest.mark.parametrize(
    "older",
    [
        "UPDATE lane SET next_row = 3 WHERE lane = 0",
        "DELETE FROM panic WHERE row >= 5; UPDATE lane SET next_row = 5 WHERE lane = 0",
        "DELETE FROM panic WHERE row >= 3; UPDATE lane SET next_row = 3 WHERE lane = 0;"
        "DELETE FROM boot_row WHERE lane = 0 AND first_row > 1; DELETE FROM rows WHERE lane = 0",
    ],
    ids=["rows", "boots", "names"],
)
def test_a_counter_behind_what_it_counts_is_a_damaged_card(tmp_path, older):
    """A number would be given twice, or a row be taken for one of another boot."""
    spool = opened(tmp_path / "spool.db")
    for at in range(3):
        spool.append_panic(at, event(at))
    epoch = spool.accounts(0)["panic"].epoch
    spool.settle("panic", epoch, [(1, 3)])
    spool.new_epoch("panic", epoch, "conflict")
    spool.append_panic(3, event(3))
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_B)
    spool.append_panic(4, event(4))
    spool.close()
    db = sqlite3.connect(tmp_path / "spool.db")
    db.executescript(older)
    db.close()
    spool = Spool(str(tmp_path / "spool.db"), quotas=SMALL, random_hex=hexes())
    assert spool.open(BOOT_B, 0).state == "quarantined"
