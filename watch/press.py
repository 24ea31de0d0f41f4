"""The test press as frames of the contract, and which receipt settles it. Pure.

It goes the way of every press: through the broker, past the hub's judgement, into its database in a transaction of its
own. What it does not do is open an incident: the hub knows it by the name in the watch's certificate, which no gateway
can have, and not by anything that a message says.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from contract import codec
from contract.errors import DecodeError
from contract.messages import EventBody, EventFrame, EventRecord, Receipt
from contract.topics import PROTOCOL, WATCH, WATCH_CELL, gateway_filter, topic

KIND = "panic_test"
TOPIC = topic(WATCH_CELL, WATCH, "up/panic")
ANSWERS = gateway_filter(WATCH_CELL, WATCH)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press that is on its way."""

    epoch: str
    seq: int
    payload: bytes

    def settled_by(self, payload: bytes) -> bool:
        """Whether this is the hub's word that the press is in its database."""
        try:
            said = codec.decode_receipt(payload)
        except DecodeError:
            return False
        return (
            isinstance(said, Receipt)
            and (said.lane, said.epoch) == ("panic", self.epoch)
            and any(first <= self.seq <= last for first, last in said.ranges)
        )


def pressed(*, epoch: str, boot: str, seq: int, event_id: str, wall_ms: int) -> Pressed:
    """The press of that number.

    Args:
        epoch, boot: of this life of the watch.
        event_id: 32 hexadecimal digits, unlike any other.
        wall_ms: UTC.
    """
    body = codec.encode_body(EventBody(id=event_id, kind=KIND, device="siaga-watch", data={"test": True}))
    frame = EventFrame(
        version=PROTOCOL,
        gateway=WATCH,
        epoch=epoch,
        boot=boot,
        first=seq,
        n=1,
        base_ms=wall_ms,
        age_ms=0,
        floor=seq,
        again=False,
        events=(EventRecord(0, 0, msgspec.Raw(body)),),
    )
    return Pressed(epoch, seq, codec.encode(frame))
