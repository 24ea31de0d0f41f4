"""Frames: what lies on the card, readable by the contract's own decoder, the same at each resend."""

from dataclasses import replace

import msgspec
import pytest

from contract.codec import decode_body, decode_frame
from contract.errors import ContractError
from contract.messages import MAX_FRAME_BYTES, MAX_RECORDS
from edge.frames import build
from edge.uplink import Send
from tests.edge.spooling import BOOT_A, BOOT_B, SMALL, Sampled, event, opened, samples

NOW = 1_790_000_000_000


@pytest.fixture
def spool(tmp_path):
    spool = opened(tmp_path / "spool.db", quotas=replace(SMALL, event_bytes=256 * 1024))
    yield spool
    spool.close()


def frame_of(spool, lane, first=1, last=2**40, *, max_bytes=60_000, mono_ms=10_000, live=False):
    built = build(Send(lane, first, last, max_bytes, live=live), spool, gateway="gw-1", mono_ms=mono_ms)
    return built, decode_frame(lane, built.payload)


def test_samples_of_many_devices_in_one_frame(spool):
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_samples(
        [
            Sampled("pos-1", (1.5, None), 1000, quantities=("level_m", "rain_mm"), quality=((1, 4),)),
            Sampled("bed-1", (1, 0), 1010, kind="bed_panel", quantities=("bed_01", "bed_02")),
            Sampled("pos-1", (1.75, 0.2), 2000, quantities=("level_m", "rain_mm")),
        ]
    )
    built, frame = frame_of(spool, "telemetry")
    assert (built.first, built.last, built.last_row) == (1, 3, 3)
    assert (frame.gateway, frame.epoch, frame.boot, frame.first, frame.n) == (
        "gw-1",
        built.epoch,
        BOOT_A,
        1,
        3,
    )
    assert (frame.base_ms, frame.age_ms, frame.floor) == (NOW + 1000, 9000, 1)
    assert [device.device for device in frame.devices] == ["pos-1", "bed-1"]
    assert frame.rows == ((0, 0, 1.5, None), (1, 10, 1, 0), (0, 1000, 1.75, 0.2))
    assert [type(value) for value in frame.rows[1]] == [int] * 4, "an integer stays one"
    assert frame.quality == ((0, 1, 4),)
    assert frame.time_error == ()
    assert not frame.live
    assert not frame.again


def test_a_live_frame_says_so(spool):
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_samples(samples(1, 1000))
    assert frame_of(spool, "telemetry", live=True)[1].live


def test_an_uncertain_time_is_said(spool):
    spool.append_sync(0, NOW, 1001, "hub")
    spool.append_samples(samples(2, 0))
    assert frame_of(spool, "telemetry")[1].time_error == ((0, 1001), (1, 1002))


def test_bytes_are_the_same_at_each_resend_but_for_age_and_floor(spool):
    spool.append_sync(0, NOW, 5, "ntp")
    epoch = spool.append_samples(samples(5, 1000)).epoch
    _, frame = frame_of(spool, "telemetry", 3, 5)
    spool.append_sync(20_000, NOW + 99_000, 5, "hub")
    spool.settle("telemetry", epoch, [(1, 2)])
    _, again = frame_of(spool, "telemetry", 3, 5, mono_ms=70_000)
    assert again != frame
    assert msgspec.structs.replace(again, age_ms=frame.age_ms, floor=frame.floor) == frame
    assert (frame.floor, again.floor) == (1, 3)
    assert (frame.age_ms, again.age_ms) == (10_000 - 1020, 70_000 - 1020)


def test_the_bytes_of_an_event_are_the_ones_on_the_card(spool):
    spool.append_sync(0, NOW, 5, "ntp")
    odd = b'{ "id":"' + b"0" * 32 + b'", "kind":"panic_press" ,"device":"tombol" , "data":{"x":1.50}}'
    spool.append_panic(1000, odd)
    spool.append_panic(1500, event(2))
    _, frame = frame_of(spool, "panic")
    assert [bytes(record.body) for record in frame.events] == [odd, event(2)]
    assert [(record.offset_ms, record.error_ms) for record in frame.events] == [(0, 6), (500, 6)]
    assert decode_body(bytes(frame.events[1].body)).id == f"{2:032x}"


