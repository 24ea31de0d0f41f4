"""Spool and uplink against a network that loses, repeats and reorders, and a hub that holds and is restored.

When faults stop, everything accepted is in the hub.
"""

import shutil
import tempfile
from pathlib import Path
from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contract.codec import decode_frame
from contract.messages import HaveStream, Hello, Receipt
from contract.ranges import Ranges
from contract.topics import LANES
from edge.frames import build
from edge.spool import Quotas
from edge.uplink import Send, Uplink, Wait
from tests.edge.spooling import THOROUGH, event, hexes, opened, samples

NOW = 1_790_000_000_000
QUOTAS = Quotas(
    panic_bytes=64 * 1024, event_bytes=128 * 1024, telemetry_bytes=512 * 1024, wal_bytes=1024 * 1024
)


class Hub:
    """What a hub promises, in a few sets: it commits, then receipts; what is there already, it receipts again."""

    def __init__(self):
        self.inc = (1, 1)
        self.flow = "open"
        self.stored = {}
        self.backup = {}
        self.new_life_at = 0

    def take(self, lane, payload):
        """Receipt for a frame."""
        frame = decode_frame(lane, payload)
        if lane == "telemetry" and frame.live:
            return None
        for at in range(frame.n):
            key = (lane, frame.epoch, frame.first + at)
            if lane == "telemetry":
                offset, body = int(frame.rows[at][1] or 0), frame.rows[at][2:]
            else:
                offset, body = frame.events[at].offset_ms, bytes(frame.events[at].body)
            time = None if frame.base_ms is None else frame.base_ms + offset
            known = self.stored.setdefault(key, (body, time, frame.again))
            assert known[0] == body, "one key, one body"
            assert known[1] == time or None in (known[1], time), "the same time at every resend"
        return Receipt(
            inc=self.inc,
            epoch=frame.epoch,
            lane=lane,
            ranges=((frame.first, frame.first + frame.n - 1),),
            flow=self.flow,
        )

    def hello(self, *, echo=1):
        have = {}
        for lane, epoch, seq in self.stored:
            if lane != "telemetry":
                have.setdefault((lane, epoch), Ranges()).add(seq, seq)
        return Hello(
            inc=self.inc,
            have=tuple(HaveStream(lane, epoch, ranges.pairs()) for (lane, epoch), ranges in have.items()),
            flow=self.flow,
            hub_ms=NOW,
            echo_ms=echo,
        )

    def restore(self, *, same_generation):
        self.stored = dict(self.backup)
        self.inc = (self.inc[0] + (not same_generation), self.inc[1] + 1)


