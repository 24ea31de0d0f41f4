"""The gateways with their ledger, all together, and how many places of each kind are heard. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hub.kpis.measures import FLEET, GATEWAYS, SITES
from hub.kpis.point import Point, Value, at
from hub.region import Region

MB = 1_000_000


def gateways(rows: Sequence[Mapping[str, Any]], region: Region, now_ms: int) -> Iterator[Point]:
    """What is known of each gateway.

    Args:
        rows: as ``hub.fleet.gateways.overview`` gives them. One that was never heard has no ledger.
    """
    yield from at(GATEWAYS, now_ms, {(row["gateway"], row["site"]): _gateway(row, now_ms) for row in rows})
    yield from at(FLEET, now_ms, {(): _fleet(rows)})
    yield from at(SITES, now_ms, _sites(rows, region))


def _gateway(row: Mapping[str, Any], now_ms: int) -> dict[str, Value]:
    health = row["health"]
    ages = [age for age in health.get("oldest_age_ms", {}).values() if age is not None]
    silent_ms = row["silent_since_ms"]
    return {
        **({name: row[name] for name in ("committed", "on_way", "refused", "lost")} if row["heard"] else {}),
        "silent": int(row["silent"]),
        "silent_s": None if silent_ms is None else (now_ms - silent_ms) / 1000,
        "heard_s": None if row["last_ms"] is None else (now_ms - row["last_ms"]) / 1000,
        "oldest_s": max(ages) / 1000 if ages else None,
        "spool_mb": _mb(health.get("spool_bytes")),
        "disk_free_mb": _mb(health.get("disk_free_bytes")),
        "cpu_c": health.get("cpu_c"),
    }


def _mb(number: int | None) -> float | None:
    return None if number is None else number / MB


def _fleet(rows: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    return {
        "gateways": len(rows),
        "silent": sum(row["silent"] for row in rows),
        "unheard": sum(not row["heard"] for row in rows),
        **{name: sum(row[name] for row in rows) for name in ("on_way", "refused", "lost")},
        "devices_down": sum(len(row["health"].get("devices_down", ())) for row in rows),
    }


def _sites(rows: Sequence[Mapping[str, Any]], region: Region) -> dict[tuple[str, ...], dict[str, Value]]:
    """A place is heard while one of its gateways is."""
    speaking = {row["site"] for row in rows if row["heard"] and not row["silent"]}
    all_of, heard = Counter[str](), Counter[str]()
    for site in {row["site"] for row in rows}:
        kind = region.sites[site].kind
        all_of[kind] += 1
        heard[kind] += site in speaking
    return {(kind,): {"sites": count, "heard": heard[kind]} for kind, count in all_of.items()}
