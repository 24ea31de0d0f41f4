"""Records to frames. Pure: the same records make the same bytes at each resend, but for age, floor and again."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from contract.topics import Lane
from edge.spool.records import Run
from edge.timeline import Stamp
from edge.uplink import Send


class Source(Protocol):
    """What a frame is made from: the spool."""

    def read_run(self, lane: Lane, first: int, last: int, max_bytes: int) -> Run | None: ...

    def at(self, boot_number: int, mono_ms: int) -> Stamp | None: ...

    def floor(self, lane: Lane, epoch: str) -> int: ...


class Frame(NamedTuple):
    """A frame ready to publish on ``up/{lane}``."""

    lane: Lane
    epoch: str
    first: int
    last: int
    last_row: int
    payload: bytes


def build(send: Send, source: Source, *, gateway: str, mono_ms: int) -> Frame | None:
    """The frame for a send; None if its rows are no longer there to send (ask the uplink anew).

    Args:
        mono_ms: boot clock now, for the age.
    """
