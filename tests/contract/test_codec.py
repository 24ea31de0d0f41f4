"""Codec: frames round-trip, and any bytes either decode or raise the one documented error."""

import contextlib
import json
import math
import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import codec, messages
from contract.errors import ContractError, DecodeError, VersionError
from contract.messages import (
    Beat,
    ClosedEpoch,
    Command,
    DesiredConfig,
    DeviceColumn,
    EventBody,
    EventFrame,
    EventRecord,
    HaveStream,
    Hello,
    LaneAccount,
    Loss,
    Receipt,
    Refusal,
    Reply,
    State,
    TelemetryFrame,
    VersionRefusal,
)
from contract.topics import LANES

SEQ = st.integers(1, 2**53)
TIME = st.integers(-(2**53), 2**53)
COUNT = st.integers(0, 2**53)
NAME = st.text(min_size=1, max_size=64)
EPOCH = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
BOOT = st.from_regex(r"[0-9a-f-]{8,36}", fullmatch=True)
GATEWAY = st.from_regex(r"[a-z0-9][a-z0-9-]{2,47}", fullmatch=True)
EVENT_ID = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FINITE | st.text(max_size=20)
DATA = st.dictionaries(st.text(max_size=10), SCALARS, max_size=4)
RANGES = st.lists(st.tuples(SEQ, SEQ).map(lambda p: (min(p), max(p))), max_size=5).map(tuple)


@st.composite
def heads(draw, lane, n):
    return {
        "version": 1,
        "gateway": draw(GATEWAY),
        "epoch": draw(EPOCH),
        "boot": draw(BOOT),
        "first": draw(SEQ),
        "n": n,
        "base_ms": draw(TIME | st.none()) if lane == "panic" else draw(TIME),
        "age_ms": draw(COUNT | st.none()),
        "floor": draw(SEQ),
        "again": draw(st.booleans()),
    }


@st.composite
def telemetry_frames(draw):
    columns = draw(
        st.lists(
            st.builds(DeviceColumn, NAME, NAME, st.lists(NAME, min_size=1, max_size=5).map(tuple)),
            min_size=1,
            max_size=4,
        )
    )
    value = st.none() | FINITE | st.integers(-(2**63), 2**63 - 1)
    rows, quality, errors = [], [], []
    for at in range(draw(st.integers(1, 12))):
        alias = draw(st.integers(0, len(columns) - 1))
        width = len(columns[alias].quantities)
        rows.append((alias, draw(st.integers(-(10**9), 10**9)), *(draw(value) for _ in range(width))))
        if draw(st.booleans()):
            quality.append((at, draw(st.integers(0, width - 1)), draw(st.integers(1, 5))))
        if draw(st.booleans()):
            errors.append((at, draw(COUNT)))
    return TelemetryFrame(
        **draw(heads("telemetry", len(rows))),
        devices=tuple(columns),
        rows=tuple(rows),
        quality=tuple(quality),
        time_error=tuple(errors),
        live=draw(st.booleans()),
    )


@st.composite
def event_frames(draw, lane):
    body = st.builds(EventBody, id=EVENT_ID, kind=NAME, device=NAME, data=DATA)
    events = draw(st.lists(st.tuples(TIME, COUNT, body), min_size=1, max_size=6))
    return EventFrame(
        **draw(heads(lane, len(events))),
        events=tuple(EventRecord(t, e, msgspec.Raw(codec.encode_body(b))) for t, e, b in events),
    )


