"""The rules engine by itself: 100,000 points under 1,000 rules in one process: time a value, memory, and new rules
while samples come, with every sample counted.

The region is 200 sites of 100 river posts with five quantities each. Each site has five rules, so each post is looked
at by five: a level with hysteresis, a rate of rise, silence, a stuck value, a battery with for-time. A sample is a
post's five values, as the hub has accepted them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import meter
from hub.region import Agency, Device, Gateway, Region, Site
from hub.rules.book import parse
from hub.rules.model import Sample
from hub.rules.running import Running

SITES, POSTS = 200, 100
SITES_QUICK, POSTS_QUICK = 4, 10
ROUNDS, ROUNDS_QUICK = 10, 2
STEP_MS = 10_000
NOW_MS = 1_790_000_000_000
QUANTITIES = ("level_m", "rain_mm", "temperature_c", "battery_v", "signal_db")

_WORDS = 'reason_id = "{value}"\nreason_en = "{value}"\nadvice = "/rivers"\n'
_KINDS = {
    "tinggi": 'kind = "threshold"\nquantity = "level_m"\nabove = 2.0\nhysteresis = 0.05',
    "naik": 'kind = "rise"\nquantity = "level_m"\nper_h = 0.6',
    "diam": 'kind = "no_data"\nquantity = "level_m"\nafter_s = 300',
    "macet": 'kind = "stuck"\nquantity = "temperature_c"\nafter_s = 3600',
    "baterai": 'kind = "threshold"\nquantity = "battery_v"\nbelow = 11.5\nhysteresis = 0.5\nfor_s = 600',
}


def region(sites: int, posts: int) -> Region:
    """So many sites with a gateway each, and posts behind it."""
    desk = Agency("piket", "Piket", "Piket", ())
    names = [f"lokasi-{n:03d}" for n in range(sites)]
    return Region(
        id="besar",
        name="Besar",
        zone="Asia/Jakarta",
        zone_label="WIB",
        sites={name: Site(name, name, "river_post", -6.0, 108.0) for name in names},
        gateways={f"gw-{name}": Gateway(f"gw-{name}", 0, name) for name in names},
        stations={},
        buttons={},
        wards={},
        agencies={"piket": desk},
        duty_desk=desk,
        devices=tuple(
            Device(f"gw-{name}", f"pos-{at:03d}", "river_post", "modbus_tcp")
            for name in names
            for at in range(posts)
        ),
    )


def text(sites: int, *, above: float = 2.0, changed: int = 0) -> str:
    """rules.toml: every kind at every site. ``changed`` of the sites have another limit for their level."""
    return "\n".join(
        f'[[rule]]\nid = "{name}-{site:03d}"\ndevice_kind = "river_post"\nsites = ["lokasi-{site:03d}"]\n'
        f"{body.replace('2.0', str(above)) if site < changed else body}\n{_WORDS}"
        for site in range(sites)
        for name, body in _KINDS.items()
    )


def samples(where: Region, round_: int, *, level: float | None = None) -> Iterator[Sample]:
    """One of each post, that moves a little each time; ``level`` is the same for all where it is given."""
    t_ms = NOW_MS + round_ * STEP_MS
    for at, device in enumerate(where.devices):
        level_m = 1.0 + (at % 7) * 0.1 + (round_ % 5) * 0.01 if level is None else level
        yield Sample(
            (device.gateway, "1" * 16, "telemetry"),
            round_ + 1,
            device.gateway,
            where.site_of(device.gateway),
            device.device,
            device.kind,
            dict(zip(QUANTITIES, (level_m, 0.0, 27.0 + round_ * 0.1, 12.6, -70.0), strict=True)),
            {},
            t_ms,
            0,
        )


async def measure(
    folder: Path,  # noqa: ARG001, every part has one
    *,
    quick: bool,
) -> dict[str, Any]:
    """``rules``: time a value, memory, and how long new rules take; a value that was missed is an error."""
    sites, posts = (SITES_QUICK, POSTS_QUICK) if quick else (SITES, POSTS)
    where = region(sites, posts)
    began_s = time.perf_counter()
    book = parse(text(sites), where, "rules.toml")
    read_s = time.perf_counter() - began_s
    before_mb = meter.read(os.getpid()).rss_mb
    running = Running(where)
    began_s = time.perf_counter()
    prepared = running.prepare(book, where)
    build_s = time.perf_counter() - began_s
    running.adopt(prepared, NOW_MS)
    built_mb = meter.read(os.getpid()).rss_mb
    us = _judge(running, where, ROUNDS_QUICK if quick else ROUNDS)
    one = await _reload(running, where, sites, changed=1, first=100)
    all_ = await _reload(running, where, sites, changed=sites, first=200)
    points = len(where.devices) * len(QUANTITIES)
    return {
        "points": points,
        "rules": len(book.rules),
        "us_per_value": round(us, 2),
        "built_mb": round(built_mb - before_mb, 1),
        "full_mb": round(meter.read(os.getpid()).rss_mb - before_mb, 1),
        "read_s": round(read_s, 2),
        "build_s": round(build_s, 2),
        "reload_one": one,
        "reload_all": all_,
    }


def _judge(running: Running, where: Region, rounds: int) -> float:
    """Microseconds a value, the middle of some rounds over all posts."""
    took = []
    for round_ in range(rounds):
        ready = list(samples(where, round_))
        now_ms = NOW_MS + round_ * STEP_MS
        began_s = time.perf_counter()
        for sample in ready:
            running.judge(sample, now_ms)
        running.tick(now_ms, NOW_MS)
        took.append((time.perf_counter() - began_s) / (len(ready) * len(QUANTITIES)) * 1e6)
    return median(took)


async def _reload(running: Running, where: Region, sites: int, *, changed: int, first: int) -> dict[str, Any]:
    """Bring other rules into force while samples come, each of which turns its post's alarm over.

    Raises:
        AssertionError: a record was missed, or judged twice.
    """
    book = parse(text(sites, above=2.0 + first / 100, changed=changed), where, "rules.toml")
    task = asyncio.create_task(asyncio.to_thread(running.prepare, book, where))
    began_s = time.perf_counter()
    round_, records, turned, adopted, took_s = first, 0, 0, -1, 0.0
    while adopted < 0 or round_ < adopted + 2 or (round_ - first) % 2:
        for sample in samples(where, round_, level=1.0 if (round_ - first) % 2 else 9.0):
            now_ms = NOW_MS + round_ * STEP_MS
            found = running.judge(sample, now_ms)
            records += 1
            turned += sum(verdict.rule.startswith("tinggi") for verdict in found)
            if records % 100 == 0 and adopted < 0:
                await asyncio.sleep(0)
                if task.done():
                    took_s = time.perf_counter() - began_s
                    swap_s = time.perf_counter()
                    running.adopt(task.result(), now_ms)
                    swap_s = time.perf_counter() - swap_s
                    adopted = round_
        round_ += 1
    assert running.book.version == book.version
    assert turned == records, f"{records - turned} of {records} values were missed"
    return {
        "rules_changed": changed,
        "prepare_s": round(took_s, 2),
        "swap_ms": round(swap_s * 1000, 1),
        "records": records,
        "missed": records - turned,
    }
