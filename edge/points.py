"""Whether a value is plausible: range, step, stuck. Pure; the track of a point is passed in and given back."""

from __future__ import annotations

from dataclasses import dataclass

from contract.kinds import Quality

STEP_MEMORY_MS = 60_000
"""A step is judged against a good value at most this old: after a longer gap any value may be true."""

CONFIRMATIONS = 3
"""A step that this many samples in a row confirm was real, and is good from then on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is plausible of one point, in the quantity's unit; None is no limit."""

    low: float = float("-inf")
    high: float = float("inf")
    max_step: float | None = None
    stuck_s: float | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of a point.

    Attributes:
        value: the last value within its range.
        mono_ms: when it came.
        since_ms: since when the value has not changed.
        good: the last good value that steps are measured from.
        good_ms: when it came.
        steps: samples in a row that lay beyond a step from `good` but within one of each other.
    """

    value: float
    mono_ms: int
    since_ms: int
    good: float
    good_ms: int
    steps: int = 0


def judge(limits: Limits, track: Track | None, value: float, mono_ms: int) -> tuple[Quality, Track | None]:
    """The quality of a value and the track to pass next time.

    A value outside its range is not remembered: the next good one is measured from the one before it.
    """
    if not limits.low <= value <= limits.high:
        return Quality.OUT_OF_RANGE, track
    if track is None:
        return Quality.GOOD, Track(value, mono_ms, mono_ms, value, mono_ms)
    since_ms = track.since_ms if value == track.value else mono_ms
    steps = _steps(limits, track, value, mono_ms)
    if steps and steps < CONFIRMATIONS:
        return Quality.STEP, Track(value, mono_ms, since_ms, track.good, track.good_ms, steps)
    stuck = limits.stuck_s is not None and mono_ms - since_ms > limits.stuck_s * 1000
    quality = Quality.STUCK if stuck else Quality.GOOD
    return quality, Track(value, mono_ms, since_ms, value, mono_ms)


def _steps(limits: Limits, track: Track, value: float, mono_ms: int) -> int:
    """How many samples in a row, this one included, have stepped; 0 when this one has not."""
    if limits.max_step is None or mono_ms - track.good_ms > STEP_MEMORY_MS:
        return 0
    if abs(value - track.good) <= limits.max_step:
        return 0
    with_the_last = track.steps > 0 and abs(value - track.value) <= limits.max_step
    return track.steps + 1 if with_the_last else 1
