"""What goes when: lanes in order, room for a press, resends, what a receipt may settle and what it may not."""

from itertools import pairwise
from random import Random

import pytest

from contract.messages import HaveStream, Hello, Receipt, Refusal, VersionRefusal
from edge.frames import build
from edge.uplink import NEWEST_BLOCK, Send, Uplink, Wait
from tests.edge.spooling import bodies, event, opened, samples

NOW = 1_790_000_000_000
INC = (1, 500)


class Rig:
    """A spool and its uplink, with the network played by hand."""

    def __init__(self, path, *, slots=20, greet=True):
        self.spool = opened(path)
        self.spool.append_sync(0, NOW, 5, "ntp")
        self.uplink = Uplink(self.spool, Random(1), mqtt_slots=slots)
        self.now = 1000
        self.uplink.on_connected(self.now)
        self.tokens = {}
        if greet:
            self.hello()

    def hello(self, inc=INC, *, have=None, flow="open", echo=1):
        if have is None:
            have = self.everything()
        return self.uplink.on_hello(Hello(inc=inc, have=have, flow=flow, hub_ms=NOW, echo_ms=echo), self.now)

    def everything(self):
        """What a hub has that lacks nothing which was settled."""
        found = []
        for lane in ("panic", "event"):
            account = self.spool.accounts(0)[lane]
            ranges = [(1, account.floor - 1)] if account.floor > 1 else []
            found.append(HaveStream(lane, account.epoch, (*ranges, *account.settled)))
        return tuple(found)

    def next(self):
        return self.uplink.next(self.now)

    def send(self, *, ack=True):
        """Send the next thing; (lane, first, last) of its frame, or the Wait."""
        step = self.next()
        if isinstance(step, Wait):
            return step
        frame = build(step, self.spool, gateway="gw-1", mono_ms=self.now)
        if frame is None:
            return self.send(ack=ack)
        token = self.uplink.on_sent(step, frame.last_row, len(frame.payload), self.now)
        self.tokens[token] = frame
        if ack:
            self.uplink.on_puback(token, self.now + 1)
        return frame

    def send_all(self, *, ack=True):
        frames = []
        while not isinstance(frame := self.send(ack=ack), Wait):
            frames.append(frame)
        return frames

    def receipt(self, lane, *ranges, inc=INC, epoch=None, **more):
        epoch = epoch or self.spool.accounts(0)[lane].epoch
        self.uplink.on_receipt(Receipt(inc=inc, epoch=epoch, lane=lane, ranges=ranges, **more), self.now)


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path / "spool.db")
    yield rig
    rig.spool.close()


# Order.


def test_panic_before_event_before_telemetry(rig):
    rig.spool.append_samples(samples(3, 100))
    rig.spool.append_events([(100, event(1))])
    rig.spool.append_panic(100, event(2))
    assert [frame.lane for frame in rig.send_all()] == ["panic", "event", "telemetry"]
    rig.spool.append_samples(samples(3, 200))
    rig.spool.append_panic(200, event(3))
    assert [frame.lane for frame in rig.send_all()] == ["panic", "telemetry"]


def test_nothing_is_sent_without_a_connection(tmp_path):
    rig = Rig(tmp_path / "spool.db")
    rig.spool.append_panic(1, event(1))
    rig.uplink.on_disconnected(rig.now)
    assert rig.next() == Wait(None)
    assert not rig.uplink.connected


def test_a_press_waits_for_no_hello_and_samples_do_for_a_while(tmp_path):
    rig = Rig(tmp_path / "spool.db", greet=False)
    rig.spool.adopt(INC)
    rig.spool.append_panic(1, event(1))
    rig.spool.append_samples(samples(1, 10))
    rig.spool.append_events([(1, event(2))])
    assert [frame.lane for frame in rig.send_all()] == ["panic"]
    assert not rig.uplink.wants_hello
    rig.receipt("panic", (1, 1))
    assert rig.next() == Wait(6000)
    rig.now = 6000
    assert rig.send().lane == "event"
    assert rig.uplink.wants_hello, "and the beat asks for it"


def test_the_newest_block_goes_before_the_backlog(rig):
    for at in range(10):
        rig.spool.append_samples(samples(200, 100_000 * at))
    first = rig.send()
    assert first.first == 2000 - NEWEST_BLOCK + 1
    frames = [first]
    while frames[-1].last < 2000:
        frames.append(rig.send())
    assert rig.send().first == 1, "then the oldest"
    rig.spool.append_samples(samples(1, 10**7))
    assert rig.send().first == 2001, "and what is new overtakes it"


