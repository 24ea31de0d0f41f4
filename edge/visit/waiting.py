"""What waits in the spool, and why. Pure: the gateway's own status comes in, words come out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

Status = Mapping[str, Any]


def why(status: Status, lane: str, *, running: bool) -> str:
    """Why records of a lane wait; empty where none does."""
    one = status["lanes"][lane]
    if not one["waiting"]:
        return ""
    if not running:
        return "gerbang tidak berjalan / the gateway does not run"
    if not status["connected"]:
        trouble = status["trouble"] or "masih mencoba / still trying"
        return f"tidak terhubung ke broker / not connected to the broker: {trouble}"
    if status["refused_version"]:
        return f"pusat menolak versi ini / the hub refuses this version: {status['refused_version']}"
    if not status["reached"]:
        return "broker terhubung, pusat belum menyapa / the broker is there, the hub has not greeted"
    if lane == "telemetry" and status["flow"] == "hold":
        return "InfluxDB pusat sedang mati / the hub's InfluxDB is away: samples wait here"
    if status["undecodable"]:
        return "pusat tidak dapat membaca sebuah bingkai / the hub cannot read a frame: see the log"
    if one["untimed"] > 0:
        return "waktu belum diketahui / the time is not known yet"
    return "sedang dikirim / on its way"


def rows(status: Status, *, running: bool) -> Iterator[tuple[str, ...]]:
    """A table: lane, records that wait, the oldest of them, refused, lost, why."""
    yield ("jalur/lane", "menunggu/waiting", "tertua/oldest", "ditolak/refused", "hilang/lost", "sebab/why")
    for lane, one in status["lanes"].items():
        age = "" if one["oldest_age_ms"] is None else age_text(one["oldest_age_ms"])
        counts = (str(one["waiting"]), age, str(one["refused"]), str(one["lost"]))
        yield (lane, *counts, why(status, lane, running=running))


def age_text(age_ms: int) -> str:
    """An age as people say it: the two largest units."""
    seconds = age_ms // 1000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def moment(t_ms: int | None) -> str:
    """A time in UTC; of a boot without a clock nobody knows it yet."""
    if t_ms is None:
        return "waktu belum diketahui / no time yet"
    return dt.datetime.fromtimestamp(t_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
