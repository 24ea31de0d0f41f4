"""``python -m benchmarks.river FILE``: write docs/river.md and its drawings anew from the file of the river."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.river import alarms
from benchmarks.river import warnings as ahead
from benchmarks.river.alarms import SETTINGS, Counted, Span
from benchmarks.river.posts import HOUR_MS, POSTS, THRESHOLDS_MM, Points, by_minute, read, region
from hub.rules.plot import Bar, Curve, svg

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOISE_M = 0.02
SEEDS = {"katulampa": 1, "depok": 2, "manggarai": 3}
ZONE = ZoneInfo("Asia/Jakarta")
STUDIED_MS = (4 * 24 * HOUR_MS, 3 * 24 * HOUR_MS)
"""Drawn before and after the begin of the flood that is shown."""

HEAD = """# The real river / Sungai yang nyata

What the rules of the hub make of a real river: the Ciliwung at Katulampa, Depok and Manggarai, hourly from 16 October
2021 to 31 December 2023, as the Jakarta flood posts published it (collected in the public repository
elvano22/Pintu-Air). {hours} values. The file is not part of Siaga; with it, one command writes this page and its
drawings anew:

```sh
python -m benchmarks.river ciliwung_hourly_2021-2023.csv
```

The engine is the hub's own: each row goes to it as a sample would. Levels are those of the posts (Siaga 3 / 2 / 1:
Katulampa 0.80 / 1.50 / 2.00 m, Depok 2.00 / 2.70 / 3.50 m, Manggarai 7.50 / 8.50 / 9.50 m). *Alarm* below is Siaga 3 or
worse; *again* is an alarm that comes back within six hours of having been over.

"""


def main() -> None:
    """Read, reckon, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.river", description=__doc__)
    parser.add_argument(
        "file", type=Path, help="the river: time_local_wib, katulampa_cm, depok_cm, manggarai_cm"
    )
    parser.add_argument(
        "--into",
        type=Path,
        default=DOCS,
        metavar="FOLDER",
        help="where page and drawings go; made where it is not",
    )
    options = parser.parse_args()
    began_s = time.monotonic()
    options.into.mkdir(parents=True, exist_ok=True)  # before the minutes of reckoning, not after them
    river = read(options.file)
    floods, hourly = _hourly(river)
    page = HEAD.format(hours=f"{sum(map(len, river.values())):,}") + hourly
    page += _minutes(river, floods)
    spans = alarms.verdicts(river, ahead.rules())
    page += _warnings(floods, spans)
    (options.into / "river.md").write_text(page, encoding="utf-8")
    _draw(options.into, river, floods, spans)
    print(f"{options.into / 'river.md'}: {time.monotonic() - began_s:.0f} s")


def _hourly(river: Mapping[str, Points]) -> tuple[dict[str, list[Span]], str]:
    text = "## As published, hour by hour\n\n" + _head(
        "post",
        "hysteresis",
        "raised",
        "cleared",
        "again",
        "changes of level",
        "equal to an independent reading",
    )
    spans: dict[str, list[Span]] = {}
    for hysteresis_mm in (0, 50):
        found = alarms.changes(river, hysteresis_mm)
        same = "yes" if alarms.is_read_the_same(river, found, hysteresis_mm) else "**no**"
        for post in POSTS:
            spans[post] = alarms.spans(found[post])
            counted = alarms.of(spans[post], len(found[post]))
            text += _row(post, f"{hysteresis_mm / 10:.0f} cm", *_cells(counted), same)
    return spans, text + (
        "\nThe independent reading is a loop of a few lines over the file that shares no code with the engine. An hour "
        "between two\nvalues hides what hysteresis is for: see the next table.\n\n"
    )


def _minutes(river: Mapping[str, Points], floods: Mapping[str, Sequence[Span]]) -> str:
    restless = {post: by_minute(points, seed=SEEDS[post], noise_m=NOISE_M) for post, points in river.items()}
    found = alarms.verdicts(restless, alarms.thresholds(region(50)))
    text = (
        "## By the minute, with noise\n\nBetween the hours a straight line, with a normal noise of "
        f"{NOISE_M * 100:.0f} cm as waves and an instrument make\nit (seeds {', '.join(map(str, SEEDS.values()))}); "
        f"{sum(map(len, restless.values())):,} values. One rule of Siaga 3 a row; the for-time counts for its end too. "
        "*Events met*: floods\nof the hourly file (what comes back within a day is one) in which it was raised."
        "\n\n"
    ) + _head("post", "hysteresis", "for-time", "raised", "cleared", "again", "events met")
    for post in POSTS:
        events = ahead.events(floods[post])
        for setting in SETTINGS:
            spans = found[f"{setting.name}-{post}"]
            counted = alarms.of(spans, 2 * len(spans))
            text += _row(
                post,
                f"{setting.hysteresis_m * 100:.0f} cm",
                f"{setting.for_s // 60} min",
                *_cells(counted)[:3],
                f"{alarms.met(events, spans)} of {len(events)}",
            )
    return text + _QUIET