ACCOUNTS = st.builds(
    LaneAccount, epoch=EPOCH, next=SEQ, floor=SEQ, settled=RANGES, oldest_age_ms=COUNT | st.none()
)
LOSSES = st.tuples(SEQ, SEQ).flatmap(
    lambda p: st.builds(
        Loss,
        st.sampled_from(LANES),
        EPOCH,
        st.just(min(p)),
        st.just(max(p)),
        TIME | st.none(),
        TIME | st.none(),
        NAME,
    )
)
MESSAGES = {
    Beat: st.builds(
        Beat,
        gateway=GATEWAY,
        boot=BOOT,
        mono_ms=COUNT,
        interval_s=st.floats(0.001, 3600),
        lanes=st.dictionaries(st.sampled_from(LANES), ACCOUNTS),
        lost=st.lists(LOSSES, max_size=3).map(tuple),
        closed=st.lists(
            st.builds(ClosedEpoch, st.sampled_from(LANES), EPOCH, SEQ, RANGES, NAME), max_size=2
        ).map(tuple),
        cpu_c=st.none() | FINITE,
    ),
    State: st.builds(State, gateway=GATEWAY, online=st.booleans(), connection=NAME, boot=BOOT, mono_ms=COUNT),
    Hello: st.builds(
        Hello,
        inc=st.tuples(COUNT, COUNT),
        have=st.lists(st.builds(HaveStream, st.sampled_from(LANES), EPOCH, RANGES), max_size=3).map(tuple),
        flow=st.sampled_from(["open", "hold"]),
        hub_ms=TIME,
        echo_ms=COUNT | st.none(),
    ),
    Receipt: st.builds(
        Receipt,
        inc=st.tuples(COUNT, COUNT),
        epoch=EPOCH,
        lane=st.sampled_from(LANES),
        ranges=RANGES,
        refused=st.lists(st.tuples(SEQ, NAME).map(lambda p: Refusal(p[0], p[0], p[1])), max_size=3).map(
            tuple
        ),
        noted=RANGES,
        flow=st.sampled_from(["open", "hold"]),
        new_epoch=st.booleans(),
    ),
    VersionRefusal: st.builds(
        VersionRefusal, refused_version=st.text(max_size=10), hint=st.text(max_size=10)
    ),
    Command: st.builds(Command, nonce=EVENT_ID, name=NAME, actor=NAME, expires_ms=TIME, args=DATA),
    Reply: st.builds(Reply, gateway=GATEWAY, nonce=EVENT_ID | st.none(), ok=st.booleans(), data=DATA),
    DesiredConfig: st.builds(DesiredConfig, config_version=COUNT, hash=st.text(max_size=64), toml=st.text()),
}


def fits(frame):
    """The frame's bytes, or None for one over the size limit; any other refusal is a failure."""
    try:
        return codec.encode(frame)
    except ContractError as error:
        if error.reason != "size":
            raise
        return None


@given(telemetry_frames())
def test_telemetry_frames_round_trip(frame):
    data = fits(frame)
    if data is not None:
        assert codec.decode_frame("telemetry", data) == frame


@pytest.mark.parametrize("lane", ["panic", "event"])
@given(data=st.data())
def test_event_frames_round_trip_with_their_body_bytes(lane, data):
    frame = data.draw(event_frames(lane))
    encoded = fits(frame)
    if encoded is not None:
        again = codec.decode_frame(lane, encoded)
        assert [bytes(event.body) for event in again.events] == [bytes(event.body) for event in frame.events]
        assert codec.encode(again) == encoded


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_every_other_message_round_trips(cls, data):
    message = data.draw(MESSAGES[cls])
    assert codec.decode(cls, codec.encode(message)) == message


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())


def reads_or_raises(data):
    for read in (
        *(lambda d, lane=lane: codec.decode_frame(lane, d) for lane in LANES),
        *(lambda d, cls=cls: codec.decode(cls, d) for cls in MESSAGES),
        codec.decode_body,
        codec.decode_receipt,
    ):
        with contextlib.suppress(DecodeError):
            read(data)


@settings(max_examples=400)
@given(st.binary(max_size=200) | JSONISH)
def test_any_bytes_decode_or_raise_the_one_error(data):
    reads_or_raises(data)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_frame_decodes_or_raises_the_one_error(data):
    frame = data.draw(telemetry_frames() | event_frames("panic") | event_frames("event"))
    reads_or_raises(damaged(data, fits(frame) or b"{}"))


@settings(max_examples=400)
@given(st.data(), st.integers(1, 3))
def test_the_short_way_takes_no_frame_that_the_long_way_refuses_or_reads_otherwise(data, values):
    """A frame of devices with equally many quantities, whole or damaged, by both ways of decode_frame."""
    numbers = st.none() | FINITE | st.integers(-(2**64), 2**64)
    row = st.tuples(st.integers(-1, 2) | st.just(0.0), TIME | FINITE, *([numbers] * values))
    rows = data.draw(st.lists(row, min_size=1, max_size=5))
    dev = [[f"d{at}", "river_post", ["level_m", "rain_mm", "tips"][:values]] for at in range(2)]
    text = telemetry(dev=dev, rows=rows, n=len(rows))
    if data.draw(st.booleans()):
        text = damaged(data, text)
    found = codec._plain_telemetry(text)
    if found is not None:
        assert found == codec._any_telemetry(text)


