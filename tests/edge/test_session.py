"""What a gateway says and hears, over a real spool and without a connection."""

from random import Random

import pytest

from contract import codec, topics
from contract.messages import (
    Beat,
    Command,
    DesiredConfig,
    EventBody,
    Hello,
    Receipt,
    Refusal,
    Reply,
    State,
    VersionRefusal,
)
from edge.clock import Discipline
from edge.errors import CardError
from edge.health import Health
from edge.sampler import Sample
from edge.session import ASK_TIME_MS, Identity, Publish, Session
from edge.spool import Quotas, Spool
from edge.uplink import Uplink

BOOT = "0b7ce2d0-4a41-4bb8-9f0e-2f5f3a1c9d11"
INC = (1, 77)
START_MS = 1_790_000_000_000


class Clock:
    def __init__(self):
        self.mono = 1000
        self.discipline_now = Discipline(synced=False)

    def now_ms(self):
        return START_MS + self.mono

    def mono_ms(self):
        return self.mono

    def boot_id(self):
        return BOOT

    def discipline(self):
        return self.discipline_now


class Status:
    def health(self):
        return Health(cpu_c=51.5, under_voltage=True, disk_free_bytes=123)

    def devices_down(self):
        return ("hujan",)


class Gateway:
    """A session with everything around it."""

    def __init__(self, folder):
        self.clock = Clock()
        quotas = Quotas(panic_bytes=2**20, event_bytes=2**20, telemetry_bytes=2**20, wal_bytes=2**20)
        self.spool = Spool(str(folder / "spool.sqlite"), quotas=quotas)
        self.spool.open(BOOT, 0)
        self.received, self.answered = [], []
        self.session = Session(
            Identity("gw-hulu", 5, 10.0, "0.1.0", "abc"),
            self.spool,
            Uplink(self.spool, Random(1), mqtt_slots=20),
            clock=self.clock,
            status=Status(),
            on_received=self.received.extend,
            on_answered=self.answered.extend,
        )

    def connect(self):
        return self.session.connected("c0ffee", self.clock.mono)

    def hear(self, leaf, message):
        topic = topics.topic(5, "gw-hulu", leaf)
        return self.session.received(topic, codec.encode(message), self.clock.mono)

    def greet(self, **change):
        self.hear("down/hello", Hello(**{"inc": INC, "hub_ms": START_MS, **change}))

    def frames(self):
        sent = []
        while isinstance(step := self.session.next(self.clock.mono), Publish):
            sent.append((topics.parse(step.topic).leaf, step))
            self.session.acknowledged(step.token, self.clock.mono)
        return sent

    def press(self, event_id="5d41402abc4b2a76b9719d911017c592"):
        body = codec.encode_body(EventBody(id=event_id, kind="panic_press", device="tombol"))
        return self.spool.append_panic(self.clock.mono, body)

    def sample(self):
        return self.spool.append_samples(
            [Sample("duga-air", "river_post", ("level_m",), (1.5,), (), self.clock.mono)]
        )

    def beat(self):
        return codec.decode(Beat, self.session.beat(self.clock.mono).payload)


@pytest.fixture
def gateway(tmp_path):
    made = Gateway(tmp_path)
    yield made
    made.spool.close()


def test_birth_and_will_name_the_connection_and_are_retained(gateway):
    [birth] = gateway.connect()
    will = gateway.session.will("c0ffee")
    assert birth.retain
    assert will.retain
    assert birth.topic == will.topic == "siaga/1/05/gw-hulu/state"
    said, left = codec.decode(State, birth.payload), codec.decode(State, will.payload)
    assert (said.online, said.connection, said.boot, said.mono_ms) == (True, "c0ffee", BOOT, 1000)
    assert (left.online, left.connection) == (False, "c0ffee")


def test_without_a_connection_nothing_is_sent(gateway):
    gateway.press()
    assert gateway.session.panic_waits
    assert gateway.frames() == []


def test_a_press_goes_out_before_any_time_is_known_and_samples_wait_for_it(gateway):
    gateway.sample()
    gateway.press()
    gateway.connect()
    [(leaf, publish)] = gateway.frames()
    assert leaf == "up/panic"
    assert codec.decode_frame("panic", publish.payload).base_ms is None


