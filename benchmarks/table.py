"""The results as a table, the aim beside each figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.aims import Aim


def render(results: Mapping[str, Any], aims: Iterable[Aim]) -> str:
    """A Markdown table of every figure that was measured."""
    rows = [("figure", "measured", "unit", "aim", "")]
    for aim in aims:
        figure = aim.figure(results)
        if figure is None:
            continue
        wanted = aim.wanted(results)
        goal = "" if wanted is None else f"{aim.relation} {number(wanted)}"
        verdict = {None: "", True: "reached", False: "NOT REACHED"}[aim.reached(results)]
        rows.append((aim.title, number(figure), aim.unit, goal, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], "| " + " | ".join("-" * width for width in widths) + " |", *lines[1:]])


def number(value: float) -> str:
    """A number as people read it: thousands apart, no more digits than mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.rjust(width) if column == 1 else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "| " + " | ".join(cells) + " |"