def test_the_short_way_is_the_way_of_a_usual_frame():
    assert codec._plain_telemetry(telemetry()) == codec._any_telemetry(telemetry())
    assert codec._plain_telemetry(telemetry(q=[[0, 0, 1]])) is None


def test_what_is_remembered_of_tables_of_devices_has_a_bound():
    """A gateway that names its devices anew each time, as many as fit what is remembered."""
    tracemalloc.start()
    try:
        for at in range(codec._KNOWN_TABLES + 200):
            dev = [[f"{at:x}{number}", "k", ["q"]] for number in range(45)]
            codec.decode_frame("telemetry", telemetry(dev=dev))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        codec._known_table.cache_clear()
    assert len(json.dumps(dev, separators=(",", ":"))) < codec._KNOWN_TABLE_BYTES
    assert held < 20_000_000


def damaged(data, text: bytes) -> bytes:
    encoded = bytearray(text)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(encoded) - 1))
        how = data.draw(st.sampled_from(["set", "cut", "drop", "double"]))
        if how == "set":
            encoded[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del encoded[max(at, 1) :]
        elif how == "drop":
            del encoded[at]
        else:
            encoded[at:at] = encoded[at : at + 8]
        if not encoded:
            encoded += b"{"
    return bytes(encoded)


HEAD = {"v": 1, "gw": "gw-one", "ep": "0" * 16, "boot": "0" * 8, "first": 1, "n": 1, "base": 0, "floor": 1}
DEV = [["d", "river_post", ["level_m"]]]


def telemetry(**change):
    return json.dumps({**HEAD, "dev": DEV, "rows": [[0, 0, 1.5]], **change}).encode()


def test_the_hand_written_frame_is_good():
    frame = codec.decode_frame("telemetry", telemetry(unknown={"newer": ["peer"]}))
    assert frame.rows == ((0, 0, 1.5),)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (telemetry(v=2), "version"),
        (telemetry(v="1"), "version"),
        (telemetry(v=True), "version"),
        (telemetry(n=2), "count"),
        (telemetry(base=None), "base"),
        (telemetry(rows=[[1, 0, 1.5]]), "alias"),
        (telemetry(rows=[[-1, 0, 1.5]]), "alias"),
        (telemetry(rows=[[0.0, 0, 1.5]]), "alias"),
        (telemetry(rows=[[0, 0.5, 1.5]]), "offset"),
        (telemetry(rows=[[0, 0]]), "row"),
        (telemetry(rows=[[0, 0, 1.5, 2.5]]), "row"),
        (telemetry(rows=[[]]), "row"),
        (telemetry(rows=[[0, 0, True]]), "shape"),
        (telemetry(rows=[[0, 0, "1.5"]]), "shape"),
        (telemetry(rows=[[0, 0, 2**63]]), "number"),
        (telemetry(rows=[[0, 0, -(2**63) - 1]]), "number"),
        (telemetry(q=[[1, 0, 1]]), "quality"),
        (telemetry(q=[[0, 1, 1]]), "quality"),
        (telemetry(q=[[0, 0, -1]]), "quality"),
        (telemetry(err=[[1, 5]]), "time"),
        (telemetry(err=[[0, -5]]), "time"),
        (telemetry(first=0), "shape"),
        (telemetry(n=0), "shape"),
        (telemetry(ep="xyz"), "shape"),
        (telemetry().replace(b"1.5", b"NaN"), "json"),
        (telemetry().replace(b"1.5", b"Infinity"), "json"),
        (telemetry().replace(b"1.5", b"1e999"), None),
        (telemetry().replace(b"1.5", b"1" * 5000), None),
        (telemetry() + b"x", "json"),
        (b"", "json"),
        (b"[" * 60_000, None),
        (b'{"v":1,"x":' + b"[" * 60_000, None),
        (b" " * 70_000, "size"),
        (telemetry().replace(b"gw-one", b"gw\xff\xfe"), "json"),
    ],
)
def test_a_bad_telemetry_frame_says_what_is_wrong(data, reason):
    with pytest.raises(DecodeError) as caught:
        codec.decode_frame("telemetry", data)
    assert reason is None or caught.value.reason == reason


