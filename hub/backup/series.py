"""InfluxDB as lines: read by InfluxQL, put back by ``/write``, over the connection that the hub has anyway.

Lines go into any flavour and version, into a database that is in use already (a line that is there overwrites itself),
and through passwords and TLS. InfluxDB's own portable backup is faster, and has none of that: its port knows no
password, its files are on disk in the clear, and it restores into a database that is not there only. Both were
measured (docs/administrator.md).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import msgspec

from hub.backup.rows import Say
from hub.series.errors import BadLines, NoDatabase, SeriesError, TooLarge
from hub.series.influx import Influx

PREFIX = "series/"
ROLLED = "rolled/"
"""Before the name of a tier, of what was made of samples: it is kept for longer than they are."""
LINES_AT_ONCE = 5000
MEMBER_BYTES = 8 * 1024 * 1024
DAY_NS = 86_400 * 10**9

_MEASUREMENT = re.compile(r"[, ]")
_TAG = re.compile(r"[, =]")


class Exported(msgspec.Struct, frozen=True):
    """What the manifest says of the samples.

    Attributes:
        lines: how many of each measurement.
        since_ms: only later ones are in it; 0 where all are.
        missing: why some or all are not in it; empty where they are.
    """

    lines: dict[str, int]
    since_ms: int
    missing: str = ""


async def export(
    influx: Influx, add: Callable[[str, bytes], None], say: Say, *, since_ms: int = 0, prefix: str = PREFIX
) -> Exported:
    """Hand every sample since a time over, as line protocol.

    With InfluxDB away, or gone on the way, it hands over what it got and says so: a press waits for no InfluxDB, and
    neither does a backup of one.
    """
    counted: dict[str, int] = {}
    at = 0
    try:
        for measurement, integers in (await _fields(influx)).items():
            counted[measurement] = 0
            async for body, lines in _bodies(influx, measurement, integers, since_ms * 1_000_000):
                add(f"{prefix}{at:06}.lp", body)
                at += 1
                counted[measurement] += lines
                say(f"series {measurement}", counted[measurement])
    except SeriesError as error:
        return Exported(counted, since_ms, missing=str(error))
    return Exported(counted, since_ms)


async def put_back(influx: Influx, data: bytes) -> tuple[int, int]:
    """Write the lines of a member; how many were taken, and how many InfluxDB refuses for good.

    Raises:
        SeriesError: InfluxDB does not answer, or not as it should.
    """
    lines = data.split(b"\n")
    refused = 0
    for start in range(0, len(lines), LINES_AT_ONCE):
        refused += await _write(influx, lines[start : start + LINES_AT_ONCE])
    return len(lines) - refused, refused


async def _write(influx: Influx, lines: Sequence[bytes]) -> int:
    try:
        await influx.write(lines)
    except NoDatabase:
        await influx.create_database()
        await influx.write(lines)
    except (BadLines, TooLarge):
        if len(lines) == 1:
            return 1
        middle = len(lines) // 2
        return await _write(influx, lines[:middle]) + await _write(influx, lines[middle:])
    return 0


async def _fields(influx: Influx) -> dict[str, set[str]]:
    """The measurements, and which of their fields are integers."""
    found: dict[str, set[str]] = {}
    try:
        async for series in influx.stream("SHOW FIELD KEYS", rows_at_once=LINES_AT_ONCE):
            integers = found.setdefault(series["name"], set())
            integers.update(name for name, kind in series["values"] if kind == "integer")
    except NoDatabase:
        return {}
    return found


async def _bodies(
    influx: Influx, measurement: str, integers: set[str], since_ns: int
) -> AsyncIterator[tuple[bytes, int]]:
    """Members' contents with the number of lines in each, a day at a time: a question for years would have InfluxDB
    hold them in memory."""
    lines: list[bytes] = []
    size = 0
    start = await _first_from(influx, measurement, since_ns)
    while start is not None:
        end = start + DAY_NS
        window = f"FROM {_name(measurement)} WHERE time >= {start} AND time < {end}"  # the numbers are ours
        async for series in influx.stream(f"SELECT * {window} GROUP BY *", rows_at_once=LINES_AT_ONCE):
            for line in _lines(series, integers):
                lines.append(line)
                size += len(line) + 1
            if size >= MEMBER_BYTES:
                yield b"\n".join(lines), len(lines)
                lines, size = [], 0
        start = await _first_from(influx, measurement, end)
    if lines:
        yield b"\n".join(lines), len(lines)


async def _first_from(influx: Influx, measurement: str, from_ns: int) -> int | None:
    """The time of the first sample from a time on; so days without any are not asked for one by one."""
    q = f"SELECT * FROM {_name(measurement)} WHERE time >= {from_ns} ORDER BY time LIMIT 1"  # noqa: S608 - ours
    async for series in influx.stream(q, rows_at_once=1):
        return int(series["values"][0][0])
    return None


def _name(measurement: str) -> str:
    return '"' + measurement.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _lines(series: dict[str, Any], integers: set[str]) -> Iterator[bytes]:
    """The lines of a series, as they were written."""
    tags = "".join(f",{_tag(key)}={_tag(value)}" for key, value in series.get("tags", {}).items() if value)
    head = _MEASUREMENT.sub(r"\\\g<0>", series["name"]) + tags + " "
    _, *names = series["columns"]
    keys = [(_tag(name) + "=", name in integers) for name in names]
    for at_ns, *values in series["values"]:
        fields = [
            key + _value(value, whole)
            for (key, whole), value in zip(keys, values, strict=True)
            if value is not None
        ]
        yield f"{head}{','.join(fields)} {at_ns}".encode()


def _tag(name: str) -> str:
    return _TAG.sub(r"\\\g<0>", name)


def _value(value: object, whole: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if whole:
        return f"{value}i"
    return repr(value)