def test_the_hub_gives_the_time_with_half_the_round_trip_as_error(gateway):
    gateway.sample()
    gateway.connect()
    gateway.clock.mono = 1400
    gateway.greet(hub_ms=START_MS, echo_ms=1000, echo_boot=BOOT)
    row = gateway.spool.timeline.last
    assert (row.source, row.wall_ms, row.error_ms) == ("hub", START_MS + 200, 201)
    assert [leaf for leaf, _ in gateway.frames()] == ["up/telemetry"]


@pytest.mark.parametrize(
    "change",
    [
        {"echo_ms": None},
        {"echo_ms": 1000, "echo_boot": "00000000-another-boot"},
        {"echo_ms": 5000, "echo_boot": BOOT},
    ],
    ids=["answers nothing", "another boot", "from the future"],
)
def test_a_hello_that_answers_no_question_of_this_boot_gives_no_time(gateway, change):
    gateway.connect()
    gateway.greet(**change)
    assert gateway.spool.timeline.last is None


def test_a_disciplined_clock_is_taken_instead_of_the_hubs(gateway):
    gateway.clock.discipline_now = Discipline(synced=True, error_ms=7)
    gateway.connect()
    gateway.greet(hub_ms=5, echo_ms=1000, echo_boot=BOOT)
    row = gateway.spool.timeline.last
    assert (row.source, row.wall_ms, row.error_ms) == ("ntp", START_MS + 1000, 7)
    assert gateway.beat().clock == "ntp"


def test_a_receipt_settles_and_the_lamp_hears_of_its_press(gateway):
    appended = gateway.press()
    gateway.connect()
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    gateway.frames()
    receipt = Receipt(inc=INC, epoch=appended.epoch, lane="panic", ranges=((1, 1),))
    gateway.hear("down/receipt", receipt)
    assert not gateway.session.panic_waits
    assert gateway.received == ["5d41402abc4b2a76b9719d911017c592"]
    gateway.hear("down/receipt", receipt)
    assert len(gateway.received) == 1


def test_the_lamp_hears_that_a_person_has_answered(gateway):
    appended = gateway.press()
    gateway.connect()
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    gateway.frames()
    event = "5d41402abc4b2a76b9719d911017c592"
    gateway.hear("down/receipt", Receipt(inc=(0, 1), lane="panic", answered=(event,)))
    assert gateway.answered == [], "of an earlier life of the hub"
    gateway.hear("down/receipt", Receipt(inc=INC, lane="panic", answered=(event,)))
    assert gateway.answered == [event]
    assert gateway.session.panic_waits, "an answer settles nothing"
    gateway.hear("down/receipt", Receipt(inc=INC, epoch=appended.epoch, lane="panic", ranges=((1, 1),)))
    assert gateway.answered == [event]


@pytest.mark.parametrize(
    "change", [{"epoch": "0" * 16}, {"inc": (0, 1)}, {"lane": "event"}], ids=["epoch", "life", "lane"]
)
def test_a_receipt_of_something_else_proves_nothing(gateway, change):
    appended = gateway.press()
    gateway.connect()
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    gateway.frames()
    fields = {"inc": INC, "epoch": appended.epoch, "lane": "panic", "ranges": ((1, 1),), **change}
    gateway.hear("down/receipt", Receipt(**fields))
    assert gateway.session.panic_waits
    assert gateway.received == []


def test_a_late_receipt_for_the_first_bearer_of_a_number_does_not_settle_the_second(gateway):
    """A card put back from an older copy gives numbers twice; the hub's receipts for the first may still come."""
    press, sample = gateway.press(), gateway.sample()
    gateway.connect()
    for appended in (press, sample):
        gateway.hear(
            "down/receipt", Receipt(inc=INC, epoch=appended.epoch, lane=appended.lane, ranges=((1, 1),))
        )
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    for appended in (press, sample):
        for told in ({"ranges": ((1, 1),)}, {"refused": (Refusal(1, 1, "kind"),)}):
            gateway.hear("down/receipt", Receipt(inc=INC, epoch=appended.epoch, lane=appended.lane, **told))
    assert gateway.received == []
    assert [leaf for leaf, _ in gateway.frames()] == ["up/panic", "up/telemetry"]
    for appended in (press, sample):
        gateway.hear(
            "down/receipt", Receipt(inc=INC, epoch=appended.epoch, lane=appended.lane, ranges=((1, 1),))
        )
    assert set(gateway.spool.usage(0).lane_unsettled.values()) == {0}