def test_a_backlog_of_a_million_costs_no_more_than_one_of_ten(rig):
    """The uplink asks for gaps by search; nothing is walked through."""

    class Long:
        life, inc = 0, INC
        asked = 0

        def end(self, lane):
            return 10**6 + 1 if lane == "telemetry" else 1

        def pending(self, lane, low, high):
            self.asked += 1
            high = min(high, self.end(lane) - 1)
            return (low, high) if low <= high else None

        def is_again(self, lane, row):
            return False

    store = Long()
    uplink = Uplink(store, Random(1))
    uplink.on_connected(0)
    now = 5000
    for _ in range(32):
        step = uplink.next(now)
        assert isinstance(step, Send)
        token = uplink.on_sent(step, min(step.last, step.first + 99), 1000, now)
        uplink.on_puback(token, now + 1)
    assert store.asked <= 5 * 32


# Room.


def test_at_most_32_frames_of_samples_are_without_a_receipt(rig):
    for at in range(70):
        rig.spool.append_samples(samples(10, 10_000 * at))
        rig.send()
    assert len(rig.tokens) == 32
    rig.spool.append_panic(1, event(1))
    rig.spool.append_events([(1, event(2))])
    assert [rig.send().lane, rig.send().lane] == ["panic", "event"], "other lanes have their own room"
    rig.receipt("telemetry", (1, 10))
    assert rig.send().lane == "telemetry"


def test_four_slots_stay_free_for_a_press(rig):
    sent = 0
    for at in range(40):
        rig.spool.append_events([(at, event(at))])
        sent += not isinstance(rig.send(ack=False), Wait)
    assert 0 < sent <= 16
    for at in range(4):
        rig.spool.append_panic(at, event(100 + at))
        assert rig.send(ack=False).lane == "panic"
    if sent == 16:
        rig.spool.append_panic(9, event(200))
        assert isinstance(rig.next(), Wait), "all twenty are taken"


def test_samples_in_flight_are_about_a_second_of_the_link(rig):
    for at in range(20):
        rig.spool.append_samples(samples(200, 100_000 * at))
    frames = rig.send_all(ack=False)
    assert sum(len(frame.payload) for frame in frames) <= 8_000, "a link that nobody has measured yet is slow"
    assert rig.next() == Wait(None), "only a PUBACK makes room"


def test_no_sample_goes_while_a_press_is_unsent_even_without_a_slot(tmp_path):
    rig = Rig(tmp_path / "spool.db", slots=5)
    for at in range(5):
        rig.spool.append_panic(at, event(at))
        assert rig.send(ack=False).lane == "panic"
    rig.spool.append_panic(9, event(9))
    rig.spool.append_samples(samples(1, 10))
    assert rig.next() == Wait(None)


# Resends.


def test_a_press_goes_again_every_two_seconds_without_growth(rig):
    rig.spool.append_panic(1, event(1))
    rig.send()
    times = []
    for _ in range(4):
        wait = rig.next()
        times.append(wait.until_ms - rig.now)
        rig.now = wait.until_ms
        assert rig.send().lane == "panic"
    assert times == [2000] * 4


def test_a_puback_settles_nothing(rig):
    rig.spool.append_samples(samples(1, 1))
    frame = rig.send(ack=True)
    assert isinstance(rig.next(), Wait)
    rig.now += 10_000
    assert rig.send().first == frame.first


def test_resends_of_samples_are_put_off_by_twice_as_long_each_time_up_to_a_minute(rig):
    rig.spool.append_samples(samples(1, 1))
    rig.send()
    waits = []
    for _ in range(9):
        until = rig.next().until_ms
        waits.append((until - rig.now) / 1000)
        rig.now = until
        rig.send()
    for wait, middle in zip(waits, [2, 4, 8, 16, 32, 60, 60, 60, 60], strict=True):
        assert 0.7 * middle - 0.01 <= wait <= 1.3 * middle
    assert len(set(waits)) == len(waits), "with jitter"


def test_the_wait_follows_the_round_trip(rig):
    for at in range(40):
        rig.spool.append_samples(samples(1, 10 * at))
        rig.send()
        rig.now += 5000 if at else 0
        rig.receipt("telemetry", (at + 1, at + 1))
    rig.spool.append_samples(samples(1, 10**6))
    rig.send()
    wait = rig.next().until_ms - rig.now
    assert 0.6 * 20_000 <= wait <= 1.3 * 20_000


