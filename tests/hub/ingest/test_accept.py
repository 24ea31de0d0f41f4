"""What accept makes of good and of bad messages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import codec
from contract.messages import Beat, DeviceColumn, LaneAccount, State
from contract.topics import UP_LEAVES
from hub.ingest.accept import (
    AcceptedBeat,
    AcceptedReply,
    AcceptedState,
    AcceptedTelemetry,
    Dead,
    ForeignVersion,
    Ignored,
    accept,
)
from hub.ingest.events import AcceptedEvents
from tests.hub.ingest.frames import (
    BOOT,
    EPOCH,
    GATEWAY,
    GATEWAYS,
    NOW_MS,
    POST,
    body,
    edited,
    event_frame,
    event_id,
    judged,
    telemetry_frame,
)

KNOWN = (
    Ignored
    | Dead
    | ForeignVersion
    | AcceptedEvents
    | AcceptedTelemetry
    | AcceptedBeat
    | AcceptedState
    | AcceptedReply
)


def test_a_press_is_accepted_with_its_time_and_age():
    verdict = judged(event_frame(body(1), body(2, device="tombol-2")), "panic")

    assert isinstance(verdict, AcceptedEvents)
    assert (verdict.first, verdict.last, verdict.site, verdict.lane) == (1, 2, "rsud", "panic")
    assert verdict.sent_ms == NOW_MS - 500
    one, two = verdict.records
    assert (one.event_id, one.kind, one.t_ms, one.age_ms) == (event_id(1), "panic_press", NOW_MS - 1500, 1000)
    assert (two.device, two.t_ms, two.age_ms, two.malformed) == ("tombol-2", NOW_MS - 1400, 900, False)
    assert one.raw == body(1)
    assert verdict.refused == ()


def test_a_press_without_a_clock_is_accepted_and_an_event_is_not():
    frame = event_frame(body(1), base_ms=None, age_ms=700)

    verdict = judged(frame, "panic")
    assert isinstance(verdict, AcceptedEvents)
    assert (verdict.records[0].t_ms, verdict.records[0].age_ms) == (None, 700)
    assert isinstance(judged(frame, "event"), Dead)


def test_the_age_of_an_earlier_boot_is_by_time():
    frame = event_frame(body(1), base_ms=NOW_MS - 90_000, age_ms=None)

    verdict = judged(frame, "panic")
    assert isinstance(verdict, AcceptedEvents)
    assert verdict.records[0].age_ms == 90_000
    assert verdict.sent_ms is None


@pytest.mark.parametrize("base_ms", [0, NOW_MS - 10 * 365 * 86_400_000])
def test_a_clock_that_is_behind_changes_no_age_that_the_boot_clock_says(base_ms):
    verdict = judged(event_frame(body(1), base_ms=base_ms, age_ms=1000), "panic")

    assert isinstance(verdict, AcceptedEvents)
    assert (verdict.records[0].t_ms, verdict.records[0].age_ms) == (base_ms, 1000)


@pytest.mark.parametrize("received_ms", [0, NOW_MS + 10 * 365 * 86_400_000])
def test_a_hub_in_1970_or_ten_years_ahead_still_hears_a_press_as_one_of_now(received_ms):
    topic = f"siaga/1/03/{GATEWAY}/up/panic"
    frame = event_frame(body(1), base_ms=NOW_MS, age_ms=1000)
    verdict = accept(topic, frame, retained=False, received_ms=received_ms, gateways=GATEWAYS)

    assert isinstance(verdict, AcceptedEvents)
    assert verdict.records[0].age_ms == 1000


def test_a_clock_ten_years_ahead_leaves_the_age_of_an_earlier_boot_unknown():
    ahead = NOW_MS + 10 * 365 * 86_400_000
    verdict = judged(telemetry_frame((0, 0, 1.0, 2), base_ms=ahead, age_ms=None), "telemetry")

    assert isinstance(verdict, AcceptedTelemetry)
    assert verdict.age_ms(0) is None
    assert verdict.refused == ()


def test_a_retained_frame_is_ignored_and_a_retained_birth_is_not():
    assert judged(event_frame(body(1)), "panic", retained=True) == Ignored("retained")

    state = codec.encode(State(gateway=GATEWAY, online=True, connection="c1"))
    verdict = accept(
        f"siaga/1/03/{GATEWAY}/state", state, retained=True, received_ms=NOW_MS, gateways=GATEWAYS
    )
    assert isinstance(verdict, AcceptedState)
    assert verdict.retained


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"payload": event_frame(body(1), gateway="pos-07")}, "gateway"),
        ({"payload": event_frame(body(1)), "gateway": "palsu-01"}, "unknown"),
        ({"payload": event_frame(body(1)), "cell": 4}, "cell"),
        ({"payload": b"\x00\xff\x00"}, "json"),
        ({"payload": b""}, "json"),
        ({"payload": b'{"ev":[' * 9_000}, "shape"),
        ({"payload": b'{"v":1}'}, "shape"),
        ({"payload": event_frame(body(1))[:-1]}, "json"),
        ({"payload": event_frame(body(1)).replace(b'"n":1', b'"n":2')}, "count"),
        ({"payload": event_frame(body(1)).replace(b'"first":1', b'"first":0')}, "shape"),
        ({"payload": event_frame(body(1)) + b" " * 65_536}, "size"),
    ],
)
def test_a_frame_that_cannot_be_trusted_or_read_is_dead(case, reason):
    verdict = judged(lane="panic", **case)

    assert isinstance(verdict, Dead)
    assert verdict.reason == reason
    assert verdict.payload == case["payload"]


@pytest.mark.parametrize("leaf", UP_LEAVES)
def test_whoever_is_revoked_is_heard_in_nothing(leaf):
    """The broker may not know it yet, or never: whatever it lets through is dead, a press too."""
    spoken = codec.encode(State(gateway=GATEWAY, online=True, connection="c1")) if leaf == "state" else b"{}"
    given = {"retained": leaf == "state", "received_ms": NOW_MS, "gateways": GATEWAYS}
    verdict = accept(f"siaga/1/03/{GATEWAY}/{leaf}", spoken, **given, revoked={GATEWAY})
    assert isinstance(verdict, Dead)
    assert (verdict.reason, verdict.gateway) == ("revoked", GATEWAY)
    other = accept(f"siaga/1/03/{GATEWAY}/{leaf}", spoken, **given, revoked={"pos-99"})
    assert not isinstance(other, Dead) or other.reason != "revoked"


def test_a_topic_that_is_none_is_dead():
    verdict = accept("siaga/9/03/x/up/panic", b"", retained=False, received_ms=NOW_MS, gateways=GATEWAYS)

    assert isinstance(verdict, Dead)
    assert (verdict.reason, verdict.gateway) == ("version", None)


def test_what_only_the_hub_may_say_is_dead():
    verdict = accept(
        f"siaga/1/03/{GATEWAY}/down/hello", b"{}", retained=False, received_ms=NOW_MS, gateways=GATEWAYS
    )

    assert isinstance(verdict, Dead)
    assert verdict.reason == "leaf"


def test_a_foreign_version_is_answered():
    verdict = judged(edited(event_frame(body(1)), v=2), "panic")

    assert isinstance(verdict, ForeignVersion)
    assert verdict.answer.refused_version == "2"
    assert verdict.answer.spoken == (1,)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "123456789012345678901234567890"]
)
def test_a_number_that_json_or_64_bits_have_not_is_dead(number):
    frame = telemetry_frame((0, 0, 7.125, 2)).replace(b"7.125", number.encode())

    verdict = judged(frame, "telemetry")
    assert isinstance(verdict, Dead)


@pytest.mark.parametrize(
    ("device", "row", "reason"),
    [
        (DeviceColumn("x", "submarine", ("level_m",)), (1, 0, 1.0), "kind"),
        (DeviceColumn("x", "river_post", ("depth_m",)), (1, 0, 1.0), "quantity"),
        (DeviceColumn("x", "river_post", ("level_m", "level_m")), (1, 0, 1.0, 2.0), "quantity"),
        (DeviceColumn("x\ny", "river_post", ("level_m",)), (1, 0, 1.0), "device"),
        (DeviceColumn("x\\", "river_post", ("level_m",)), (1, 0, 1.0), "device"),
        (DeviceColumn("x", "river_post", ("tips",)), (1, 0, 1.5), "type"),
        (DeviceColumn("x", "river_post", ("tips",)), (1, 0, 2.0), "type"),
        (DeviceColumn("x", "river_post", ("tips",)), (1, 2**52, 2), "time"),
    ],
)
def test_a_bad_record_is_refused_and_its_neighbours_are_not(device, row, reason):
    frame = telemetry_frame((0, 0, 1.0, 2), row, (0, 10, 1.5, 3), devices=(POST, device), first=41)

    verdict = judged(frame, "telemetry")
    assert isinstance(verdict, AcceptedTelemetry)
    assert [(one.seq, one.reason) for one in verdict.refused] == [(42, reason)]
    assert json.loads(verdict.refused[0].raw)["kind"] == device.kind


def test_an_integer_is_good_where_a_float_is_wanted():
    verdict = judged(telemetry_frame((0, 0, 3, 2), (0, 10, None, None)), "telemetry")

    assert isinstance(verdict, AcceptedTelemetry)
    assert verdict.refused == ()
    assert (verdict.age_ms(0), verdict.age_ms(1)) == (5000, 4990)


@pytest.mark.parametrize(
    "raw",
    [b"null", b"[]", b'"x"', b"{}", b'{"id":7,"kind":"panic_press","device":"d"}', b'{"kind":"panic_press"}'],
)
def test_a_body_that_is_no_event_raises_as_a_panic_and_is_refused_as_an_event(raw):
    frame = event_frame(body(1), raw, body(3))

    panic = judged(frame, "panic")
    assert isinstance(panic, AcceptedEvents)
    assert [record.malformed for record in panic.records] == [False, True, False]
    assert panic.records[1].raw == raw
    assert len(panic.records[1].event_id) == 32
    event = judged(frame, "event")
    assert isinstance(event, AcceptedEvents)
    assert [record.seq for record in event.records] == [1, 3]
    assert [(one.seq, one.reason, one.raw) for one in event.refused] == [(2, "body", raw)]


def test_what_a_malformed_press_still_says_is_kept():
    raw = json.dumps({"id": event_id(9), "kind": 5, "device": "tombol-1"}).encode()

    verdict = judged(event_frame(raw), "panic")
    assert isinstance(verdict, AcceptedEvents)
    record = verdict.records[0]
    assert (record.event_id, record.kind, record.device, record.malformed) == (
        event_id(9),
        "panic_press",
        "tombol-1",
        True,
    )


def test_two_malformed_presses_of_the_same_bytes_are_two_events():
    verdict = judged(event_frame(b"{}", b"{}"), "panic")

    assert isinstance(verdict, AcceptedEvents)
    assert verdict.records[0].event_id != verdict.records[1].event_id


def test_a_time_out_of_reach_is_dropped_from_a_press_and_refuses_an_event():
    frame = event_frame(body(1), base_ms=2**52, age_ms=10)

    panic = judged(frame, "panic")
    assert isinstance(panic, AcceptedEvents)
    assert (panic.records[0].t_ms, panic.records[0].age_ms) == (None, 10)
    event = judged(frame, "event")
    assert isinstance(event, AcceptedEvents)
    assert [one.reason for one in event.refused] == ["time"]


def test_text_that_postgresql_cannot_hold_is_made_storable():
    verdict = judged(event_frame(body(1, device="a\x00b")), "panic")

    assert isinstance(verdict, AcceptedEvents)
    assert verdict.records[0].device == "a\ufffdb"


def test_a_beat_is_accepted_from_its_own_gateway_only():
    beat = Beat(
        gateway=GATEWAY,
        boot=BOOT,
        mono_ms=5,
        interval_s=10,
        lanes={"panic": LaneAccount(epoch=EPOCH, next=3, floor=3)},
    )

    def beat_on(gateway: str, cell: int) -> object:
        return accept(
            f"siaga/1/{cell:02d}/{gateway}/up/beat",
            codec.encode(beat),
            retained=False,
            received_ms=NOW_MS,
            gateways=GATEWAYS,
        )

    assert beat_on(GATEWAY, 3) == AcceptedBeat(GATEWAY, 3, beat)
    assert isinstance(beat_on("pos-07", 7), Dead)


TOPICS = st.sampled_from([f"siaga/1/03/{GATEWAY}/{leaf}" for leaf in UP_LEAVES]) | st.text()
SEEDS = [
    event_frame(body(1), body(2)),
    telemetry_frame((0, 0, 1.0, 2), (0, 10, None, 3)),
    codec.encode(State(gateway=GATEWAY, online=True, connection="c1")),
]


@given(TOPICS, st.binary(max_size=400), st.booleans())
def test_random_bytes_never_raise(topic, payload, retained):
    verdict = accept(topic, payload, retained=retained, received_ms=NOW_MS, gateways=GATEWAYS)

    assert isinstance(verdict, KNOWN)


@given(
    TOPICS,
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=6), st.integers(0, 6)), max_size=4),
)
def test_damaged_messages_never_raise(topic, payload, edits):
    for at, inserted, removed in edits:
        at %= len(payload) + 1
        payload = payload[:at] + inserted + payload[at + removed :]

    verdict = accept(topic, payload, retained=False, received_ms=NOW_MS, gateways=GATEWAYS)

    assert isinstance(verdict, KNOWN)
    if isinstance(verdict, AcceptedEvents):
        seqs = sorted([one.seq for one in verdict.records] + [one.seq for one in verdict.refused])
        assert seqs == list(range(verdict.first, verdict.last + 1))


@pytest.mark.parametrize("leaf", ["up/beat", "state"])
def test_a_text_that_postgresql_cannot_hold_is_no_beat_and_no_birth(leaf):
    message = Beat(gateway=GATEWAY, boot=BOOT, mono_ms=5, interval_s=10, lanes={}, software="1\x002")
    if leaf == "state":
        payload = codec.encode(State(gateway=GATEWAY, online=True, connection="c\x00"))
    else:
        payload = codec.encode(message)
    verdict = accept(
        f"siaga/1/03/{GATEWAY}/{leaf}", payload, retained=False, received_ms=NOW_MS, gateways=GATEWAYS
    )

    assert isinstance(verdict, Dead)
    assert verdict.reason == "text"


@pytest.mark.parametrize("leaf", ["up/panic", "up/event", "up/telemetry", "up/beat", "up/reply", "state"])
@pytest.mark.parametrize(
    "nonsense",
    [
        *(b"[" * depth + b"]" * depth for depth in (500, 950, 990, 1000, 30_000)),
        b"9" * 5000,
        b"1e999",
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'{"a":' * 10_000,
    ],
    ids=lambda nonsense: f"{nonsense[:8]!r} of {len(nonsense)}",
)
def test_deep_and_long_nonsense_never_raises(leaf, nonsense):
    for payload in (nonsense, b'{"v":%b}' % nonsense, b'{"v":1,"x":%b}' % nonsense):
        verdict = accept(
            f"siaga/1/03/{GATEWAY}/{leaf}", payload, retained=False, received_ms=NOW_MS, gateways=GATEWAYS
        )
        assert isinstance(verdict, Dead | ForeignVersion)