def test_a_press_that_moves_to_a_new_epoch_is_not_received_by_that(gateway):
    appended = gateway.press()
    gateway.connect()
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    gateway.frames()
    gateway.hear("down/receipt", Receipt(inc=INC, epoch=appended.epoch, lane="panic", new_epoch=True))
    assert gateway.received == [], "moved, and still only stored"
    [(_, again)] = gateway.frames()
    frame = codec.decode_frame("panic", again.payload)
    assert frame.epoch != appended.epoch
    receipt = Receipt(inc=INC, epoch=frame.epoch, lane="panic", ranges=((frame.first, frame.last),))
    gateway.hear("down/receipt", receipt)
    assert gateway.received == ["5d41402abc4b2a76b9719d911017c592"]


def test_a_card_that_cannot_say_whether_a_panic_waits_counts_as_if_one_did(gateway, monkeypatch):
    assert not gateway.session.panic_waits

    def fails(*_):
        raise CardError("io", "planted")

    monkeypatch.setattr(gateway.spool, "pending", fails)
    assert gateway.session.panic_waits


def test_a_puback_proves_nothing(gateway):
    gateway.press()
    gateway.connect()
    assert len(gateway.frames()) == 1
    assert gateway.session.panic_waits


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("siaga/1/05/gw-hulu/down/receipt", b"\xff"),
        ("siaga/1/05/gw-hulu/down/hello", b'{"v":1}'),
        ("siaga/1/05/gw-other/down/receipt", b"{}"),
        ("siaga/1/05/gw-hulu/down/nothing", b"{}"),
        ("elsewhere", b""),
    ],
)
def test_a_message_that_is_none_is_left_alone_and_the_next_one_is_taken(gateway, topic, payload):
    gateway.connect()
    assert gateway.session.received(topic, payload, gateway.clock.mono) == []
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    assert gateway.spool.timeline.last is not None


def test_the_beat_gives_the_account_and_the_health(gateway):
    gateway.sample()
    gateway.press()
    beat = gateway.beat()
    assert (beat.gateway, beat.boot, beat.interval_s, beat.config) == ("gw-hulu", BOOT, 10.0, "abc")
    assert (beat.lanes["telemetry"].next, beat.lanes["telemetry"].floor) == (2, 1)
    assert beat.lanes["panic"].next == 2
    assert (beat.cpu_c, beat.under_voltage, beat.disk_free_bytes) == (51.5, True, 123)
    assert beat.devices_down == ("hujan",)
    assert (beat.clock, beat.ask_time, beat.time_ms) == ("none", True, None)


def test_a_gateway_without_a_clock_asks_again_for_the_time_when_the_last_is_old(gateway):
    gateway.connect()
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    assert not gateway.beat().ask_time
    gateway.clock.mono += ASK_TIME_MS + 1
    assert gateway.beat().ask_time
    gateway.clock.discipline_now = Discipline(synced=True, error_ms=5)
    assert not gateway.beat().ask_time


def test_a_foreign_version_is_shown_and_stops_the_flood(gateway):
    gateway.connect()
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    gateway.sample()
    gateway.hear("down/receipt", VersionRefusal(refused_version="1", hint="update"))
    assert gateway.frames() == []
    gateway.clock.mono += 70_000
    assert gateway.frames()


@pytest.mark.parametrize("refused", ["2", "None", "x"])
def test_a_refusal_of_a_version_that_is_not_ours_silences_nobody(gateway, refused):
    """Somebody said something foreign in our name; the hub's answer to it comes to us."""
    gateway.connect()
    gateway.greet(echo_ms=1000, echo_boot=BOOT)
    gateway.sample()
    gateway.hear("down/receipt", VersionRefusal(refused_version=refused, hint="update"))
    assert len(gateway.frames()) == 1


def test_an_order_that_is_not_known_is_answered(gateway):
    nonce = "7d793037a0760186574b0282f2f435e7"
    [answer] = gateway.hear("down/command", Command(nonce=nonce, name="dance", actor="x", expires_ms=1))
    reply = codec.decode(Reply, answer.payload)
    assert answer.topic.endswith("/up/reply")
    assert (reply.ok, reply.nonce) == (False, nonce)
    assert "dance" in reply.error


@pytest.mark.parametrize(("wanted", "ok"), [("abc", True), ("def", False)])
def test_the_configuration_in_force_is_told(gateway, wanted, ok):
    [answer] = gateway.hear("down/config", DesiredConfig(config_version=3, hash=wanted, toml=""))
    reply = codec.decode(Reply, answer.payload)
    assert (reply.ok, reply.config_hash, reply.config_version) == (ok, "abc", 3)
