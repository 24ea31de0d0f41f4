"""What rules would have done: rows of the past go through the engines as if each had come at its time. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from hub.errors import ConfigError
from hub.region import Region
from hub.rules.engine import Engine
from hub.rules.model import Change, Sample
from hub.rules.running import Running
from hub.rules.verdict import Verdict

EPOCH = "0" * 16


@dataclass(frozen=True, slots=True)
class Row:
    """A device's values at a time, ms UTC."""

    t_ms: int
    gateway: str
    device: str
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column of a CSV file goes: a quantity of a device, times a factor (0.01 for centimetres)."""

    name: str
    gateway: str
    device: str
    quantity: str
    factor: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Column:
        """``COLUMN=GATEWAY/DEVICE/QUANTITY`` or ``…*FACTOR``; or the place alone, where the column is called so.

        Raises:
            ConfigError: it is neither.
        """
        name, _, place = text.rpartition("=")
        place, _, factor = place.partition("*")
        parts = place.split("/")
        try:
            gateway, device, quantity = parts
            return cls(name or place, gateway, device, quantity, float(factor or 1))
        except ValueError as error:
            raise ConfigError(
                f"{text!r} is no column", "COLUMN=GATEWAY/DEVICE/QUANTITY, with *0.01 for centimetres"
            ) from error


def read_csv(path: Path, region: Region, columns: Sequence[Column], *, time: str = "time") -> list[Row]:
    """The rows of a CSV file, ascending. A time without an offset is of the region; an empty cell is no value.

    Raises:
        ConfigError: a column is missing, or a cell is not what it should be; with file and line.
        OSError: it cannot be read.
    """
    zone = ZoneInfo(region.zone)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header = reader.fieldnames or ()
        wanted = list(columns) or [Column.parse(name) for name in header if name.count("/") == 2]
        for name in (time, *(column.name for column in wanted)):
            if name not in header:
                raise ConfigError(f"{path}:1: there is no column {name!r}", "it has " + ", ".join(header))
        rows: list[Row] = []
        for cells in reader:
            try:
                at = datetime.fromisoformat(cells[time])
                t_ms = round((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000)
                rows += _of(t_ms, cells, wanted)
            except (ValueError, TypeError) as error:
                raise ConfigError(f"{path}:{reader.line_num}: {error}", "a time and numbers") from error
    return sorted(rows, key=lambda row: row.t_ms)


def _of(t_ms: int, cells: Mapping[str, str], columns: Sequence[Column]) -> Iterator[Row]:
    places = sorted(columns, key=lambda column: (column.gateway, column.device))
    for (gateway, device), found in groupby(places, lambda column: (column.gateway, column.device)):
        values = {
            column.quantity: None if not (cells[column.name] or "").strip() else _scaled(cells, column)
            for column in found
        }
        yield Row(t_ms, gateway, device, values)


def _scaled(cells: Mapping[str, str], column: Column) -> float:
    # To six digits, as 0.01 times 270 is not quite 2.7.
    return round(float(cells[column.name]) * column.factor, 6)


def replay(region: Region, running: Running, rows: Iterable[Row]) -> Iterator[Change | Verdict]:
    """What the region's levels and the rules would have said of these rows, in the order of time.

    Between two rows time passes as it does in a hub that hears its gateways: silence is found where nothing came.
    """
    kinds = {(device.gateway, device.device): device.kind for device in region.devices}
    engine = Engine(region.stations.values())
    seqs: dict[tuple[str, str], int] = {}
    since_ms: int | None = None
    for row in rows:
        place = row.gateway, row.device
        if place not in kinds:
            continue
        if since_ms is None:
            since_ms = row.t_ms
            yield from running.tick(row.t_ms, since_ms)
        while (due_ms := running.due_ms) is not None and due_ms <= row.t_ms:
            yield from running.tick(due_ms, since_ms)
        seq = seqs[place] = seqs.get(place, 0) + 1
        sample = Sample(
            stream=(row.gateway, EPOCH, "telemetry"),
            seq=seq,
            gateway=row.gateway,
            site=region.site_of(row.gateway),
            device=row.device,
            kind=kinds[place],
            values=row.values,
            quality={},
            t_ms=row.t_ms,
            age_ms=0,
        )
        yield from engine.judge(sample, row.t_ms)
        yield from running.judge(sample, row.t_ms)