def test_only_what_is_unsettled_of_a_flight_goes_again(rig):
    rig.spool.append_samples(samples(10, 1))
    rig.send()
    rig.receipt("telemetry", (1, 3), (6, 7))
    rig.now += 5000
    frames = rig.send_all()
    assert [(frame.first, frame.last) for frame in frames] == [(4, 5), (8, 10)]
    rig.receipt("telemetry", (4, 5), (8, 10))
    rig.now += 100_000
    assert isinstance(rig.next(), Wait)


def test_what_was_evicted_in_flight_does_not_go_again(rig):
    rig.spool.append_samples(samples(100, 1))
    rig.send_all()
    while not rig.spool.losses():
        rig.spool.append_samples(samples(500, 10**6))
    lost = rig.spool.losses()[0].last
    rig.now += 100_000
    assert all(frame.first > lost for frame in rig.send_all() if frame.lane == "telemetry")


def test_after_a_reconnect_what_has_no_receipt_goes_anew(rig):
    rig.spool.append_panic(1, event(1))
    rig.spool.append_samples(samples(5, 1))
    rig.send_all(ack=False)
    rig.uplink.on_disconnected(rig.now)
    rig.uplink.on_connected(rig.now)
    rig.hello()
    assert [(frame.lane, frame.first) for frame in rig.send_all()] == [("panic", 1), ("telemetry", 1)]


def test_when_the_hub_is_back_what_waits_goes_soon(rig):
    rig.spool.append_samples(samples(5, 1))
    rig.send()
    for _ in range(6):
        rig.now = rig.next().until_ms
        rig.send()
    assert rig.next().until_ms - rig.now > 30_000
    rig.hello(echo=None)
    assert rig.next().until_ms - rig.now <= 2000


def test_a_hello_that_answers_our_question_hurries_nothing(rig):
    rig.spool.append_samples(samples(5, 1))
    rig.send()
    before = rig.next()
    rig.hello(echo=5)
    assert rig.next() == before


# What the hub cannot decode.


def test_a_frame_that_never_gets_its_receipt_goes_once_a_minute_in_halves(rig):
    rig.spool.append_samples(samples(8, 1))
    rig.send()
    poison = 6
    singles = []
    seq = 8
    for _ in range(400):
        rig.now += 1000
        if rig.now % 5000 == 0:
            rig.spool.append_samples(samples(1, rig.now))
            seq += 1
        for frame in rig.send_all():
            if not frame.first <= poison <= frame.last:
                rig.receipt("telemetry", (frame.first, frame.last))
            elif rig.uplink.undecodable:
                singles.append((rig.now, frame.first, frame.last))
    assert rig.uplink.undecodable == 1
    assert bodies(rig.spool, "telemetry").keys() == {(rig.spool.accounts(0)["telemetry"].epoch, poison)}
    alone = [at for at, first, last in singles if first == last]
    assert len(alone) >= 2
    assert all(b - a >= 60_000 for a, b in pairwise(alone))


def test_a_hub_that_is_away_makes_no_frame_undecodable(rig):
    rig.spool.append_samples(samples(8, 1))
    rig.spool.append_panic(1, event(1))
    for _ in range(600):
        rig.now += 1000
        rig.send_all()
    assert rig.uplink.undecodable == 0


def test_a_press_that_went_into_a_dead_link_is_not_put_off_when_a_later_one_has_its_receipt(rig):
    """The link took nothing for a while; that the next press got through says nothing against the first."""
    rig.spool.append_panic(1, event(1))
    rig.send()
    for _ in range(8):
        rig.now += 2000
        rig.send_all()
    rig.spool.append_panic(2, event(2))
    assert rig.send().first == 2
    rig.receipt("panic", (2, 2))
    rig.now += 2000
    frame = rig.send()
    assert (frame.lane, frame.first, frame.last) == ("panic", 1, 1)
    assert rig.uplink.undecodable == 0


