"""A point of a measure as line protocol. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

from hub.kpis.measures import Field, Measure
from hub.series.table import escape

Value = float | int | str | None


@dataclass(frozen=True, slots=True)
class Point:
    """What a measure says of one thing at one time.

    Attributes:
        tags: in the order of the measure's; an empty one is left out.
        values: by field; one that is None is left out.
        t_ms: time, UTC.
        id: tells two facts of the same time and tags apart; empty where there is only one.
    """

    measure: Measure
    tags: tuple[str, ...]
    values: Mapping[str, Value]
    t_ms: int
    id: str = ""

    @property
    def line(self) -> bytes:
        """The line without its end; ``b""`` where no field has a value. The same point is the same line."""
        fields = self.measure.fields
        shown = [
            f"{name}={_written(fields[name], value)}"
            for name, value in self.values.items()
            if value is not None
        ]
        if not shown:
            return b""
        tags = "".join(
            f",{key}={escape(value)}"
            for key, value in sorted(zip(self.measure.tags, self.tags, strict=True))
            if value
        )
        # Facts of one millisecond are told apart by the digits below it.
        ns = self.t_ms * 1_000_000 + (crc32(self.id.encode()) % 1_000_000 if self.id else 0)
        return f"{self.measure.name}{tags} {','.join(shown)} {ns}".encode()


def lines(points: Iterable[Point]) -> list[bytes]:
    """The lines of points, those without any value left out."""
    return list(filter(None, (point.line for point in points)))


def on_grid(measure: Measure, now_ms: int) -> int:
    """The time that a measure's point of now has, so that a point that is written twice is one point."""
    every_ms = measure.every_s * 1000
    return now_ms // every_ms * every_ms


def at(measure: Measure, now_ms: int, rows: Mapping[tuple[str, ...], Mapping[str, Value]]) -> Iterator[Point]:
    """Points of now, by their tags."""
    t_ms = on_grid(measure, now_ms)
    return (Point(measure, tags, values, t_ms) for tags, values in rows.items())


def _written(field: Field, value: float | int | str) -> str:
    if field.type == "int":
        return f"{int(value)}i"
    if field.type == "float":
        return repr(float(value))
    # A newline may stand in a string, but who reads line by line would stumble over it.
    text = " ".join(str(value).split())
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
