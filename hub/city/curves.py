"""The curve of a river post over a time: steps with lowest and highest value, and where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Protocol

from contract.kinds import QUALITY_SUFFIX, TIME_ERROR_FIELD
from hub.region import Station
from hub.series.errors import SeriesError
from hub.series.shared import Queries

MOST_STEPS = 600
"""Most steps of a curve; a longer one has wider steps, with the highest and the lowest value in each."""

GAP_STEPS = 2.5
"""Values further apart than this many times their usual distance have a gap between them."""

LEAST_GAP_MS = 5000
"""Nothing shorter is called a gap: a poll may be late."""

THIN = 0.5
"""A step with less than this share of the usual number of values has a gap within it."""

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Step:
    """The values of one step of a curve.

    Attributes:
        t_ms: where the step begins.
        low, high: lowest and highest value, in the unit of the station's quantity.
        doubtful: how many values of the step are not plainly good (implausible, stuck, none from the instrument).
        error_ms: how uncertain their time is; None where it is good.
    """

    t_ms: int
    low: float
    high: float
    doubtful: int = 0
    error_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without values, or, where ``partly``, with much fewer than usual."""

    from_ms: int
    to_ms: int
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """A station's values between two times, and the gaps in them."""

    from_ms: int
    to_ms: int
    step_ms: int
    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...]

    @property
    def low(self) -> float | None:
        """The lowest value; None without any."""
        return min((step.low for step in self.steps), default=None)

    @property
    def high(self) -> float | None:
        """The highest value; None without any."""
        return max((step.high for step in self.steps), default=None)

    @property
    def stretches(self) -> list[list[Step]]:
        """The steps of each stretch without a gap: what may be drawn as one line."""
        begins = {gap.to_ms for gap in self.gaps if not gap.partly}
        found: list[list[Step]] = []
        for step in self.steps:
            if not found or step.t_ms in begins:
                found.append([])
            found[-1].append(step)
        return found

    @property
    def doubtful(self) -> int:
        """How many values are not plainly good."""
        return sum(step.doubtful for step in self.steps)

    @property
    def error_ms(self) -> int | None:
        """How uncertain the times are at most; None where all are good."""
        return max((step.error_ms for step in self.steps if step.error_ms), default=None)


