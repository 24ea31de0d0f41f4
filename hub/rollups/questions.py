"""The questions of the rollups in InfluxQL, and what is rolled up at all. Pure.

Plain InfluxQL of one measurement each, tags by name, and no retention policy: 1.x, 2.x and 3 Core serve it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from contract.kinds import KINDS
from hub.kpis.measures import MEASURES
from hub.rollups.buckets import PARTS
from hub.rollups.windows import Window

TAGS = ("device", "gateway", "site")
"""Of every sample."""

DAILY = "_day"
"""Behind the name of a measurement whose points are days."""

FUNCTIONS = ("count", "min", "mean", "max", "last")
"""In the order of PARTS."""

FEW_GATEWAYS = 20
"""Of more than this all are asked for at once."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """A measurement that is rolled up, with those of its fields that are there."""

    name: str
    tags: tuple[str, ...]
    fields: tuple[str, ...]


def rolled(keys: Mapping[str, Collection[str]], *, suffix: str = "") -> Iterator[Rolled]:
    """The measurements and fields of our own tables that a database has.

    Args:
        keys: names of fields by measurement, as the database says.
        suffix: of a field's name there.
    """
    for name, tags, fields in _ours():
        there = keys.get(name, ())
        found = tuple(field for field in fields if field + suffix in there)
        if found:
            yield Rolled(name, tags, found)


def _ours() -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    for kind in KINDS.values():
        yield kind.name, TAGS, tuple(kind.quantities)
    for measure in MEASURES.values():
        if measure.place == "raw" and all(field.type != "text" for field in measure.fields.values()):
            yield measure.name, tuple(sorted(measure.tags)), tuple(measure.fields)


def of_values(one: Rolled, window: Window, gateways: Collection[str] = ()) -> tuple[str, dict[str, str]]:
    """Asks for the buckets of each minute of what was measured."""
    cells = ", ".join(
        f'{function}("{field}") AS "{field}{part}"'
        for field in one.fields
        for function, part in zip(FUNCTIONS, PARTS, strict=True)
    )
    return _question(cells, one, window, gateways, step="time(1m)")


def of_buckets(one: Rolled, window: Window, gateways: Collection[str] = ()) -> tuple[str, dict[str, str]]:
    """Asks for buckets that are there."""
    cells = ", ".join(f'"{field}{part}"' for field in one.fields for part in PARTS)
    return _question(cells, one, window, gateways)


def _question(
    cells: str, one: Rolled, window: Window, gateways: Collection[str], *, step: str = ""
) -> tuple[str, dict[str, str]]:
    names = {f"g{at}": gateway for at, gateway in enumerate(sorted(gateways))}
    only = " OR ".join(f'"gateway" = ${name}' for name in names)
    where = f"time >= {window.begin_ms}ms AND time < {window.end_ms}ms" + (f" AND ({only})" if only else "")
    groups = ", ".join(filter(None, [*(f'"{tag}"' for tag in one.tags), step]))
    by = f" GROUP BY {groups}" if groups else ""
    fill = " fill(none)" if step else ""
    # The names are of our own tables, the numbers are ours, and gateways are bound.
    return f'SELECT {cells} FROM "{one.name}" WHERE {where}{by}{fill}', names  # noqa: S608