def test_a_version_that_the_hub_does_not_speak(rig):
    rig.spool.append_samples(samples(8, 1))
    rig.spool.append_panic(1, event(1))
    rig.send_all()
    rig.uplink.on_version_refusal(VersionRefusal(refused_version="1", hint="update"), rig.now)
    assert rig.uplink.refused_version == "1: update"
    rig.spool.append_samples(samples(8, 1000))
    assert rig.next() == Wait(rig.now + 60_000)
    rig.spool.append_panic(2, event(2))
    assert rig.send().lane == "panic", "a new press still goes at once"
    rig.hello()
    assert rig.uplink.refused_version == ""
    assert rig.send().lane == "telemetry"


# Receipts.


def test_a_receipt_of_another_life_settles_nothing(rig):
    rig.spool.append_panic(1, event(1))
    rig.send()
    for inc in ((0, 999), (1, 501), (2, 500)):
        rig.receipt("panic", (1, 1), inc=inc)
        assert len(bodies(rig.spool, "panic")) == 1
    assert rig.uplink.wants_hello
    rig.receipt("panic", (1, 1))
    assert bodies(rig.spool, "panic") == {}


def test_a_receipt_of_a_lower_life_does_not_even_ask_for_a_hello(rig):
    rig.receipt("panic", (1, 1), inc=(0, 999))
    assert not rig.uplink.wants_hello


def test_a_receipt_of_another_epoch_or_lane_settles_nothing(rig):
    rig.spool.append_panic(1, event(1))
    rig.receipt("panic", (1, 1), epoch="f" * 16)
    rig.receipt("event", (1, 1), epoch=rig.spool.accounts(0)["panic"].epoch)
    assert len(bodies(rig.spool, "panic")) == 1


def test_refused_settles_and_is_counted(rig):
    rig.spool.append_samples(samples(3, 1))
    rig.send()
    rig.receipt("telemetry", (1, 1), refused=(Refusal(2, 3, "kind"),))
    assert bodies(rig.spool, "telemetry") == {}
    assert rig.spool.usage(0).refused["telemetry"] == 2


def test_noted_and_closed_are_forgotten(rig):
    epoch = rig.spool.append_panic(1, event(1)).epoch
    rig.spool.new_epoch("panic", epoch, "conflict")
    while not rig.spool.losses():
        rig.spool.append_samples(samples(500, 10**6))
    rig.receipt("panic", epoch=epoch, closed=True)
    assert rig.spool.closed() == ()
    [loss] = rig.spool.losses()
    rig.receipt("telemetry", noted=((loss.first, loss.last),))
    assert rig.spool.losses() == ()


def test_new_epoch_sends_what_is_unsettled_under_its_new_name_at_once(rig):
    old = rig.spool.append_panic(1, event(1)).epoch
    rig.spool.append_panic(2, event(2))
    rig.send()
    rig.receipt("panic", (1, 1), new_epoch=True)
    frame = rig.send()
    assert (frame.epoch == old, frame.first, frame.last) == (False, 1, 1)
    rig.receipt("panic", epoch=old, new_epoch=True)
    assert isinstance(rig.next(), Wait), "said twice, done once"


# The hub's lives.


def test_a_lower_generation_is_ignored(rig):
    rig.hello((5, 1))
    assert not rig.hello((4, 9), flow="hold")
    assert rig.spool.inc == (5, 1)
    assert rig.uplink.flow == "open"
    assert rig.hello((5, 2)), "the same generation is another life of it"
    assert rig.spool.inc == (5, 2)


def test_a_restored_hub_gets_back_what_it_lacks_marked_again(rig):
    epoch = rig.spool.append_panic(1, event(1)).epoch
    for at in range(2, 5):
        rig.spool.append_panic(at, event(at))
    rig.send_all()
    rig.receipt("panic", (1, 3))
    assert rig.hello((2, 7), have=(HaveStream("panic", epoch, ((1, 1),)),))
    step = rig.next()
    assert (step.again, step.first, step.last) == (True, 2, 3)
    frames = rig.send_all()
    assert [(frame.first, frame.last) for frame in frames] == [(2, 3), (4, 4)]
    rig.receipt("panic", (2, 4))
    assert bodies(rig.spool, "panic") != {}, "the old life proves nothing any more"
    rig.receipt("panic", (2, 4), inc=(2, 7))
    assert bodies(rig.spool, "panic") == {}


def test_telemetry_settled_in_an_older_life_stays_settled(rig):
    rig.spool.append_samples(samples(3, 1))
    rig.send()
    rig.receipt("telemetry", (1, 3))
    rig.hello((2, 7))
    assert isinstance(rig.next(), Wait)


