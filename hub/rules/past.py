"""What happened just before a hub began, for rules that look back: samples from InfluxDB, events from SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Connection, select

from contract.kinds import KINDS
from hub.ingest.tables import events as event_rows
from hub.region import Device
from hub.rules import files
from hub.rules.build import Built
from hub.rules.model import LIVE_AGE_MS, Sample
from hub.rules.places import Place
from hub.rules.running import Running

LOOKED_AT_MOST_S = 6 * 3600.0
"""No rule remembers more than this across a restart."""

AT_ONCE = 8
"""Queries at a time."""

PATIENCE_S = 5.0
"""A start does not wait longer for InfluxDB; what is not warm by then warms by itself."""

Happened = tuple[str, str, str, str, int]
"""Gateway, device, kind, id, and when, in ms."""


class Series(Protocol):
    """InfluxQL with bound parameters; ``hub.series.influx.Influx`` is one."""

    async def query(self, q: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query, ``time`` in ms."""
        ...


def spans(built: Built) -> dict[Place, float]:
    """How far back rules look at each device, in seconds; devices of which nothing is remembered are left out."""
    found: dict[Place, float] = {}
    for name, placed in built.placed.items():
        entry = built.laws[name].entry
        if isinstance(entry, files.CountEntry) and entry.events:
            continue
        span_s = getattr(entry, "window_s", None) or getattr(entry, "after_s", None)
        if span_s is not None:
            for _, places in placed:
                for place in places:
                    found[place] = max(found.get(place, 0.0), min(span_s, LOOKED_AT_MOST_S))
    return found


async def warm(running: Running, series: Series, now_ms: int) -> int:
    """Let the rules see the samples of just before now; how many there were.

    Raises:
        SeriesError: InfluxDB does not answer.
    """
    devices = {(one.gateway, one.device): one for one in running.built.region.devices}
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(device: Device, span_s: float) -> int:
        async with turns:
            rows = await samples(series, running, device, now_ms - round(span_s * 1000), now_ms)
        for sample in rows:
            running.warm(sample, sample.t_ms)
        return len(rows)

    wanted = [one(devices[place], span_s) for place, span_s in spans(running.built).items()]
    try:
        return sum(await asyncio.wait_for(asyncio.gather(*wanted), PATIENCE_S))
    except TimeoutError:
        return 0


async def samples(
    series: Series, running: Running, device: Device, from_ms: int, until_ms: int
) -> list[Sample]:
    """A device's stored samples between two times, ascending, with only what is good in them."""
    names = [name for name in KINDS[device.kind].quantities if _is_looked_at(running, device, name)]
    columns = ", ".join(f'"{name}", "{name}_q"' for name in names)
    q = (
        f'SELECT {columns} FROM "{device.kind}" WHERE "gateway" = $gateway AND "device" = $device'  # noqa: S608
        f" AND time >= {from_ms}ms AND time < {until_ms}ms ORDER BY time"
    )
    rows = await series.query(q, {"gateway": device.gateway, "device": device.device})
    site = running.built.region.site_of(device.gateway)
    return [
        Sample(
            stream=(device.gateway, "", "telemetry"),
            seq=at,
            gateway=device.gateway,
            site=site,
            device=device.device,
            kind=device.kind,
            values={name: row[name] for name in names if row.get(f"{name}_q") is None},
            quality={},
            t_ms=row["time"],
            age_ms=0,
        )
        for at, row in enumerate(rows, 1)
    ]


def _is_looked_at(running: Running, device: Device, quantity: str) -> bool:
    """Whether any rule about the device needs the quantity."""
    for judge in running.built.by_device.get((device.gateway, device.device), ()):
        named = getattr(judge.law.entry, "quantity", "")
        if named in (quantity, "") or isinstance(judge.law.entry, files.UpstreamEntry):
            return True
    return False


def events(conn: Connection, built: Built, now_ms: int) -> list[Happened]:
    """The events that rules still count, oldest first."""
    windows = {
        kind: law.entry.window_s
        for law in built.laws.values()
        if isinstance(law.entry, files.CountEntry)
        for kind in law.entry.events
    }
    if not windows:
        return []
    since_ms = now_ms - round(max(windows.values()) * 1000)
    c = event_rows.c
    query = (
        select(c.gateway, c.device, c.kind, c.event_id, c.received_ms, c.age_ms)
        .where(c.kind.in_(windows), c.received_ms >= since_ms, c.age_ms <= LIVE_AGE_MS)
        .order_by(c.received_ms, c.id)
    )
    return [
        (row.gateway, row.device, row.kind, row.event_id, row.received_ms - (row.age_ms or 0))
        for row in conn.execute(query)
    ]