class Measured(Protocol):
    """A quantity of a device whose values are in InfluxDB; a station is one.

    Attributes:
        kind: device kind of contract.kinds.
        stale_s: longer without a value is a gap, however rare values usually are.
    """

    @property
    def gateway(self) -> str: ...

    @property
    def device(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def quantity(self) -> str: ...

    @property
    def stale_s(self) -> float: ...


async def read(
    series: Queries, station: Measured, *, minutes: int, now_ms: int, most_steps: int = MOST_STEPS
) -> Curve:
    """The curve of a station, or of another quantity, over the last minutes.

    Raises:
        SeriesError: InfluxDB does not answer.
    """
    window = _Window(minutes, now_ms, most_steps)
    rows = await series.query(
        f"{_select(station.quantity, [station.kind])} "
        f'WHERE "gateway" = $gateway AND "device" = $device AND {window.condition} GROUP BY {window.steps} fill(none)',
        {"gateway": station.gateway, "device": station.device},
    )
    return window.curve(station, rows)


async def read_all(
    series: Queries, stations: Iterable[Station], *, minutes: int, now_ms: int, most_steps: int
) -> dict[str, Curve]:
    """The curves of many stations by their ids, with one question for each quantity.

    Raises:
        SeriesError: InfluxDB does not answer.
    """
    window = _Window(minutes, now_ms, most_steps)
    by_quantity: dict[str, list[Station]] = {}
    for station in stations:
        by_quantity.setdefault(station.quantity, []).append(station)
    found = {}
    for quantity, alike in by_quantity.items():
        rows = await series.query(
            f"{_select(quantity, sorted({station.kind for station in alike}))} "
            f'WHERE {window.condition} GROUP BY "gateway", "device", {window.steps} fill(none)'
        )
        of_device: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for row in rows:
            of_device.setdefault((row["gateway"], row["device"]), []).append(row)
        for station in alike:
            found[station.id] = window.curve(station, of_device.get((station.gateway, station.device), []))
    return found


def curve(
    rows: Iterable[Mapping[str, Any]], *, from_ms: int, to_ms: int, step_ms: int, most_gap_ms: int
) -> Curve:
    """The curve that InfluxDB's rows (time, high, low, n, doubtful, error_ms) are, with its gaps. Pure.

    Args:
        most_gap_ms: longer without a value is a gap, however rare values usually are.
    """
    found = [row for row in rows if row.get("high") is not None and row.get("low") is not None]
    steps = tuple(
        Step(row["time"], row["low"], row["high"], row.get("doubtful") or 0, row.get("error_ms"))
        for row in found
    )
    gaps = [
        *_without_values([step.t_ms for step in steps], from_ms, to_ms, step_ms, most_gap_ms),
        *_with_few([(row["time"], row["n"]) for row in found if row.get("n")], step_ms),
    ]
    return Curve(from_ms, to_ms, step_ms, steps, tuple(sorted(gaps, key=lambda gap: gap.from_ms)))


@dataclass(frozen=True, slots=True)
class Tendency:
    """By how much the water has risen (below zero: fallen) since it last turned, or was seen after a gap."""

    change: float
    over_ms: int


def tendency(
    found: Curve, *, within_ms: int, steady: float, steady_ms: int, least_ms: int = 30_000
) -> Tendency | None:
    """What the river does now; None where that is not known, as after a gap or where it is silent.

    Args:
        within_ms: how far to look back.
        steady: a change of less is the instrument's noise.
        steady_ms: where it has not moved by more than that for so long, it is steady, whatever it did before.
        least_ms: a shorter stretch says nothing.
    """
    begin_ms = max([found.to_ms - within_ms, *(gap.to_ms for gap in found.gaps if not gap.partly)])
    points = [(step.t_ms, (step.low + step.high) / 2) for step in found.steps if step.t_ms >= begin_ms]
    if not points or points[-1][0] - points[0][0] < least_ms:
        return None
    end_ms, level = points[-1]
    lately = [value for t_ms, value in points if t_ms >= end_ms - steady_ms]
    if max(lately) - min(lately) < steady:
        return Tendency(level - lately[0], min(steady_ms, end_ms - points[0][0]))
    turn_ms, turned = _turn(points, steady)
    return Tendency(level - turned, end_ms - turn_ms)


def _turn(points: Sequence[tuple[int, float]], steady: float) -> tuple[int, float]:
    """Where the movement that the last point is part of has begun."""
    level = points[-1][1]
    turn = points[-1]
    for point in reversed(points):
        way = turn[1] - level  # above zero: it was higher, so it falls
        if abs(way) < steady:
            turn = point if abs(point[1] - level) >= abs(way) else turn
        elif (point[1] - turn[1]) * way > 0:
            turn = point
        elif abs(point[1] - turn[1]) >= steady:
            break
    return turn


def as_json(found: Curve) -> dict[str, Any]:
    """A curve as the API tells it; the plot of the page is made of the same."""
    return {
        "from_ms": found.from_ms,
        "to_ms": found.to_ms,
        "step_s": found.step_ms // 1000,
        "points": [[step.t_ms, step.low, step.high] for step in found.steps],
        "gaps": [[gap.from_ms, gap.to_ms, gap.partly] for gap in found.gaps],
        "doubtful": [[step.t_ms, step.doubtful] for step in found.steps if step.doubtful],
        "time_error": [[step.t_ms, step.error_ms] for step in found.steps if step.error_ms],
    }


class _Window:
    """The last minutes in steps, as InfluxQL says it. Numbers in it are ours."""

    def __init__(self, minutes: int, now_ms: int, most_steps: int) -> None:
        self.step_s = max(1, -(-minutes * 60 // most_steps))
        # From a whole step on, so that the first one is not cut, and all who ask within a second ask the same.
        self.from_s = (now_ms // 1000 - minutes * 60) // self.step_s * self.step_s
        self.to_ms = now_ms

    @property
    def condition(self) -> str:
        return f"time >= {self.from_s}s AND time < {self.to_ms // 1000 + 1}s"

    @property
    def steps(self) -> str:
        return f"time({self.step_s}s)"

    def curve(self, station: Measured, rows: Iterable[Mapping[str, Any]]) -> Curve:
        return curve(
            rows,
            from_ms=self.from_s * 1000,
            to_ms=self.to_ms,
            step_ms=self.step_s * 1000,
            most_gap_ms=round(station.stale_s * 1000),
        )


def _select(quantity: str, kinds: Iterable[str]) -> str:
    """The head of a question; the names in it are checked."""
    name = _identifier(quantity)
    return (
        f'SELECT MAX("{name}") AS "high", MIN("{name}") AS "low", COUNT("{name}") AS "n", '  # noqa: S608
        f'COUNT("{name}{QUALITY_SUFFIX}") AS "doubtful", MAX("{TIME_ERROR_FIELD}") AS "error_ms" '
        f"FROM {', '.join(_quoted(kind) for kind in kinds)}"
    )


def _quoted(kind: str) -> str:
    return f'"{_identifier(kind)}"'


def _without_values(
    times_ms: Sequence[int], from_ms: int, to_ms: int, step_ms: int, most_gap_ms: int
) -> Iterable[Gap]:
    """Gaps between steps, before the first and after the last; a gap begins where the step before it ends."""
    if not times_ms:
        return [Gap(from_ms, to_ms)]
    distances = [later - earlier for earlier, later in pairwise(times_ms)]
    usual = median(distances) if distances else step_ms
    longest = max(min(GAP_STEPS * usual, most_gap_ms), 1.5 * step_ms, LEAST_GAP_MS)
    edges = [*times_ms, to_ms]
    found = [
        Gap(min(earlier + step_ms, later), later)
        for earlier, later in pairwise(edges)
        if later - earlier > longest
    ]
    if times_ms[0] - from_ms > longest:
        found.insert(0, Gap(from_ms, times_ms[0]))
    return found


def _with_few(counts: Sequence[tuple[int, int]], step_ms: int) -> Iterable[Gap]:
    """Steps with much fewer values than usual; the first and the last are cut by the ends of the curve."""
    if len(counts) < 5:
        return
    usual = median(n for _, n in counts)
    if usual < 4:
        return
    begin: int | None = None
    end = 0
    for t_ms, n in counts[1:-1]:
        thin = n < THIN * usual
        if begin is not None and (not thin or t_ms != end):
            yield Gap(begin, end, partly=True)
            begin = None
        if thin:
            begin = t_ms if begin is None else begin
            end = t_ms + step_ms
    if begin is not None:
        yield Gap(begin, end, partly=True)


def _identifier(name: str) -> str:
    """A name that may stand in a query. Names come from the profile, but a query trusts nobody."""
    if not _IDENTIFIER.match(name):
        raise SeriesError(f"{name!r} cannot be asked for", "see the region profile")
    return name
