"""What a simulated gateway knows of its stream: what it has sent, what the hub has proved, and its account."""

from __future__ import annotations

from benchmarks import mqtt
from benchmarks.frames import BOOT, Sender, payloads
from benchmarks.link import Link
from benchmarks.shape import Shape
from contract import codec
from contract.messages import Beat, LaneAccount, Receipt, State
from contract.ranges import Ranges
from contract.topics import topic

WINDOW = 32
"""Frames of samples without a receipt that a gateway may have in flight (the contract's bound)."""

PACKET_IDS = 60_000
BEAT_S = 10.0


class Refused(Exception):
    """The hub refused what it should take: the benchmark measures nothing."""


class Puppet:
    """Sends prepared frames and reads receipts. Times are in seconds of one monotonic clock."""

    def __init__(self, sender: Sender, link: Link) -> None:
        self.sender = sender
        self.link = link
        self.hold = False
        self.holds = 0
        """How often the hub has said ``hold``."""
        self.latencies_s: list[float] = []
        """From publish to receipt, of every frame."""
        self._epoch = "0" * 16
        self._records = 1
        self._packets: list[bytes] = []
        self._sent = 0
        self._settled = Ranges()
        self._published: dict[int, float] = {}
        self._beat_due_s = 0.0

    def birth(self) -> None:
        """Say that we are there."""
        state = State(gateway=self.sender.gateway, online=True, connection="bench", boot=BOOT)
        self._say("state", codec.encode(state))

    def prepare(self, shape: Shape, number: int, *, epoch: str, start_ms: int) -> None:
        """A new stream with so many frames ready to be sent."""
        place = topic(self.sender.cell, self.sender.gateway, "up/telemetry")
        made = payloads(self.sender, shape, number, epoch=epoch, start_ms=start_ms)
        self._packets = [mqtt.publish(place, one, at % PACKET_IDS + 1) for at, one in enumerate(made)]
        self._epoch, self._records, self._sent = epoch, shape.records, 0
        self._settled = Ranges()
        self._published.clear()
        self.latencies_s.clear()

    @property
    def in_flight(self) -> int:
        """Frames that have no receipt yet."""
        return len(self._published)

    @property
    def committed(self) -> int:
        """Records of the stream that the hub has proved."""
        return self._settled.count

    @property
    def left(self) -> int:
        """Frames that are ready and not sent."""
        return len(self._packets) - self._sent

    def send(self, most: int, now_s: float) -> None:
        """Send the next frames, at most so many."""
        start, self._sent = self._sent, min(self._sent + most, len(self._packets))
        for at in range(start, self._sent):
            self._published[at * self._records + 1] = now_s
        self.link.send(b"".join(self._packets[start : self._sent]))

    def beat(self, now_s: float) -> None:
        """Send the heartbeat where it is due."""
        if now_s < self._beat_due_s:
            return
        self._beat_due_s = now_s + BEAT_S
        floor = self._settled.floor(1)
        account = LaneAccount(
            epoch=self._epoch,
            next=self._sent * self._records + 1,
            floor=floor,
            settled=tuple(pair for pair in self._settled.pairs()[:33] if pair[0] > floor),
        )
        beat = Beat(
            gateway=self.sender.gateway,
            boot=BOOT,
            mono_ms=int(now_s * 1000),
            interval_s=BEAT_S,
            lanes={"telemetry": account},
        )
        self._say("up/beat", codec.encode(beat))

    def receive(self, now_s: float) -> None:
        """Read what has come: receipts settle frames.

        Raises:
            Refused: the hub will not take what it got.
        """
        answers = bytearray()
        for first, body in self.link.receive():
            if first >> 4 != mqtt.PUBLISH:
                continue
            packet_id, payload = mqtt.received(first, body)
            answers += mqtt.puback(packet_id)
            if b'"hub_ms"' not in payload:
                self._settle(codec.decode_receipt(payload), now_s)
        if answers:
            self.link.send(bytes(answers))

    def _settle(self, receipt: object, now_s: float) -> None:
        if not isinstance(receipt, Receipt) or receipt.refused or receipt.new_epoch:
            raise Refused(f"{self.sender.gateway}: {receipt!r}")
        hold = receipt.flow == "hold"
        self.holds += hold and not self.hold
        self.hold = hold
        if receipt.epoch != self._epoch:
            return
        for first, last in receipt.ranges:
            self._settled.add(first, last)
            for seq in range(first, last + 1, self._records):
                sent_s = self._published.pop(seq, None)
                if sent_s is not None:
                    self.latencies_s.append(now_s - sent_s)

    def _say(self, leaf: str, payload: bytes) -> None:
        place = topic(self.sender.cell, self.sender.gateway, leaf)
        self.link.send(mqtt.publish(place, payload, PACKET_IDS + 1))
