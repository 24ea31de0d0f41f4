"""The results as bars in an SVG, each with its aim as a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.aims import AIMS, Aim, find
from benchmarks.table import number

WIDTH, LABELS, BARS = 860, 330, 400
ROW, GAP = 22, 34
STYLE = (
    "text{font:13px sans-serif;fill:#222}.head{font-weight:bold}.bar{fill:#5b7fa6}.limit{fill:#b9c4d0}"
    ".aim{stroke:#b03a2e;stroke-width:2;stroke-dasharray:4 3}"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Bars that share a scale."""

    title: str
    paths: tuple[str, ...]


GROUPS = (
    Group("Values a second", ("ingest.ceiling_per_s", "ingest.path_per_s", "ingest.path_wide_per_s")),
    Group("Frames of 20 a second", ("ingest.frames20_per_s",)),
    Group(
        "Processor, µs a committed value",
        tuple(f"ingest.cpu_us_per_value.{name}" for name in ("hub", "broker", "influxdb")),
    ),
    Group(
        "Milliseconds",
        tuple(
            f"latency_ms.{name}.{share}"
            for name in ("commit_1k", "commit_20k", "press_to_page")
            for share in ("p50", "p99")
        ),
    ),
    Group("Gateway", ("edge.rss_mb", "edge.cpu_pct", "edge.start_s")),
)


def render(results: Mapping[str, Any]) -> str:
    """The picture. A figure that was not measured has no bar; a group without any is left out."""
    y = 10
    parts: list[str] = []
    for group in GROUPS:
        shown = [aim for aim in AIMS if aim.path in group.paths and find(results, aim.path) is not None]
        if not shown:
            continue
        parts += _group(group, shown, results, y)
        y += GAP + ROW * len(shown)
    legend = f'<text x="10" y="{y + 14}">- - - the aim</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 26}" role="img">'
    ground = f'<rect width="{WIDTH}" height="{y + 26}" fill="#fff"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", ground, *parts, legend, "</svg>"]) + "\n"


def _group(group: Group, aims: Iterable[Aim], results: Mapping[str, Any], y: int) -> Iterator[str]:
    bars = [(aim, aim.figure(results) or 0.0, aim.wanted(results)) for aim in aims]
    # Figures of one unit share a scale; those of a mixed group have one each.
    mixed = len({aim.unit for aim, _, _ in bars}) > 1
    most = max(max(figure, wanted or 0.0) for _, figure, wanted in bars) or 1.0
    yield f'<text class="head" x="10" y="{y + 14}">{escape(group.title)}</text>'
    for at, (aim, figure, wanted) in enumerate(bars):
        top = y + ROW * (at + 1)
        scale = BARS / ((max(figure, wanted or 0.0) or 1.0) if mixed else most)
        kind = "limit" if aim.path == "ingest.ceiling_per_s" else "bar"
        unit = aim.unit if mixed else ""
        yield f'<text x="20" y="{top + 13}">{escape(aim.title)}</text>'
        yield f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{figure * scale:.1f}" height="{ROW - 6}"/>'
        yield f'<text x="{LABELS + BARS + 10}" y="{top + 13}">{escape(f"{number(figure)} {unit}".strip())}</text>'
        if wanted is not None:
            x = LABELS + wanted * scale
            yield f'<line class="aim" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 2}" y2="{top + ROW - 4}"/>'