_QUIET = """
Without hysteresis an alarm comes back within six hours again and again; five centimetres take most of it, and lose
nothing. A for-time of five minutes is quieter still, and is paid for: a river that only touches its level is not told.
For levels the hub therefore has hysteresis and no for-time; a for-time is for what may wait, as beds and batteries.

"""


def _warnings(floods: Mapping[str, Sequence[Span]], spans: Mapping[str, Sequence[Span]]) -> str:
    text = (
        "## How early / Seberapa dini\n\nAn *event* is a time at Siaga 3 or worse; what comes back within a day is the "
        "same one. A rule\nis *ahead* of an event when it has begun to warn within the 24 hours before; its lead is "
        "from its earliest warning in\nthem. A warning is *in vain* when no event begins within 24 hours of it and "
        "none is on. The rate is the line through three\nhours; the rules upstream raise when the post above reaches "
        "its level. The lead of the threshold itself is 0 by\ndefinition.\n\n"
    ) + _head(
        "post",
        "rule",
        "events",
        "ahead",
        "missed",
        "least lead",
        "median lead",
        "longest",
        "warnings",
        "in vain",
    )
    for rule, found in spans.items():
        post = ahead.post_of(rule)
        warned = ahead.judge(rule, ahead.events(floods[post]), found)
        lead = warned.lead_h
        text += _row(
            post,
            _name(rule),
            warned.events,
            warned.ahead,
            warned.events - warned.ahead,
            f"{lead[0]:.0f} h" if lead else "–",
            "–" if warned.median_h is None else f"{warned.median_h:.1f} h",
            f"{lead[-1]:.0f} h" if lead else "–",
            warned.warnings,
            warned.in_vain,
        )
    return text + _READ


_READ = """
What to take from it:

- With one value an hour a lead of one hour is the smallest there can be, and a river that jumps within an hour is not
  foreseen by any rate. With a value a minute, as a gateway gives, a rate is known after half its window.
- A low limit of the rate is ahead of nearly every event at Manggarai and of two in three at Depok, and most of its
  warnings are in vain: it belongs to a low priority. A limit of 0.3 m/h is quieter and misses half and more.
- Katulampa at Siaga 3 is ahead by the travel time of the water, and in vain every second time: rain below it makes many
  floods without it. Depok warns Manggarai of more than half its events, seldom in vain. Siaga 2 upstream was never in
  vain in these years, and came before few events.
- A lead can be longer than the travel time: the same flood has more than one peak.
- These are the years of one river. `siaga-hub rules test` shows what rules would have done on the data of another.

![A flood at Manggarai](river-manggarai.svg)

![A flood at Depok](river-depok.svg)
"""


def _name(rule: str) -> str:
    kind, first, second, *rest = rule.split("-")
    if kind == "naik":
        return f"rise {int(second) / 100:.1f} m/h"
    return f"{first} at Siaga {rest[0]}"


def _draw(
    into: Path,
    river: Mapping[str, Points],
    floods: Mapping[str, Sequence[Span]],
    spans: Mapping[str, Sequence[Span]],
) -> None:
    """The highest flood of each post below, with what warned of it."""
    for post in ("depok", "manggarai"):
        top_ms = max(river[post], key=lambda point: point[1])[0]
        first, last = top_ms - STUDIED_MS[0], top_ms + STUDIED_MS[1]
        curves = [_curve(above, river[above], first, last) for above in POSTS[: POSTS.index(post) + 1]]
        bars = [Bar(f"{post}: Siaga 3", _within(floods[post], first, last))]
        bars += [
            Bar(_name(rule), _within(found, first, last))
            for rule, found in spans.items()
            if ahead.post_of(rule) == post
        ]
        drawing = svg(f"Ciliwung: {post}", curves, bars, ZONE)
        (into / f"river-{post}.svg").write_text(drawing, encoding="utf-8")


def _curve(post: str, points: Points, first: int, last: int) -> Curve:
    shown = [point for point in points if first <= point[0] <= last]
    top_m = max(level for _, level in shown)
    limits = [(mm / 1000, f"Siaga {3 - at}") for at, mm in enumerate(THRESHOLDS_MM[post])]
    return Curve(f"{post} (m)", shown, [limit for limit in limits if limit[0] <= top_m + 1])


def _within(spans: Sequence[Span], first: int, last: int) -> list[Span]:
    return [
        (max(begins, first), last if until is None else min(until, last))
        for begins, until in spans
        if begins <= last and (until is None or until >= first)
    ]


def _cells(counted: Counted) -> tuple[int, int, int, int]:
    return counted.raised, counted.cleared, counted.again, counted.changes


def _head(*titles: str) -> str:
    return _row(*titles) + _row(*["---"] * len(titles))


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"


if __name__ == "__main__":
    main()