class UplinkMachine(RuleBasedStateMachine):
    """A gateway and a hub, with every message between them in the test's hands."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed):
        self.home = Path(tempfile.mkdtemp(prefix="siaga-uplink-"))
        self.random = Random(seed)
        self.random_hex = hexes()
        self.hub = Hub()
        self.boot = 0
        self.now = 0
        self.number = 0
        self.accepted = {"panic": {}, "event": {}, "telemetry": {}}
        self.up, self.down = [], []
        self.connected = False
        self.unsent = set()
        self.start()

    def start(self):
        self.boot += 1
        self.now = 1000
        self.spool = opened(
            self.home / "spool.db",
            boot=f"{self.boot:08x}",
            mono_ms=self.now,
            quotas=QUOTAS,
            random_hex=self.random_hex,
        )
        self.spool.append_sync(self.now, NOW + self.boot * 10**7, 5, "ntp")
        self.uplink = Uplink(self.spool, self.random)
        self.connected = False
        self.connection = 0
        self.unsent = set(self.rows("panic"))

    def rows(self, lane):
        low, rows = 1, []
        while (found := self.spool.pending(lane, low, 2**40)) is not None:
            rows += range(found[0], found[1] + 1)
            low = found[1] + 1
        return rows

    def teardown(self):
        if not hasattr(self, "spool"):
            return
        self.drain()
        self.spool.close()
        shutil.rmtree(self.home)

    @rule()
    def press(self):
        self.number += 1
        self.now += 1
        given = self.spool.append_panic(self.now, event(self.number))
        self.accepted["panic"][given.epoch, given.first] = event(self.number)
        self.unsent.add(self.spool.end("panic") - 1)

    @rule(n=st.integers(1, 5))
    def happen(self, n):
        self.now += 1
        bodies = [event(self.number + at + 1) for at in range(n)]
        self.number += n
        given = self.spool.append_events([(self.now, body) for body in bodies])
        for seq, body in enumerate(bodies, given.first):
            self.accepted["event"][given.epoch, seq] = body

    @rule(n=st.integers(1, 200))
    def measure(self, n):
        group = samples(n, self.now + 1, first=self.number)
        self.now += 10 * n
        self.number += n
        given = self.spool.append_samples(group)
        for seq, sample in enumerate(group, given.first):
            self.accepted["telemetry"][given.epoch, seq] = sample.values

    @rule(ms=st.sampled_from([1, 500, 2_000, 10_000, 61_000]))
    def wait(self, ms):
        self.now += ms

    @precondition(lambda self: not self.connected)
    @rule()
    def reconnect(self):
        self.connect()

    def connect(self):
        if self.connected:
            return
        self.connected = True
        self.connection += 1
        self.uplink.on_connected(self.now)
        self.unsent = set(self.rows("panic"))
        self.down.append(("hello", None))

    @precondition(lambda self: self.connected)
    @rule()
    def disconnect(self):
        self.connected = False
        self.uplink.on_disconnected(self.now)
        # What was on its way may be lost, or may still arrive at the hub.
        self.up = [each for each in self.up if self.random.random() < 0.5]
        self.down = []

    @rule(n=st.integers(1, 40))
    def talk(self, n):
        """For a while nothing goes wrong."""
        self.connect()
        self.carry_all()
        self.send(n)
        self.carry_all()

    @precondition(lambda self: self.connected)
    @rule(n=st.integers(1, 40))
    def send_some(self, n):
        self.send(n)

    def send(self, n):
        for _ in range(n):
            step = self.uplink.next(self.now)
            if isinstance(step, Wait):
                return
            assert self.connected
            frame = build(step, self.spool, gateway="gw-1", mono_ms=self.now)
            if frame is None:
                continue
            if step.lane == "panic":
                self.unsent -= set(range(step.first, frame.last_row + 1))
            self.unsent &= set(self.rows("panic"))  # a receipt may come for a press of an earlier connection
            assert step.lane == "panic" or not self.unsent, "nothing goes while a press is unsent"
            if step.lane == "telemetry":
                assert step.live == (self.uplink.flow == "hold")
            token = self.uplink.on_sent(step, frame.last_row, len(frame.payload), self.now)
            self.up.append((frame.lane, frame.payload, token, self.connection))
            flights = [flight for flight in self.uplink._flights.values() if flight.lane == "telemetry"]
            assert sum(not flight.suspect for flight in flights) <= 32

    @precondition(lambda self: self.up)
    @rule(
        order=st.sampled_from(["first", "last", "any"]),
        fate=st.sampled_from(["taken", "taken", "twice", "lost"]),
    )
    def carry_one_up(self, order, fate):
        self.carry_up(order, fate)

    def carry_up(self, order, fate):
        at = {"first": 0, "last": -1, "any": self.random.randrange(len(self.up))}[order]
        lane, payload, token, connection = self.up.pop(at)
        if connection == self.connection and self.connected:
            self.uplink.on_puback(token, self.now)
        for _ in range({"taken": 1, "twice": 2, "lost": 0}[fate]):
            receipt = self.hub.take(lane, payload)
            if receipt is not None and self.connected:
                self.down.append(("receipt", receipt))

    @precondition(lambda self: self.down)
    @rule(order=st.sampled_from(["first", "last"]), fate=st.sampled_from(["taken", "taken", "twice", "lost"]))
    def carry_one_down(self, order, fate):
        self.carry_down(order, fate)

    def carry_down(self, order, fate):
        what, message = self.down.pop(0 if order == "first" else -1)
        for _ in range({"taken": 1, "twice": 2, "lost": 0}[fate]):
            if what == "hello":
                self.uplink.on_hello(message or self.hub.hello(), self.now)
            else:
                self.uplink.on_receipt(message, self.now)

    @rule(flow=st.sampled_from(["open", "hold"]))
    def hold(self, flow):
        self.hub.flow = flow
        if self.connected:
            self.down.append(("receipt", Receipt(inc=self.hub.inc, flow=flow)))

    @precondition(lambda self: self.hub.stored)
    @rule()
    def back_up(self):
        self.hub.backup = dict(self.hub.stored)

    @precondition(lambda self: self.hub.stored != self.hub.backup)
    @rule(same_generation=st.booleans())
    def restore(self, same_generation):
        """Telemetry is not the hub's database's: what InfluxDB holds stays."""
        kept = {key: value for key, value in self.hub.stored.items() if key[0] == "telemetry"}
        self.hub.restore(same_generation=same_generation)
        self.hub.stored |= kept
        if self.connected:
            self.down.append(("hello", self.hub.hello(echo=None)))

    @precondition(lambda self: self.connected)
    @rule(lane=st.sampled_from(LANES))
    def leave_epoch(self, lane):
        epoch = self.spool.accounts(0)[lane].epoch
        if self.connected:
            self.down.append(
                (
                    "receipt",
                    Receipt(inc=self.hub.inc, epoch=epoch, lane=lane, flow=self.hub.flow, new_epoch=True),
                )
            )

    @rule()
    def power_cut(self):
        copy = self.home.with_name(self.home.name + "-copy")
        shutil.copytree(self.home, copy)
        self.spool.close()
        shutil.rmtree(self.home)
        copy.rename(self.home)
        self.down = []
        self.start()

    @invariant()
    def accepted_is_in_the_hub_or_on_the_card(self):
        """By body, since a record may go on under another name."""
        assert self.spool.losses() == ()

    def drain(self):
        """Faults stop; everything accepted arrives."""
        self.hub.flow = "open"
        self.connect()
        # What was said before comes late; the hub's last word on its flow comes last.
        self.down = [("hello", None), *self.down, ("receipt", Receipt(inc=self.hub.inc, flow="open"))]
        for _ in range(4000):
            self.carry_all()
            if self.uplink.wants_hello:  # the beat asks for it
                self.down.append(("hello", None))
                continue
            self.send(100)
            if not self.up and not self.down:
                step = self.uplink.next(self.now)
                if isinstance(step, Send):
                    continue
                if all(self.spool.pending(lane, 1, 2**40) is None for lane in LANES):
                    break
                self.now = max(self.now + 1, step.until_ms or self.now + 1000)
        else:
            raise AssertionError(f"does not drain: {[self.rows(lane)[:5] for lane in LANES]}")
        for lane in LANES:
            stored = [value[0] for (at, _, _), value in self.hub.stored.items() if at == lane]
            missing = [body for body in self.accepted[lane].values() if body not in stored]
            assert not missing, (lane, len(missing))

    def carry_all(self):
        while self.up or self.down:
            if self.up:
                self.carry_up("first", "taken")
            if self.down:
                self.carry_down("first", "taken")


UplinkMachine.TestCase.settings = THOROUGH
test_uplink_machine = UplinkMachine.TestCase