def test_a_foreign_version_is_told_apart_from_garbage():
    with pytest.raises(VersionError) as caught:
        codec.decode_frame("telemetry", b'{"v": 7, "shape": "of a later year"}')
    assert caught.value.found == 7


def test_an_event_needs_a_time_and_a_panic_does_not():
    body = codec.encode_body(EventBody(id="0" * 32, kind="panic_press", device="d")).decode()
    head = {**HEAD, "base": None, "ev": [[0, 0, "BODY"]]}
    data = json.dumps(head).replace('"BODY"', body).encode()
    assert codec.decode_frame("panic", data).base_ms is None
    with pytest.raises(DecodeError, match="without a time"):
        codec.decode_frame("event", data)


def test_the_body_keeps_its_bytes_whatever_their_spelling():
    spelled = b'{ "kind" :"panic_press","id":"%s", "device":"d", "data":{"a":1.0e0} }' % (b"0" * 32)
    frame = EventFrame(
        version=1,
        gateway="gw-one",
        epoch="0" * 16,
        boot="0" * 8,
        first=1,
        n=1,
        base_ms=0,
        floor=1,
        events=(EventRecord(0, 0, msgspec.Raw(spelled)),),
    )
    assert bytes(codec.decode_frame("event", codec.encode(frame)).events[0].body) == spelled


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**63, 10**400])
def test_a_number_that_json_or_influx_cannot_hold_is_refused_when_writing(value):
    frame = codec.decode_frame("telemetry", telemetry())
    with pytest.raises(ContractError) as caught:
        codec.encode(msgspec.structs.replace(frame, rows=((0, 0, value),)))
    assert caught.value.reason == "number"


def test_event_data_refuses_nan():
    with pytest.raises(ContractError):
        codec.encode_body(EventBody(id="0" * 32, kind="k", device="d", data={"x": math.nan}))


def test_a_frame_over_the_limit_is_refused_when_writing():
    frame = codec.decode_frame("telemetry", telemetry())
    rows = ((0, 0, 1.23456789),) * messages.MAX_RECORDS
    big = msgspec.structs.replace(
        frame, n=len(rows), rows=rows, devices=(DeviceColumn("d" * 64, "k" * 64, ("q" * 64,) * 128),) * 9
    )
    with pytest.raises(ContractError) as caught:
        codec.encode(big)
    assert caught.value.reason == "size"


def test_a_receipt_and_a_version_refusal_are_told_apart():
    receipt = Receipt(inc=(1, 2), epoch="0" * 16, lane="event", ranges=((1, 2),))
    refusal = VersionRefusal(refused_version="9")
    assert codec.decode_receipt(codec.encode(receipt)) == receipt
    assert codec.decode_receipt(codec.encode(refusal)) == refusal
    with pytest.raises(DecodeError):
        codec.decode_receipt(b'{"v":1}')


@pytest.mark.parametrize(
    "message",
    [
        Receipt(inc=(1, 2), ranges=((2, 1),)),
        Receipt(inc=(1, 2), refused=(Refusal(2, 1, "x"),)),
        Receipt(inc=(1, 2), noted=((2, 1),)),
        Hello(inc=(1, 2), hub_ms=0, have=(HaveStream("panic", "0" * 16, ((2, 1),)),)),
    ],
)
def test_a_backward_range_is_no_message(message):
    with pytest.raises(DecodeError) as caught:
        codec.decode(type(message), codec.encode(message))
    assert caught.value.reason == "range"


def test_points_of_two_boots_never_meet_and_differences_stay_whole_milliseconds():
    one, two = codec.point_ns(1_700_000_000_000, "boot-a00"), codec.point_ns(1_700_000_000_000, "boot-b00")
    assert one != two
    assert one // 1_000_000 == two // 1_000_000 == 1_700_000_000_000
    assert (codec.point_ns(1_700_000_000_001, "boot-a00") - one) == 1_000_000
