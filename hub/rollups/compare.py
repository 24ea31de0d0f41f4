"""Whether the rollups have the totals of what was measured: counts exactly, sums but for their rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hub.rollups.buckets import PARTS
from hub.rollups.questions import Rolled
from hub.rollups.roller import there
from hub.rollups.windows import Window
from hub.series.errors import NoDatabase
from hub.series.influx import Influx

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all fields of a measurement in a window."""

    count: int
    total: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A measurement as it was measured and as it was rolled up, over the same time."""

    name: str
    values: Totals
    rolled: Totals

    @property
    def agree(self) -> bool:
        """Whether they are the same."""
        near = math.isclose(self.values.total, self.rolled.total, rel_tol=ROUNDING, abs_tol=1e-6)
        return self.values.count == self.rolled.count and near


async def compare(raw: Influx, rolled: Influx, window: Window) -> list[Compared]:
    """Every measurement that is rolled up, in a window of whole steps.

    Raises:
        SeriesError: InfluxDB does not answer.
    """
    return [
        Compared(one.name, await _measured(raw, one, window), await _rolled(rolled, one, window))
        for one in await there(raw)
    ]


async def _measured(influx: Influx, one: Rolled, window: Window) -> Totals:
    cells = ", ".join(
        f'count("{field}") AS "n{at}", sum("{field}") AS "t{at}"' for at, field in enumerate(one.fields)
    )
    return _totals(await _ask(influx, f'SELECT {cells} FROM "{one.name}" {_within(window)}'))  # noqa: S608 - ours


async def _rolled(influx: Influx, one: Rolled, window: Window) -> Totals:
    """Field by field: a product of a field that is not there would leave the others' rows out."""
    found = [Totals(0, 0.0)]
    for field in one.fields:
        inner = f'SELECT "{field}{PARTS[0]}" AS "c", "{field}" * "{field}{PARTS[0]}" AS "s"'
        q = f'SELECT sum("c") AS "n0", sum("s") AS "t0" FROM ({inner} FROM "{one.name}" {_within(window)})'  # noqa: S608
        found.append(_totals(await _ask(influx, q)))
    return Totals(sum(one.count for one in found), math.fsum(one.total for one in found))


async def _ask(influx: Influx, q: str) -> list[dict[str, float]]:
    try:
        return await influx.query(q)
    except NoDatabase:
        return []


def _within(window: Window) -> str:
    return f"WHERE time >= {window.begin_ms}ms AND time < {window.end_ms}ms"


def _totals(rows: Sequence[dict[str, float]]) -> Totals:
    cells = [
        (name, value) for row in rows for name, value in row.items() if value is not None and name != "time"
    ]
    return Totals(
        sum(int(value) for name, value in cells if name.startswith("n")),
        math.fsum(value for name, value in cells if name.startswith("t")),
    )
