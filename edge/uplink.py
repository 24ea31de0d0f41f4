"""What to send next, and what a receipt settles. No network, no clock, no threads: time comes in as an argument.

How the shell drives it::

    match uplink.next(now):
        case Send() as send:
            frame = build(send, spool, gateway=..., mono_ms=now)
            if frame is not None:          # else ask again
                token = uplink.on_sent(send, frame.last_row, len(frame.payload), now)
                publish(frame.payload)     # and on its PUBACK: uplink.on_puback(token, now)
        case Wait(until_ms):               # or until something arrives or is appended
            ...
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from contract.messages import Flow, Hello, Receipt, VersionRefusal
from contract.topics import Lane


class Send(NamedTuple):
    """Rows of a lane to send now, in a frame of at most so many bytes. The frame may end before last."""

    lane: Lane
    first: int
    last: int
    max_bytes: int
    again: bool = False
    live: bool = False
    flight: int | None = None
    """The flight that this repeats; None for a first sending."""


class Wait(NamedTuple):
    """Nothing to send before until_ms (boot clock), unless something happens; None: only then."""

    until_ms: int | None


class Uplink:
    """State of the sending side of one gateway.

    Args:
        store: the spool.
        random: for jitter only.
        mqtt_slots: publishes without a PUBACK that the connection allows at once.
    """

    def __init__(self, store: object, random: Random, *, mqtt_slots: int = 20) -> None: ...

    def on_connected(self, now_ms: int) -> None: ...

    def on_disconnected(self, now_ms: int) -> None: ...

    def on_hello(self, hello: Hello, now_ms: int) -> bool:
        """Take a hello; False if it was ignored (a lower generation): its time is not to be used either."""

    def on_receipt(self, receipt: Receipt, now_ms: int) -> None: ...

    def on_version_refusal(self, refusal: VersionRefusal, now_ms: int) -> None: ...

    def next(self, now_ms: int) -> Send | Wait: ...

    def on_sent(self, send: Send, last_row: int, n_bytes: int, now_ms: int) -> int:
        """The frame has been handed to the connection; the token names it in on_puback."""

    def on_puback(self, token: int, now_ms: int) -> None: ...

    @property
    def connected(self) -> bool: ...

    @property
    def flow(self) -> Flow: ...

    @property
    def undecodable(self) -> int:
        """Frames that stay without a receipt though others get theirs; for the beat."""

    @property
    def wants_hello(self) -> bool:
        """A receipt came from a life of the hub that has not said hello: ask for it in the beat (ask_time)."""

    @property
    def refused_version(self) -> str:
        """The hub's words when it does not speak our version; empty when it does."""
