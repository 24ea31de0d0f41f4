"""A sheet of what the dashboards look like, drawn by us from their files: ``docs/grafana-walls.svg``.

It shows every panel where Grafana puts it, with its title, its unit, its kind and its limits, on the ground and in the
colours of the wall. The numbers are invented; a sketch, not a screenshot.
"""

from __future__ import annotations

import html
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from contract.whole_file import write_text
from grafana import build, style

PLACE = build.HERE.parent / "docs" / "grafana-walls.svg"

COLUMN, ROW, GAP, MARGIN, HEAD = 27, 13, 3, 24, 56
"""Pixels of a column and a row of Grafana's grid, between panels, around a dashboard and above it."""

ACROSS = 2
GRID = 24
GROUND, PANEL, LINE, TEXT, MUTED = "#10151a", "#182027", "#2d3944", "#e4eaef", "#9aa8b5"
LINES = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1")
"""Of the sketched curves, as in Grafana's classic palette."""

Draw = Callable[[Mapping[str, Any], "Box", Random], Iterator[str]]


class Box:
    """A rectangle in pixels."""

    def __init__(self, x: float, y: float, w: float, h: float) -> None:
        self.x, self.y, self.w, self.h = x, y, w, h

    def inner(self, top: float, side: float = 6) -> Box:
        """What is left of it below a title."""
        return Box(self.x + side, self.y + top, self.w - 2 * side, self.h - top - 5)


def sheet(dashboards: Sequence[Mapping[str, Any]]) -> str:
    """All dashboards on one picture, two in a row."""
    width = GRID * COLUMN + 2 * MARGIN
    heights = [HEAD + _rows(one) * ROW + MARGIN for one in dashboards]
    lines = [heights[at : at + ACROSS] for at in range(0, len(heights), ACROSS)]
    total = sum(max(line) for line in lines) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{ACROSS * width}" height="{total}" '
        f'viewBox="0 0 {ACROSS * width} {total}" font-family="sans-serif">',
        f'<rect width="100%" height="100%" fill="{GROUND}"/>',
    ]
    top = 0
    for at, line in enumerate(lines):
        for column, one in enumerate(dashboards[at * ACROSS : (at + 1) * ACROSS]):
            parts += _dashboard(one, column * width + MARGIN, top)
        top += max(line)
    return "\n".join([*parts, "</svg>", ""])


def _rows(dashboard: Mapping[str, Any]) -> int:
    return max(int(panel["gridPos"]["y"] + panel["gridPos"]["h"]) for panel in dashboard["panels"])


def _dashboard(dashboard: Mapping[str, Any], x: int, y: int) -> Iterator[str]:
    yield _text(x, y + 28, dashboard["title"], 17, TEXT, weight="bold")
    yield _text(x, y + 45, dashboard["description"], 10, MUTED, width=GRID * COLUMN)
    random = Random(dashboard["uid"])
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        box = Box(
            x + place["x"] * COLUMN,
            y + HEAD + place["y"] * ROW,
            place["w"] * COLUMN - GAP,
            place["h"] * ROW - GAP,
        )
        yield from _panel(panel, box, random)


def _panel(panel: Mapping[str, Any], box: Box, random: Random) -> Iterator[str]:
    if panel["type"] == "row":
        yield _text(box.x, box.y + 10, "▾ " + panel["title"], 10, TEXT)
        return
    yield f"<g><title>{html.escape(panel.get('description', ''))}</title>"
    yield f'<rect x="{box.x}" y="{box.y}" width="{box.w}" height="{box.h}" rx="2" fill="{PANEL}" stroke="{LINE}"/>'
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", style.COUNT)
    if panel["type"] != "text":
        yield _text(
            box.x + 5, box.y + 11, panel["title"], 9, TEXT, width=box.w - (30 if unit != style.COUNT else 8)
        )
    if unit != style.COUNT:
        yield _text(box.x + box.w - 5, box.y + 11, _unit(unit), 7, MUTED, anchor="end")
    yield from DRAWN[panel["type"]](panel, box.inner(15), random)
    yield "</g>"


def _unit(unit: str) -> str:
    words = {grafana: ours for ours, grafana in style.UNITS.items()}
    return words.get(unit, unit.removeprefix("suffix: "))


def _number(panel: Mapping[str, Any], box: Box, random: Random) -> Iterator[str]:
    mapped = re.findall(
        r'"text": "(Siaga \d)"', json.dumps(panel["fieldConfig"]["defaults"].get("mappings", []))
    )
    said, colour = (
        (mapped[1], style.SEVERITY[1]) if mapped else (str(random.choice((0, 0, 1, 2, 3, 8))), None)
    )
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    if colour is None:
        value = float(said)
        colour = [step["color"] for step in steps if (step.get("value") or -math.inf) <= value][-1]
    yield _text(
        box.x + box.w / 2,
        box.y + box.h / 2 + 7,
        said,
        min(24, box.h - 4),
        colour,
        anchor="middle",
        weight="bold",
    )


def _bars(panel: Mapping[str, Any], box: Box, random: Random) -> Iterator[str]:
    names = _names(panel) or ["", "", ""]
    step = box.h / max(3, len(names[:6]))
    for at, name in enumerate(names[:6]):
        y, share = box.y + at * step, random.uniform(0.15, 0.9)
        yield _text(box.x, y + step / 2 + 3, name, 7, MUTED, width=90)
        yield f'<rect x="{box.x + 95}" y="{y + 2}" width="{box.w - 95}" height="{step - 4}" fill="{LINE}"/>'
        width = (box.w - 95) * share
        yield f'<rect x="{box.x + 95}" y="{y + 2}" width="{width:.0f}" height="{step - 4}" fill="{style.NORMAL}"/>'


