"""How many alarms the levels of a river raise, and how many again, with and without hysteresis and for-time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.river.posts import HOUR_MS, POSTS, THRESHOLDS_MM, Points, region, rows
from hub.region import Region
from hub.rules.book import parse
from hub.rules.model import Change
from hub.rules.replay import replay
from hub.rules.running import Running
from hub.rules.verdict import Verdict

AGAIN_MS = 6 * HOUR_MS
"""An alarm that comes back so soon after it was over is the same water: raised again."""

Span = tuple[int, int | None]
"""From and until in ms; None: to the end of the file."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What the alarms of one post did.

    Attributes:
        raised: how often it left normal.
        cleared: how often it came back to it.
        again: raised within AGAIN_MS of having been cleared.
        changes: steps between levels, up and down; of a rule, its raisings and clearings.
    """

    raised: int
    cleared: int
    again: int
    changes: int


def of(spans: Sequence[Span], changes: int) -> Counted:
    """Count spans in which an alarm was there."""
    ended = [until for _, until in spans if until is not None]
    again = sum(
        1 for (_, until), (begins, _) in pairwise(spans) if until is not None and begins - until <= AGAIN_MS
    )
    return Counted(len(spans), len(ended), again, changes)


def met(floods: Sequence[Span], spans: Sequence[Span]) -> int:
    """In how many floods an alarm was there, an hour before and after counted in."""
    return sum(
        any(
            start <= (until or start) + HOUR_MS and (end is None or end >= begins - HOUR_MS)
            for start, end in spans
        )
        for begins, until in floods
    )


def changes(river: Mapping[str, Points], hysteresis_mm: int) -> dict[str, list[Change]]:
    """Every change of level of each post, by the hub's engine."""
    where = region(hysteresis_mm)
    found: dict[str, list[Change]] = {post: [] for post in POSTS}
    for one in replay(where, Running(where), rows(river)):
        if isinstance(one, Change) and one.kind == "level":
            found[one.station].append(one)
    return found


def spans(found: Iterable[Change]) -> list[Span]:
    """When a post was at Siaga 3 or worse."""
    result: list[Span] = []
    for change in found:
        if change.old == 0:
            result.append((change.t_ms, None))
        elif change.new == 0 and result:
            result[-1] = (result[-1][0], change.t_ms)
    return result


def plainly(points: Points, limits_mm: Sequence[int], hysteresis_mm: int) -> list[tuple[int, int, int]]:
    """An independent reading of a file, as one would tell the rule: (time, old, new) of each change of severity."""
    severity, result = 0, []
    for t_ms, level_m in points:
        mm, before = round(level_m * 1000), severity
        while severity < 3 and mm >= limits_mm[severity]:
            severity += 1
        while severity > 0 and mm < limits_mm[severity - 1] - hysteresis_mm:
            severity -= 1
        if severity != before:
            result.append((t_ms, before, severity))
    return result


def is_read_the_same(
    river: Mapping[str, Points], found: Mapping[str, list[Change]], hysteresis_mm: int
) -> bool:
    """Whether the engine's changes are those of the independent reading."""
    return all(
        [(one.t_ms, one.old, one.new) for one in found[post]]
        == plainly(points, THRESHOLDS_MM[post], hysteresis_mm)
        for post, points in river.items()
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """How a rule of Siaga 3 is set. ``name`` is its id's beginning."""

    name: str
    hysteresis_m: float
    for_s: int


SETTINGS = (
    Setting("polos", 0.0, 0),
    Setting("histeresis", 0.05, 0),
    Setting("tunda", 0.0, 300),
    Setting("keduanya", 0.05, 300),
)


def thresholds(where: Region) -> str:
    """A rule of Siaga 3 for each post and setting, as rules.toml."""
    return "\n".join(
        f'[[rule]]\nid = "{setting.name}-{post}"\nkind = "threshold"\ndevices = ["gw-{post}/duga-air"]\n'
        f'quantity = "level_m"\nabove = {station.thresholds_mm[0] / 1000}\nhysteresis = {setting.hysteresis_m}\n'
        f"for_s = {setting.for_s}\nclear_for_s = {setting.for_s}\n"
        'reason_id = "{value}"\nreason_en = "{value}"\nadvice = "/rivers"\n'
        for post, station in where.stations.items()
        for setting in SETTINGS
    )


def verdicts(river: Mapping[str, Points], text: str) -> dict[str, list[Span]]:
    """When each rule of a text stood raised."""
    where = region(50)
    running = Running(where)
    running.adopt(running.prepare(parse(text, where, "rules.toml"), where), 0)
    found: dict[str, list[Span]] = {rule: [] for rule in running.book.rules}
    for one in replay(where, running, rows(river)):
        if not isinstance(one, Verdict):
            continue
        if one.active:
            found[one.rule].append((one.at_ms, None))
        else:
            found[one.rule][-1] = (found[one.rule][-1][0], one.at_ms)
    return found
