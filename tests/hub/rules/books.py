"""Rules of tests, in the shipped city: a file as text, and samples of its devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hub.region import Region, load
from hub.rules.book import Book, read
from hub.rules.model import Sample
from hub.rules.running import Running
from hub.rules.verdict import Verdict

PROFILE = Path(__file__).resolve().parents[3] / "profiles" / "kota-contoh"
REGION = load(PROFILE)
EPOCH = "1" * 16
NOW_MS = 1_790_000_000_000
POST = ("gw-pos-muara", "duga-air", "river_post")
WARD = ("gw-rsud-contoh", "panel-icu", "bed_panel")
MINUTE_MS = 60_000

WORDS = """
reason_id = "{site} {device}"
reason_en = "{site} {device}"
advice = "/rivers"
"""


def rule(text: str, *, name: str = "uji") -> str:
    """One rule with what every rule must have."""
    return f'[[rule]]\nid = "{name}"\n{WORDS}\n{text}\n'


def book(folder: Path, *rules: str) -> Book:
    """These rules as a file, read."""
    path = folder / "rules.toml"
    path.write_text("\n".join(rules))
    return read(path, REGION)


def running(folder: Path, *rules: str, region: Region = REGION) -> Running:
    """These rules in force."""
    found = Running(region)
    assert found.adopt(found.prepare(book(folder, *rules), region), NOW_MS) == []
    return found


def sample(
    seq: int,
    values: Mapping[str, float | None],
    *,
    at_ms: int = NOW_MS,
    of: tuple[str, str, str] = POST,
    age_ms: int | None = 0,
    quality: Mapping[str, int] | None = None,
    epoch: str = EPOCH,
) -> Sample:
    """A record of a device at a time."""
    gateway, device, kind = of
    return Sample(
        stream=(gateway, epoch, "telemetry"),
        seq=seq,
        gateway=gateway,
        site=REGION.site_of(gateway),
        device=device,
        kind=kind,
        values=values,
        quality=quality or {},
        t_ms=at_ms,
        age_ms=age_ms,
    )


def feed(
    rules: Running,
    values: Iterable[float | None],
    *,
    quantity: str = "level_m",
    step_ms: int = MINUTE_MS,
    first: int = 1,
    start_ms: int = NOW_MS,
    of: tuple[str, str, str] = POST,
) -> list[tuple[int, bool]]:
    """(number, raised) of the verdicts on a row of values, one a step; time is told once at each."""
    found: list[tuple[int, bool]] = []
    for at, value in enumerate(values):
        at_ms = start_ms + at * step_ms
        said: list[Verdict] = rules.judge(sample(first + at, {quantity: value}, at_ms=at_ms, of=of), at_ms)
        said += rules.tick(at_ms, NOW_MS)
        found += [(first + at, verdict.active) for verdict in said]
    return found
