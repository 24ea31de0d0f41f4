"""``siaga-hub rules``: check a file of rules, and see what it would have done on data of the past."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from contract.kinds import KINDS
from hub.config import InfluxSection, load_config, read_secret
from hub.errors import ConfigError
from hub.region import Region
from hub.region import load as load_region
from hub.rules import book as books
from hub.rules.model import Change, siaga
from hub.rules.plot import Bar, Curve, svg
from hub.rules.replay import Column, Row, read_csv, replay
from hub.rules.running import Running
from hub.rules.verdict import Verdict
from hub.series.influx import Influx, InfluxConfig

MOST_LINES = 200
"""More happenings are counted and not listed."""


def add_bare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands. They need no configuration: a file of rules lies in its region's profile."""
    rules = commands.add_parser("rules", help="check rules.toml, and try it on data of the past")
    kinds = rules.add_subparsers(required=True)
    text = "read a file of rules and say what is wrong, with line and what to write instead"
    check = kinds.add_parser("check", help=text, description=text)
    check.set_defaults(bare=_check)
    text = "what the rules would have done on stored data or on a CSV file"
    test = kinds.add_parser("test", help=text, description=text)
    test.add_argument("--replay", action="store_true", required=True, help="go through data of the past")
    test.add_argument("--csv", type=Path, metavar="DATA", help="a CSV file; without it InfluxDB is asked")
    test.add_argument("--time", default="time", metavar="COLUMN", help="the CSV file's column of times")
    test.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=GATEWAY/DEVICE/QUANTITY*FACTOR",
        help="what a column of the CSV file is; may be given again",
    )
    test.add_argument("--config", type=Path, metavar="FILE", help="the hub's TOML file, for its InfluxDB")
    test.add_argument("--from", dest="begins", metavar="TIME", help="first time, as 2026-01-31T06:00")
    test.add_argument("--until", dest="ends", metavar="TIME", help="last time; now where it is left out")
    test.add_argument(
        "--rule", action="append", default=[], metavar="ID", help="this rule only; again for more"
    )
    test.add_argument("--plot", type=Path, metavar="SVG", help="draw values and alarms into this file")
    test.set_defaults(bare=_test)
    for command in (check, test):
        command.add_argument("file", type=Path, metavar="RULES", help="rules.toml")
        command.add_argument(
            "--profile",
            type=Path,
            metavar="FOLDER",
            help="the region; the file's own folder where it is left out",
        )


def _read(options: argparse.Namespace) -> tuple[Region, books.Book]:
    region = load_region(options.profile or options.file.resolve().parent)
    if not options.file.is_file():
        raise ConfigError(f"there is no file {options.file}", "the path of rules.toml")
    return region, books.read(options.file, region)


def _check(options: argparse.Namespace) -> int:
    region, book = _read(options)
    running = _running(region, book)
    places = {name: len(judges) for name, judges in running.built.judges.items()}
    for name, count in places.items():
        print(f"{name}: {running.built.laws[name].kind}, {count} tempat / places")
    print(f"{options.file}: baik / good, {len(book.rules)} aturan / rules, versi / version {book.version}")
    return 0


def _running(region: Region, book: books.Book) -> Running:
    running = Running(region)
    running.adopt(running.prepare(book, region), 0)
    return running


def _test(options: argparse.Namespace) -> int:
    region, book = _read(options)
    for name in options.rule:
        if name not in book.rules:
            raise ConfigError(f"there is no rule {name!r}", books.closest(name, book.rules))
    running = _running(region, book)
    rows = _csv_rows(options, region) if options.csv else asyncio.run(_stored_rows(options, region, running))
    if not rows:
        raise ConfigError("there are no data in that time", "other times, or another file")
    found = [one for one in replay(region, running, rows) if _is_wanted(one, options.rule)]
    _print(found, region, len(rows))
    if options.plot is not None:
        options.plot.write_text(drawing(region, book, rows, found), encoding="utf-8")
        print(f"{options.plot}")
    return 0


def _is_wanted(one: Change | Verdict, rules: Sequence[str]) -> bool:
    return not rules or (isinstance(one, Verdict) and one.rule in rules)


def _csv_rows(options: argparse.Namespace, region: Region) -> list[Row]:
    rows = read_csv(options.csv, region, [Column.parse(text) for text in options.map], time=options.time)
    first = _ms(options.begins, region) if options.begins else 0
    last = _ms(options.ends, region) if options.ends else 2**62
    return [row for row in rows if first <= row.t_ms <= last]


