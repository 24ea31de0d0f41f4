"""The two judgements on a river, pure: which level a value means, and how fast the water rises."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from contract.kinds import KINDS
from hub.region import RiseRule, Station
from hub.rules.model import to_mm

MAX_WINDOW = 4096
"""Most samples that a window keeps, whatever the sampling interval."""


def possible_mm(station: Station, value: float) -> int | None:
    """A station's value in millimetres; None where no river can stand there, whatever quality came with it."""
    quantity = KINDS[station.kind].quantities[station.quantity]
    return to_mm(value) if quantity.low <= value <= quantity.high else None


def level(station: Station, severity: int, value_mm: int) -> int:
    """The severity that a value means for a station that now has one.

    A level is entered at value ≥ threshold and left below threshold − hysteresis; several may be passed at once.
    """
    entered = bisect_right(station.thresholds_mm, value_mm)
    kept = bisect_right(station.thresholds_mm, value_mm + station.hysteresis_mm)
    return max(entered, min(severity, kept))


def until_next_ms(station: Station, severity: int, value_mm: int, rate_mm_h: int | None) -> int | None:
    """Milliseconds until the next worse level is entered at that rate; None where it will not be or nobody knows."""
    if rate_mm_h is None or rate_mm_h <= 0 or severity >= len(station.thresholds_mm):
        return None
    missing_mm = station.thresholds_mm[severity] - value_mm
    return max(0, missing_mm * 3_600_000 // rate_mm_h)


class Slope:
    """Rate of rise as the straight line of least squares through the samples of a time window.

    Exact: sums of integers, so that nothing drifts in months of running. The rate is unknown until the samples
    span half the window, and again after a gap.
    """

    __slots__ = ("_points", "_rule", "_sx", "_sxx", "_sxy", "_sy")

    def __init__(self, rule: RiseRule) -> None:
        self._rule = rule
        self._points: deque[tuple[int, int]] = deque()
        self._sx = self._sy = self._sxx = self._sxy = 0

    def add(self, t_ms: int, value_mm: int) -> int | None:
        """Take a sample and return the rate in mm/h, None where it is unknown."""
        points = self._points
        if points and not 0 < t_ms - points[-1][0] <= self._rule.gap_s * 1000:
            self.clear()
        points.append((t_ms, value_mm))
        self._count(t_ms, value_mm, 1)
        while t_ms - points[0][0] > self._rule.window_s * 1000 or len(points) > MAX_WINDOW:
            self._count(*points.popleft(), -1)
        return self._rate()

    def clear(self) -> None:
        """Forget the samples: what comes next does not follow on them."""
        self._points.clear()
        self._sx = self._sy = self._sxx = self._sxy = 0

    def _count(self, x: int, y: int, sign: int) -> None:
        self._sx += sign * x
        self._sy += sign * y
        self._sxx += sign * x * x
        self._sxy += sign * x * y

    def _rate(self) -> int | None:
        n = len(self._points)
        if n < 3 or (self._points[-1][0] - self._points[0][0]) * 2 < self._rule.window_s * 1000:
            return None
        return (n * self._sxy - self._sx * self._sy) * 3_600_000 // (n * self._sxx - self._sx**2)


def rising(rule: RiseRule, before: bool, rate_mm_h: int | None) -> bool:
    """Whether it rises too fast: from the limit on, until below half of it. An unknown rate changes nothing."""
    if rate_mm_h is None:
        return before
    return rate_mm_h >= rule.limit_mm_h or (before and 2 * rate_mm_h >= rule.limit_mm_h)