def test_a_panic_goes_without_a_time(spool):
    spool.append_panic(1000, event(1))
    spool.append_panic(1500, event(2))
    _, frame = frame_of(spool, "panic")
    assert (frame.base_ms, frame.age_ms) == (None, 9000)
    assert [record.offset_ms for record in frame.events] == [0, 500]


def test_records_of_an_earlier_boot_have_no_age(tmp_path):
    spool = opened(tmp_path / "spool.db")
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_panic(1000, event(1))
    spool.close()
    spool = opened(tmp_path / "spool.db", boot=BOOT_B)
    spool.append_sync(0, NOW + 60_000, 5, "ntp")
    spool.append_panic(5, event(2))
    built, frame = frame_of(spool, "panic")
    assert (built.last, frame.boot, frame.age_ms, frame.base_ms) == (1, BOOT_A, None, NOW + 1000)
    _, frame = frame_of(spool, "panic", 2, 2)
    assert (frame.boot, frame.age_ms) == (BOOT_B, 9995)


def test_again_and_fresh_are_not_mixed(spool):
    spool.append_sync(0, NOW, 5, "ntp")
    epoch = spool.append_panic(1, event(1)).epoch
    spool.append_panic(2, event(2))
    spool.settle("panic", epoch, [(1, 1)])
    spool.recall([])
    built, frame = frame_of(spool, "panic")
    assert (frame.first, frame.n, frame.again) == (1, 1, True)
    built, frame = frame_of(spool, "panic", built.last_row + 1)
    assert (frame.first, frame.n, frame.again) == (2, 1, False)


def test_what_is_no_longer_to_be_sent_makes_no_frame(spool):
    epoch = spool.append_panic(1, event(1)).epoch
    spool.settle("panic", epoch, [(1, 1)])
    assert build(Send("panic", 1, 1, 1000), spool, gateway="gw-1", mono_ms=5) is None


@pytest.mark.parametrize("max_bytes", [1, 300, 2_000, 20_000, 60_000, 200_000])
def test_a_frame_is_about_as_large_as_asked_and_never_too_large(spool, max_bytes):
    spool.append_sync(0, NOW, 5, "ntp")
    for at in range(5):
        spool.append_samples(samples(1000, 100_000 * at, first=100_000))
    built, frame = frame_of(spool, "telemetry", max_bytes=max_bytes)
    assert len(built.payload) <= min(MAX_FRAME_BYTES, max_bytes + 300)
    assert frame.n <= MAX_RECORDS
    if max_bytes > 2_000:
        assert len(built.payload) > min(MAX_FRAME_BYTES, max_bytes) / 3


def test_large_events_fill_frames_under_the_limit(spool):
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_events([(at, event(at, pad=15_000)) for at in range(4)])
    built, frame = frame_of(spool, "event", max_bytes=200_000)
    assert frame.n == 4
    assert len(built.payload) <= MAX_FRAME_BYTES


def test_a_frame_that_came_out_too_large_is_cut(spool):
    """The size of a run is estimated; should it ever be short, the hard limit holds."""
    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_events([(at, event(at, pad=15_000)) for at in range(3)])
    spool.append_events([(at, event(at, pad=15_000)) for at in range(3)])
    built, frame = frame_of(spool, "event", max_bytes=10**6)
    assert (frame.n, built.last_row) == (3, 3)


def test_a_single_record_that_no_frame_can_carry_raises(spool):
    """It cannot be accepted in the first place, so this is a fault of ours that must not pass silently."""

    class Huge:
        def read_run(self, *_):
            run = spool.read_run("event", 1, 1, 1000)
            return replace(run, rows=(run.rows[0]._replace(body=b'"' + b"x" * 70_000 + b'"'),))

        def at(self, *_):
            return spool.at(1, 0)

        def floor(self, *_):
            return 1

    spool.append_sync(0, NOW, 5, "ntp")
    spool.append_events([(1, event(1))])
    with pytest.raises(ContractError, match="size"):
        build(Send("event", 1, 1, 1000), Huge(), gateway="gw-1", mono_ms=5)
