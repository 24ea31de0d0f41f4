"""Which records are of now and follow the last one judged. Pure; the same for river levels and for all other rules."""

from __future__ import annotations

from typing import Protocol

from hub.rules.model import LIVE_AGE_MS, Sample

AHEAD_MS = 60_000
"""A record of an earlier boot whose time is further ahead than this has a time that says nothing about its age."""


class Judged(Protocol):
    """The last record judged of a device: its epoch, number and time, and when it happened in the hub's own time."""

    @property
    def epoch(self) -> str: ...

    @property
    def seq(self) -> int: ...

    @property
    def t_ms(self) -> int: ...

    @property
    def at_ms(self) -> int: ...


def age_ms(sample: Sample, now_ms: int) -> int:
    """How old a record is: by the boot clock where the frame carries it, else by its time."""
    if sample.age_ms is not None:
        return max(0, sample.age_ms)
    if sample.t_ms > now_ms + AHEAD_MS:
        return LIVE_AGE_MS + 1
    return max(0, now_ms - sample.t_ms)


def newer(sample: Sample, at_ms: int, last: Judged) -> bool:
    """Whether a record, which happened then in the hub's time, follows the last one judged."""
    if sample.stream[1] == last.epoch:
        # A number at or below the last, of the running boot and yet later by both clocks: the card was put back
        # and gives numbers twice. Nobody may have noticed yet, and the river must not be blind meanwhile.
        put_back = sample.age_ms is not None and sample.t_ms > last.t_ms and at_ms > last.at_ms
        return sample.seq > last.seq or put_back
    # Another epoch: unsettled records moved to it come again, and their way here may make them look a little
    # younger than they are. A time that goes back further than that is a repaired clock.
    moved = last.t_ms - LIVE_AGE_MS <= sample.t_ms <= last.t_ms
    # What is judged is younger than LIVE_AGE_MS: the last one can be as much later only by a clock that was set back.
    set_back = last.at_ms - at_ms > LIVE_AGE_MS
    return (at_ms > last.at_ms or set_back) and not moved
