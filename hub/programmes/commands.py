"""``siaga-hub programmes``: take what offices report of their programmes, from a CSV file."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from hub.beside import in_store
from hub.clock import SystemClock
from hub.config import HubConfig
from hub.programmes import store
from hub.programmes.files import read
from hub.programmes.store import ProgrammeError, Value
from hub.region import load as load_region

COLUMNS = ("programme", "date", "value")


def options(command: argparse.ArgumentParser) -> None:
    """Of ``programmes``."""
    command.add_argument("file", type=Path, metavar="CSV", help="with the columns programme, date, value")


def programmes(config: HubConfig, given: argparse.Namespace) -> int:
    """Take the values of a file, all or none.

    Raises:
        ProgrammeError: a line cannot be taken.
        OSError: the file cannot be read.
    """
    profile, now_ms = Path(config.profile), SystemClock().now_ms()
    known, day = read(profile), store.today(ZoneInfo(load_region(profile).zone), now_ms)
    values = list(values_of(given.file))
    new = in_store(config, lambda conn: store.put(conn, known, values, actor="cli", today=day, now_ms=now_ms))
    print(f"{new} nilai baru atau berubah / values new or changed, {len(values) - new} sudah ada / known")
    return 0


def values_of(path: Path) -> Iterator[Value]:
    """The lines of a CSV file; the comma or semicolon of its first line separates, and a value has a point.

    Raises:
        ProgrammeError: with the line that is no value.
        OSError: it cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        file.seek(0)
        rows = csv.DictReader(file, delimiter=";" if ";" in head else ",")
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise ProgrammeError(
                f"{path} has not the columns {', '.join(COLUMNS)}", "name them in its first line"
            )
        for row in rows:
            try:
                yield Value(row["programme"], dt.date.fromisoformat(row["date"]), float(row["value"]))
            except (TypeError, ValueError) as error:
                raise ProgrammeError(
                    f"{path}:{rows.line_num}: {error}", "imunisasi-dasar,2027-01-31,93.5"
                ) from error
