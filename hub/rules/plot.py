"""Values over time with what was raised meanwhile, as an SVG drawing that needs no program but a browser. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from html import escape

WIDTH, LEFT, RIGHT = 960, 64, 16
CURVE, BAR, GAP = 220, 18, 28
MOST_POINTS = 4000
"""More are drawn as the highest and lowest of each piece; a peak is never left out."""

Point = tuple[int, float]
"""(time in ms UTC, value)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One row of values.

    Attributes:
        limits: (value, label) of the lines across it.
        gap_ms: two values further apart are not joined.
    """

    title: str
    points: Sequence[Point]
    limits: Sequence[tuple[float, str]] = ()
    gap_ms: int = 3 * 3_600_000


@dataclass(frozen=True, slots=True)
class Bar:
    """When something was so: from and until in ms; None until the end."""

    title: str
    spans: Sequence[tuple[int, int | None]] = field(default_factory=tuple)


def svg(title: str, curves: Sequence[Curve], bars: Sequence[Bar], zone: tzinfo) -> str:
    """The drawing: each curve with its limits, and below them a bar for each thing that was raised."""
    times = [point[0] for curve in curves for point in curve.points]
    first, last = (min(times), max(times)) if times else (0, 1)
    span = max(1, last - first)

    def x(t_ms: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (t_ms - first) / span

    parts, y = [], 34.0
    for curve in curves:
        parts.append(_curve(curve, x, y))
        y += CURVE + GAP
    for bar in bars:
        parts.append(f'<text x="{LEFT}" y="{y + 10:.0f}">{escape(bar.title)} ({len(bar.spans)})</text>')
        y += 14
        for begins, ends in bar.spans:
            left, right = x(begins), x(last if ends is None else ends)
            parts.append(
                f'<rect class="bar" x="{left:.1f}" y="{y:.1f}" width="{max(1.5, right - left):.1f}" height="8"/>'
            )
        y += BAR
    parts.append(_axis(first, last, zone, x, y))
    height = y + 26
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
        f"<title>{escape(title)}</title>{_STYLE}"
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
        f'<text class="head" x="{LEFT}" y="18">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )


_STYLE = (
    "<style>text{font:11px sans-serif;fill:#333}.head{font-size:14px;font-weight:bold}.curve{fill:none;stroke:#33658a;"
    "stroke-width:1}.limit{stroke:#b00;stroke-dasharray:4 3}.frame{fill:none;stroke:#bbb}.bar{fill:#d1495b}</style>"
)


def _curve(curve: Curve, x: Callable[[int], float], top: float) -> str:
    values = [value for _, value in curve.points] + [limit for limit, _ in curve.limits]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = (high - low or 1.0) * 0.05
    low, high = low - room, high + room

    def y(value: float) -> float:
        return top + CURVE * (high - value) / (high - low)

    width = WIDTH - LEFT - RIGHT
    parts = [
        f'<rect class="frame" x="{LEFT}" y="{top:.0f}" width="{width}" height="{CURVE}"/>',
        f'<text x="{LEFT}" y="{top - 4:.0f}">{escape(curve.title)}</text>',
    ]
    parts += [
        f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>'
        for value in (low + room, high - room)
    ]
    for limit, label in curve.limits:
        at = y(limit)
        parts.append(f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(
            f'<text x="{WIDTH - RIGHT - 4}" y="{at - 3:.1f}" text-anchor="end">{escape(label)}</text>'
        )
    for piece in _pieces(curve):
        line = " ".join(f"{x(t_ms):.1f},{y(value):.1f}" for t_ms, value in piece)
        parts.append(f'<polyline class="curve" points="{line}"/>')
    return "".join(parts)


def _pieces(curve: Curve) -> list[list[Point]]:
    """The values without gaps between them, thinned out where there are too many to be seen."""
    points = _thinned(curve.points)
    pieces: list[list[Point]] = []
    for point in points:
        if pieces and point[0] - pieces[-1][-1][0] <= curve.gap_ms:
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return pieces


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    step = 2 * (len(points) // MOST_POINTS + 1)
    if len(points) <= MOST_POINTS:
        return points
    found = []
    for at in range(0, len(points), step):
        piece = points[at : at + step]
        lowest, highest = (pick(piece, key=lambda point: point[1]) for pick in (min, max))
        found += sorted({lowest, highest})
    return found


def _axis(first: int, last: int, zone: tzinfo, x: Callable[[int], float], y: float) -> str:
    marks = [first + (last - first) * part // 6 for part in range(7)]
    shown = "%d-%m-%Y" if last - first > 6 * 86_400_000 else "%d-%m %H:%M"
    anchors = ["start", *["middle"] * 5, "end"]
    return "".join(
        f'<text x="{x(at):.1f}" y="{y + 14:.0f}" text-anchor="{anchor}">'
        f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(zone):{shown}}</text>"
        for at, anchor in zip(marks, anchors, strict=True)
    )
