"""A station and samples of it, for tests."""

from __future__ import annotations

from dataclasses import replace

from hub.region import RiseRule, Station
from hub.rules.model import Sample

POST = Station(
    id="katulampa",
    name="Katulampa",
    river="Contoh",
    site="pos",
    gateway="gw-pos",
    device="duga-air",
    kind="river_post",
    quantity="level_m",
    thresholds_mm=(800, 1500, 2000),
    hysteresis_mm=50,
    labels=("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1"),
)
RISING = replace(POST, rise=RiseRule(limit_mm_h=600, window_s=1800, gap_s=600))
EPOCH = "1" * 16
NOW_MS = 1_790_000_000_000


def sample(
    seq: int,
    level_m: float | None,
    *,
    t_ms: int | None = None,
    age_ms: int | None = 0,
    epoch: str = EPOCH,
    quality: int = 0,
    device: str = "duga-air",
    live: bool = False,
) -> Sample:
    """One sample of the post; one a second unless a time is given."""
    return Sample(
        stream=("gw-pos", epoch, "telemetry"),
        seq=seq,
        gateway="gw-pos",
        site="pos",
        device=device,
        kind="river_post",
        values={"level_m": level_m, "rain_mm": 0.0},
        quality={"level_m": quality} if quality else {},
        t_ms=NOW_MS + seq * 1000 if t_ms is None else t_ms,
        age_ms=age_ms,
        live=live,
    )