def test_a_copied_card_moves_to_a_new_epoch(rig):
    epoch = rig.spool.append_panic(1, event(1)).epoch
    rig.hello(have=(HaveStream("panic", epoch, ((1, 5),)),))
    assert rig.spool.accounts(0)["panic"].epoch != epoch
    assert rig.send().epoch != epoch


# Flow.


def test_on_hold_the_backlog_stops_and_the_newest_sample_of_each_device_goes_every_ten_seconds(rig):
    for at in range(20):
        rig.spool.append_samples(samples(50, 100_000 * at, device="a"))
    rig.spool.append_samples(samples(1, 3_000_000, device="b"))
    rig.receipt("telemetry", flow="hold")
    step = rig.next()
    assert step.live
    assert [(frame.first, frame.last) for frame in rig.send_all()] == [(1000, 1001)]
    assert rig.next() == Wait(rig.now + 10_000)
    rig.spool.append_samples(samples(20, 4_000_000, device="a"))
    assert isinstance(rig.next(), Wait)
    rig.now += 10_000
    assert [(frame.first, frame.last) for frame in rig.send_all()] == [(1021, 1021)], "b has said nothing new"
    rig.now += 10_000
    assert rig.send_all() == []
    rig.receipt("telemetry", flow="open")
    sent = set()
    for frame in rig.send_all():
        sent.update(range(frame.first, frame.last + 1))
    assert 1021 in sent, "a live sample comes again"


def test_panic_and_event_never_hold(rig):
    rig.hello(flow="hold")
    rig.spool.append_panic(1, event(1))
    rig.spool.append_events([(1, event(2))])
    assert [frame.lane for frame in rig.send_all()] == ["panic", "event"]


def test_newest_samples_far_apart_go_in_frames_of_their_own(rig):
    rig.spool.append_samples(samples(1, 1, device="slow"))
    rig.spool.append_samples(samples(50, 100, device="fast"))
    rig.receipt("telemetry", flow="hold")
    assert [(frame.first, frame.last) for frame in rig.send_all()] == [(1, 1), (51, 51)]


def test_flights_of_samples_do_not_go_again_while_the_hub_holds(rig):
    rig.spool.append_samples(samples(5, 1))
    rig.send()
    rig.receipt("telemetry", flow="hold")
    rig.send_all()
    for _ in range(10):
        rig.now += 10_000
        assert rig.send_all() == []
    rig.receipt("telemetry", flow="open")
    wait = rig.next()
    assert isinstance(wait, Send) or wait.until_ms - rig.now <= 2000


def test_a_hold_without_a_word_for_long_is_doubted(rig):
    """The word of a hub that was killed may arrive after the one that ended its hold (world seed 24761)."""
    rig.hello(flow="open")
    rig.spool.append_samples(samples(5, 1))
    rig.send_all()
    rig.receipt("telemetry", flow="hold")
    rig.now += 29_000
    rig.next()
    assert not rig.uplink.wants_hello
    rig.receipt("telemetry", flow="hold")
    rig.now += 29_000
    rig.next()
    assert not rig.uplink.wants_hello, "it was said again"
    rig.now += 1_000
    rig.next()
    assert rig.uplink.wants_hello
    rig.hello(flow="open")
    assert not rig.uplink.wants_hello
    rig.now += 3_000
    assert [(frame.first, frame.last) for frame in rig.send_all()] == [(1, 5)]
    rig.now += 60_000
    rig.next()
    assert not rig.uplink.wants_hello, "an open hub is asked nothing"


def test_a_spool_made_anew_starts_the_sending_anew(rig):
    rig.spool.append_panic(1, event(1))
    rig.send()
    rig.spool.quarantine("test", 2)
    frame = rig.send()
    assert (frame.lane, frame.first) == ("panic", 1), "not in flight any more: it has a new name"


def test_the_same_seed_decides_the_same(tmp_path):
    def trace(path):
        rig = Rig(path)
        seen = []
        for at in range(200):
            rig.now += 700
            rig.spool.append_samples(samples(1 + at % 3, 10_000 * at))
            if at % 7 == 0:
                rig.spool.append_panic(at, event(at))
            seen += [(frame.lane, frame.first, frame.last) for frame in rig.send_all()]
            if at % 11 == 0:
                rig.receipt("telemetry", (at, 2 * at + 1))
        return seen

    assert trace(tmp_path / "a.db") == trace(tmp_path / "b.db")
