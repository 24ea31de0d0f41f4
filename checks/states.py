"""The page docs/states.md, made from the tables by which alarms, incidents, escalations and notices live.

python -m checks.states     writes it anew
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hub.alarms import machine as alarms
from hub.escalation import machine as escalation
from hub.incidents import machine as incidents
from hub.incidents import progress
from hub.notify import policy as notices

PAGE = Path(__file__).resolve().parents[1] / "docs" / "states.md"

HEAD = """# States / Keadaan

Which states alarms, incidents, escalations and notices have, and every step between them. The code decides by these
tables and by nothing else. This page is made from them by `python -m checks.states`; a test says when it is out of
date.
"""

ALARMS = """
## Alarms / Alarm

After ISA-18.2. `shelved`, `suppressed` and `out_of_service` do not ring; what the condition does meanwhile goes on
*beneath* (second table), and `release` leads to what has come of it. People `acknowledge`, `shelve`, `take_out` and
`release`; all else is the hub's.
"""

BENEATH = """
### Beneath an alarm that is withheld

`unannounced`: it is there and nobody was told. A person who shelves it or takes it out has seen it: what was announced
is `unannounced` then, so that it rings anew if it is still there at the end; what was over is `normal`. What the hub
suppresses stays what it was. The last column is where `release` leads.
"""

INCIDENTS = """
## Incidents / Insiden

All steps are people's, who are logged in. A press opens an incident as `unverified`, one that comes again after a
restored backup as `recovered`. There is no way from `unverified` to an agency but by `verify`. `assigned`, `accepted`,
`en_route`, `on_scene` and `contained` follow from the agencies' parts (below); `assign` leads to what these then come
to, and a part's step takes the incident from one of the five, or from `verified`, to another.
"""

PARTS = """
### An agency's part / Bagian satu dinas

Each agency that an incident is assigned to has a part of its own, with its own clock. Its contacts move it by what
they answer (received `accept`, on the way `depart`, on scene `arrive`, done `complete`, cannot `refuse`), or a person
of the command room does for them; only the room can `withdraw`. Steps may be skipped. An agency that is needed again
gets a new part.
"""

DERIVED = """
What the incident is by its parts, the first row that holds. Parts of before it was reopened do not count.

| agencies' parts | incident |
| --- | --- |
"""

ESCALATIONS = """
## Escalations / Eskalasi

An escalation is one question about one incident or one agency's part, put to one level after the other. That the
question stands begins it, an answer or the end of the incident ends it: both follow from the incident in the same
transaction. Time alone makes it `ask` the next level, and after the last one of the last round `exhaust` it: an alarm
stands then, until somebody answers.
"""

LADDERS = """
| question | stands while | whom, in this order |
| --- | --- | --- |
"""

STANDS = {
    "acknowledge": "nobody has seen the incident's newest press",
    "decide": "somebody has seen it, and it is neither with an agency nor closed",
    "agency": "the agency's part is `assigned`, or `refused`",
}

NOTICES = """
## Notices / Pemberitahuan

All steps but `release`, `discard` and `retry` are the hub's.
"""

Table = Mapping[Any, Mapping[Any, str]]

Way = tuple[str, str, str]
"""From, step, to."""


def page() -> str:
    """The page as it should be."""
    parts = [
        HEAD,
        ALARMS,
        _diagram([("[*]", "", "normal"), *_alarm_ways()]),
        _table(alarms.TRANSITIONS),
        BENEATH,
        _table(alarms.BENEATH, {state: {"release": to} for state, to in alarms.RELEASED.items()}),
        INCIDENTS,
        _diagram(
            [("[*]", "press", "unverified"), ("[*]", "restore", "recovered"), *_ways(incidents.TRANSITIONS)]
        ),
        _table(incidents.TRANSITIONS),
        PARTS,
        _diagram([("[*]", "assign", "assigned"), *_ways(progress.PART_TRANSITIONS)]),
        _table(progress.PART_TRANSITIONS),
        DERIVED.rstrip("\n") + "\n" + _derivation(),
        ESCALATIONS,
        _diagram([("[*]", "begin", "waiting"), *_ways(escalation.TRANSITIONS)]),
        _table(escalation.TRANSITIONS),
        LADDERS.rstrip("\n") + "\n" + _ladders(),
        NOTICES,
        _diagram([("[*]", "", "waiting"), *_ways(notices.TRANSITIONS)]),
        _table(notices.TRANSITIONS),
    ]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _ways(table: Table) -> Iterator[Way]:
    for state, steps in table.items():
        for step, to in steps.items():
            yield state, step, to


def _alarm_ways() -> Iterator[Way]:
    yield from _ways(alarms.TRANSITIONS)
    released = [
        (at.state, "release", alarms.RELEASED[at.beneath])
        for at in alarms.positions()
        if alarms.is_withheld(at.state)
    ]
    yield from sorted(set(released))


def _derivation() -> str:
    """Each state of an incident that its parts make, the furthest first."""
    rows: list[tuple[list[progress.Part], str]] = [
        ([state], f"one is `{state}`") for state in reversed(progress.AT_WORK)
    ]
    rows += [(["done"], "one is `done`, none at work"), (["refused", "withdrawn"], "all others")]
    return "\n".join(f"| {said} | {progress.derived(parts)} |" for parts, said in rows)


def _ladders() -> str:
    return "\n".join(
        f"| `{ladder}` | {STANDS[ladder]} | {', '.join(levels)} |"
        for ladder, levels in escalation.LADDERS.items()
    )


def _diagram(ways: Iterable[Way]) -> str:
    """A state diagram as GitHub and most viewers draw it; steps between the same two states on one arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, step, to in ways:
        arrows.setdefault((state, to), []).append(step)
    lines = [
        f"    {state} --> {to}" + (f": {', '.join(steps)}" if any(steps) else "")
        for (state, to), steps in arrows.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _table(table: Table, more: Table | None = None) -> str:
    """One row a state, one column a step; empty where the step is not possible."""
    rows = {state: {**steps, **(more or {}).get(state, {})} for state, steps in table.items()}
    steps = list(dict.fromkeys(step for row in rows.values() for step in row))
    lines = ["| state | " + " | ".join(f"`{step}`" for step in steps) + " |"]
    lines.append("| --- " * (len(steps) + 1) + "|")
    lines += [
        f"| `{state}` | " + " | ".join(row.get(step, "") for step in steps) + " |"
        for state, row in rows.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