def _curves(panel: Mapping[str, Any], box: Box, random: Random) -> Iterator[str]:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    limits = [(step["value"], step["color"]) for step in steps if step.get("value") is not None]
    top = max((value for value, _ in limits), default=1.0) * 1.15
    for value, colour in limits:
        y = box.y + box.h * (1 - value / top)
        yield f'<path d="M{box.x} {y:.1f}h{box.w}" stroke="{colour}" stroke-width="1" stroke-dasharray="5 3"/>'
        yield _text(box.x + box.w, y - 2, f"{value:g}", 6, colour, anchor="end")
    lines = 1 if limits else min(4, len(_names(panel)) or 2)
    for at in range(lines):
        yield _curve(box, random, LINES[at])
    yield f'<path d="M{box.x} {box.y}v{box.h}h{box.w}" stroke="{LINE}" fill="none"/>'


def _curve(box: Box, random: Random, colour: str) -> str:
    """One line with a gap in it, for a gap is drawn as one."""
    level, phase, gap = random.uniform(0.25, 0.6), random.uniform(0, 6), random.uniform(0.55, 0.8)
    path, pen = [], "M"
    for at in range(61):
        share = at / 60
        if gap < share < gap + 0.06:
            pen = "M"
            continue
        height = level + 0.2 * math.sin(phase + share * 5) + random.uniform(-0.012, 0.012)
        path.append(f"{pen}{box.x + share * box.w:.1f} {box.y + box.h * (1 - height):.1f}")
        pen = "L"
    return f'<path d="{"".join(path)}" stroke="{colour}" fill="none" stroke-width="1.3"/>'


def _states(panel: Mapping[str, Any], box: Box, random: Random) -> Iterator[str]:
    names = (_names(panel) or [""] * 4)[:8]
    step = box.h / len(names)
    colours = [style.NORMAL] * 3 + list(style.SEVERITY[1:3])
    for at, name in enumerate(names):
        y, x = box.y + at * step, box.x + 85
        yield _text(box.x, y + step / 2 + 3, name, 7, MUTED, width=82)
        while x < box.x + box.w - 4:
            width = min(random.uniform(20, 90), box.x + box.w - x)
            if random.random() > 0.12:
                fill = random.choice(colours)
                yield f'<rect x="{x:.0f}" y="{y + 1:.1f}" width="{width:.0f}" height="{step - 2:.1f}" fill="{fill}"/>'
            x += width


def _table(panel: Mapping[str, Any], box: Box, random: Random) -> Iterator[str]:
    query = panel["targets"][0]["query"]
    tags = re.findall(r'"(\w+)"', query.rpartition("GROUP BY ")[2]) if "GROUP BY" in query else []
    tags = [style.TAGS[tag] for tag in tags]
    headings = [*tags, *re.findall(r'AS "([^"]+)"', query)]
    width = box.w / len(headings)
    for at, heading in enumerate(headings):
        yield _text(box.x + at * width, box.y + 7, heading, 7, TEXT, width=width - 3, weight="bold")
        for row in range(int((box.h - 10) // 11)):
            y = box.y + 18 + row * 11
            shade = "#55636f" if at >= len(tags) else MUTED
            x, length = box.x + at * width, random.uniform(0.3, 0.75) * width
            yield f'<rect x="{x:.0f}" y="{y - 5}" width="{length:.0f}" height="4" rx="2" fill="{shade}"/>'


def _words(panel: Mapping[str, Any], box: Box, _: Random) -> Iterator[str]:
    content = panel["options"]["content"]
    colour = re.findall(r"3px solid (#[0-9a-fA-F]{6})", content)[0]
    words = [html.unescape(one) for one in re.findall(r">([^<>]{3,})</span>", content)]
    pictures = re.findall(r'src="(data:image/svg\+xml;base64,[^"]+)"', content)
    if pictures:
        yield f'<image href="{pictures[0]}" x="{box.x}" y="{box.y - 13}" width="26" height="26"/>'
    yield _text(box.x + 32, box.y + 5, panel["title"], 12, TEXT)
    yield _text(box.x + 130, box.y + 5, words[0], 14, colour, weight="bold")
    yield _text(box.x + box.w, box.y + 5, " ".join(words[1:]), 9, TEXT, anchor="end")
    yield f'<path d="M{box.x} {box.y + 14}h{box.w}" stroke="{colour}" stroke-width="2"/>'


def _names(panel: Mapping[str, Any]) -> list[str]:
    """What the lines of a panel are called, where the file says so."""
    found = [
        entry["value"]
        for one in panel["fieldConfig"]["overrides"]
        for entry in one["properties"]
        if entry["id"] == "displayName"
    ]
    return found or [one["alias"] for one in panel["targets"] if "$" not in one.get("alias", "$")]


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    colour: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    width: float | None = None,
) -> str:
    """A line of text, cut where it would be wider."""
    if width is not None and len(text) * size * 0.52 > width:
        text = text[: max(1, int(width / (size * 0.52)) - 1)].rstrip() + "…"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{html.escape(text)}</text>'
    )


DRAWN: Mapping[str, Draw] = {
    "stat": _number,
    "bargauge": _bars,
    "timeseries": _curves,
    "state-timeline": _states,
    "table": _table,
    "text": _words,
}
"""How each kind of panel is sketched."""


def text() -> str:
    """The sheet of the dashboards that are committed."""
    files = (build.GENERATED / f"{subject.uid}.json" for subject in build.SUBJECTS)
    return sheet([json.loads(file.read_text(encoding="utf-8")) for file in files])


def main(place: Path = PLACE) -> int:
    """Draw it anew."""
    write_text(place, text(), mode=0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main())