async def _stored_rows(options: argparse.Namespace, region: Region, running: Running) -> list[Row]:
    """What InfluxDB has of every device that a rule or a level is about."""
    if options.config is None or options.begins is None:
        raise ConfigError("nothing to replay", "--csv DATA, or --config FILE with --from TIME")
    section = load_config(options.config).influx
    if section is None:
        raise ConfigError(f"{options.config} has no [influx]", "a hub that keeps its samples, or --csv DATA")
    first, last = _ms(options.begins, region), _ms(options.ends, region) if options.ends else _now_ms()
    places = {*running.built.by_device, *((one.gateway, one.device) for one in region.stations.values())}
    rows: list[Row] = []
    async with Influx(_influx(section)) as influx:
        for device in region.devices:
            if (device.gateway, device.device) not in places:
                continue
            names = list(KINDS[device.kind].quantities)
            columns = ", ".join(f'"{name}", "{name}_q"' for name in names)
            q = (
                f'SELECT {columns} FROM "{device.kind}" WHERE "gateway" = $gateway AND "device" = $device'  # noqa: S608
                f" AND time >= {first}ms AND time <= {last}ms ORDER BY time"
            )
            for row in await influx.query(q, {"gateway": device.gateway, "device": device.device}):
                good = {name: row[name] for name in names if row.get(f"{name}_q") is None}
                rows.append(Row(row["time"], device.gateway, device.device, good))
    return sorted(rows, key=lambda row: row.t_ms)


def _influx(section: InfluxSection) -> InfluxConfig:
    secret = read_secret(section.secret_file) if section.secret_file else ""
    return InfluxConfig(
        section.url, section.database, section.auth, section.user, secret, section.timeout_s, section.gzip
    )


def _ms(text: str, region: Region) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no time", "as 2026-01-31T06:00") from error
    return round((at if at.tzinfo else at.replace(tzinfo=ZoneInfo(region.zone))).timestamp() * 1000)


def _now_ms() -> int:
    return round(datetime.now(UTC).timestamp() * 1000)


def _print(found: Sequence[Change | Verdict], region: Region, rows: int) -> None:
    zone = ZoneInfo(region.zone)
    for one in found[:MOST_LINES]:
        t_ms = one.at_ms if isinstance(one, Verdict) else one.t_ms
        at = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(zone)
        print(f"{at:%Y-%m-%d %H:%M:%S} {region.zone_label} {_said(one)}")
    if len(found) > MOST_LINES:
        print(f"… {len(found) - MOST_LINES} lagi / more")
    raised = sum(one.worse for one in found)
    print(f"{rows} baris / rows, {raised} alarm, {len(found) - raised} selesai atau turun / over or eased")


def _said(one: Change | Verdict) -> str:
    if isinstance(one, Change):
        if one.kind == "rise":
            return f"{one.station} rise {'+' if one.new else '-'} {(one.rate_mm_h or 0) / 1000:.2f} m/h"
        return f"{one.station} level Siaga {siaga(one.old)} -> {siaga(one.new)} {one.value_mm / 1000:.2f} m"
    where = "/".join(part for part in one.subject[1:] if part) or one.subject.site or "kota"
    return f"{one.rule} {where} {'+ ' + one.reason_id if one.active else '-'}"


def drawing(region: Region, book: books.Book, rows: Iterable[Row], found: Sequence[Change | Verdict]) -> str:
    """The values that rules and levels looked at, with what was raised."""
    looked = {
        (one.subject.gateway, one.subject.device, one.subject.point)
        for one in found
        if isinstance(one, Verdict)
    }
    looked |= {(one.gateway, one.device, one.quantity) for one in found if isinstance(one, Change)}
    points: dict[tuple[str, str, str], list[tuple[int, float]]] = {}
    for row in rows:
        for name, value in row.values.items():
            if value is not None and (row.gateway, row.device, name) in looked:
                points.setdefault((row.gateway, row.device, name), []).append((row.t_ms, value))
    curves = [
        Curve("/".join(place), found_, _limits(region, book, place)) for place, found_ in points.items()
    ]
    return svg(f"{region.name}: {book.version}", curves, bars(found), ZoneInfo(region.zone))


def _limits(region: Region, book: books.Book, place: tuple[str, str, str]) -> list[tuple[float, str]]:
    gateway, device, quantity = place
    station = region.station_at(gateway, device)
    if station is not None and station.quantity == quantity:
        return [(mm / 1000, station.labels[at]) for at, mm in enumerate(station.thresholds_mm, 1)]
    return [
        (limit, name)
        for name, entry in book.rules.items()
        if getattr(entry, "quantity", None) == quantity
        for limit in (getattr(entry, "above", None), getattr(entry, "below", None))
        if limit is not None
    ]


def bars(found: Sequence[Change | Verdict]) -> list[Bar]:
    """When each alarm was there; a level from where it left normal."""
    spans: dict[str, list[tuple[int, int | None]]] = {}
    for one in found:
        name = f"{one.station} {one.kind}" if isinstance(one, Change) else f"{one.rule} {one.subject.device}"
        t_ms = one.t_ms if isinstance(one, Change) else one.at_ms
        there = one.new > 0 if isinstance(one, Change) else one.active
        open_ = spans.setdefault(name, [])
        if there and (not open_ or open_[-1][1] is not None):
            open_.append((t_ms, None))
        elif not there and open_ and open_[-1][1] is None:
            open_[-1] = (open_[-1][0], t_ms)
    return [Bar(name, found_) for name, found_ in spans.items()]
