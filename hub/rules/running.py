"""The rules of a book at work: samples, events and time in, verdicts out. Pure, in memory, one per hub."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import cast

from hub.region import Region
from hub.rules import files, order
from hub.rules.book import EMPTY, Book, others
from hub.rules.build import Built, build, group
from hub.rules.kinds import Combination
from hub.rules.law import Judge
from hub.rules.machine import TRANSITIONS, State
from hub.rules.model import LIVE_AGE_MS, Sample
from hub.rules.places import Place, Places
from hub.rules.verdict import Mark, Priority, Standing, Verdict


class Watched:
    """The last record judged of a device. It lives through a change of the rules."""

    __slots__ = ("at_ms", "epoch", "seq", "t_ms")

    def __init__(self) -> None:
        self.epoch = ""
        self.seq = self.t_ms = self.at_ms = 0

    def follows(self, sample: Sample, at_ms: int) -> bool:
        """Whether a record is newer than the last one judged; then it is from now on the last one."""
        if self.epoch and not order.newer(sample, at_ms, self):
            return False
        self.epoch, self.seq = sample.stream[1], sample.seq
        self.t_ms, self.at_ms = sample.t_ms, at_ms
        return True


Index = Mapping[Place, tuple[Watched, tuple[Judge, ...]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rules that are read and built, and may come into force."""

    built: Built
    index: Index
    devices: Mapping[str, frozenset[str]]


class Running:
    """Judges each live record of a watched device once, by every rule about it.

    A record is judged in the order of its gateway's numbers, by its age by the boot clock, whatever its time says; what
    is older than ten minutes on arrival, or not newer than the last one judged, changes nothing.

    Not thread-safe: it lives on the hub's event loop; only ``prepare`` may be called in a thread beside it.
    """

    def __init__(self, region: Region) -> None:
        self._moved: dict[Judge, None] = {}
        self._due: list[tuple[int, int, Judge]] = []
        self._order = count()
        self._open: dict[str, bool] = {}
        self._now = Prepared(Built(EMPTY, region, Places(region)), {}, {})

    @property
    def book(self) -> Book:
        """The rules in force."""
        return self._now.built.book

    @property
    def active(self) -> int:
        """How many rules stand raised now, over all places."""
        judges = self._now.built.judges.values()
        return sum(judge.raised for places in judges for judge in places.values())

    def watched(self, gateway: str) -> frozenset[str]:
        """Devices of that gateway that any rule looks at (so that others' samples need not be built)."""
        return self._now.devices.get(gateway, frozenset())

    def judge(self, sample: Sample, now_ms: int) -> list[Verdict]:
        """What a sample decides; nothing for most."""
        found = self._now.index.get((sample.gateway, sample.device))
        if found is None:
            return []
        watched, judges = found
        age_ms = order.age_ms(sample, now_ms)
        at_ms = now_ms - age_ms
        if age_ms > LIVE_AGE_MS or not watched.follows(sample, at_ms):
            return []
        verdicts: list[Verdict] = []
        for judge in judges:
            verdict = judge.look(sample, at_ms)
            if judge.due_ms is not None and not judge.queued:
                self._queue(judge)
            if verdict is not None:
                self._say(judge, verdict, at_ms, sample, verdicts)
        return verdicts

    def happened(
        self, gateway: str, device: str, kind: str, event_id: str, at_ms: int, *, live: bool = True
    ) -> list[Verdict]:
        """An event of the event or panic lane. One that is not ``live`` is remembered and raises nothing."""
        verdicts: list[Verdict] = []
        for counted in self._now.built.by_event.get(kind, ()):
            judge = counted.get((gateway, device or gateway))
            if judge is None:
                continue
            verdict = judge.happened(event_id, at_ms) if live else None
            if not live:
                judge.recall(event_id, at_ms)
            if judge.due_ms is not None and not judge.queued:
                self._queue(judge)
            if verdict is not None:
                self._say(judge, verdict, at_ms, None, verdicts)
        return verdicts

    @property
    def due_ms(self) -> int | None:
        """When ``tick`` is next of use; None where nothing waits for a time."""
        return self._due[0][0] if self._due else None

    def tick(self, now_ms: int, listening_ms: int | None) -> list[Verdict]:
        """Time has passed; call it every second.

        Args:
            listening_ms: since when the hub hears its gateways; None while it does not.
        """
        verdicts: list[Verdict] = []
        self._close(now_ms, verdicts)
        while self._due and self._due[0][0] <= now_ms:
            _, _, judge = heapq.heappop(self._due)
            judge.queued = False
            if judge.law.dead:
                continue
            verdict = judge.wake(now_ms, listening_ms)
            if judge.due_ms is not None:
                judge.due_ms = max(judge.due_ms, now_ms + 1)
                self._queue(judge)
            if verdict is not None:
                self._say(judge, verdict, now_ms, None, verdicts)
        return verdicts

    def wake_all(self, now_ms: int) -> None:
        """The machine's time was set: who waits for a time of before looks at the next ``tick``."""
        waiting, self._due = [judge for _, _, judge in self._due], []
        for judge in waiting:
            judge.due_ms = now_ms
            self._queue(judge)

    def _close(self, now_ms: int, verdicts: list[Verdict]) -> None:
        """Rules whose hours have ended."""
        built = self._now.built
        for name, law in built.laws.items():
            if not law.scheduled:
                continue
            was, now = self._open.get(name, True), law.is_open(now_ms)
            self._open[name] = now
            if was and not now:
                for judge in built.judges[name].values():
                    self._end(judge, now_ms, verdicts)

    def _end(self, judge: Judge, now_ms: int, verdicts: list[Verdict]) -> None:
        if judge.state == "normal":
            return
        outcome = judge.close(now_ms)
        self._moved[judge] = None
        if outcome is not None:
            self._say(judge, judge.verdict(False, now_ms), now_ms, None, verdicts)

    def _say(
        self, judge: Judge, verdict: Verdict, at_ms: int, sample: Sample | None, verdicts: list[Verdict]
    ) -> None:
        """A verdict goes to the alarms, and to the combinations that look at its rule."""
        if judge.law.entry.alarm:
            verdicts.append(verdict)
        for law in self._now.built.dependents.get(verdict.rule, ()):
            entry = cast(files.CombinationEntry, law.entry)
            about = self._now.built.judges[entry.id].get(group(verdict.subject, entry.per))
            if isinstance(about, Combination):
                about.note(verdict.rule, verdict.active)
                again = about.weigh(at_ms, sample)
                if about.due_ms is not None and not about.queued:
                    self._queue(about)
                if again is not None:
                    self._say(about, again, at_ms, sample, verdicts)

    def _queue(self, judge: Judge) -> None:
        assert judge.due_ms is not None
        judge.queued = True
        heapq.heappush(self._due, (judge.due_ms, next(self._order), judge))

    # Rules that come and go

    def prepare(self, book: Book, region: Region) -> Prepared:
        """Build a book's rules beside those in force, which go on meanwhile. May run in a thread."""
        built = build(book, region, self._now.built)
        before = self._now.index
        index = {
            place: (before[place][0] if place in before else Watched(), tuple(judges))
            for place, judges in built.by_device.items()
        }
        devices: dict[str, set[str]] = {}
        for gateway, device in index:
            devices.setdefault(gateway, set()).add(device)
        return Prepared(built, index, {gateway: frozenset(found) for gateway, found in devices.items()})

    def adopt(self, prepared: Prepared, now_ms: int) -> list[Verdict]:
        """Bring rules into force, between two records. What stood raised goes on, or is cleared with its rule.

        ``prepared`` must be of the rules that are in force.
        """
        verdicts: list[Verdict] = []
        old, new = self._now.built, prepared.built
        for name, law in old.laws.items():
            if new.laws.get(name) is not law:
                law.dead = True
        ended = [
            judge
            for name, law in old.laws.items()
            if law.dead
            for judge in old.judges[name].values()
            if judge.state != "normal" and not _hand_on(judge, new)
        ]
        for judge in ended:
            self._end(judge, now_ms, verdicts)
        self._now = prepared
        for name, law in new.laws.items():
            law.version = new.book.version
            if law.moved is not self._moved:
                law.moved = self._moved
                for judge in new.judges[name].values():
                    if judge.state != "normal":
                        self._moved[judge] = None
                    if judge.due_ms is not None:
                        self._queue(judge)
        self._recount()
        for judge in self._combinations():
            again = judge.weigh(now_ms, None)
            if again is not None:
                self._say(judge, again, now_ms, None, verdicts)
        return verdicts

    def _combinations(self) -> list[Combination]:
        judges = self._now.built.judges.values()
        return [judge for places in judges for judge in places.values() if isinstance(judge, Combination)]

    def _recount(self) -> None:
        """Tell the combinations what stands raised."""
        judges = self._now.built.judges
        for combination in self._combinations():
            combination.raised_there.clear()
        for law in self._now.built.laws.values():
            entry = law.entry
            if not isinstance(entry, files.CombinationEntry):
                continue
            for other in others(entry):
                for judge in judges[other].values():
                    about = judges[entry.id].get(group(judge.subject, entry.per))
                    if judge.raised and isinstance(about, Combination):
                        about.note(other, True)

    # What outlives a hub

    def restore(self, standings: Iterable[Standing], marks: Iterable[Mark], now_ms: int) -> list[Verdict]:
        """Take up what was stored, at hub start; what stood raised by a rule that is no more is cleared."""
        verdicts = []
        for mark in marks:
            found = self._now.index.get((mark.gateway, mark.device))
            if found is not None:
                watched = found[0]
                watched.epoch, watched.seq = mark.epoch, mark.seq
                watched.t_ms, watched.at_ms = mark.t_ms, mark.at_ms
        for standing in standings:
            judge = self._now.built.judges.get(standing.rule, {}).get(standing.subject)
            if judge is None or judge.law.kind != standing.kind or standing.state not in TRANSITIONS:
                verdicts.append(_gone(standing, self.book.version, now_ms))
                continue
            judge.state = cast(State, standing.state)
            judge.since_ms, judge.last_ms = standing.since_ms, standing.last_ms
            if not judge.queued:
                judge.due_ms = now_ms
                self._queue(judge)
        self._recount()
        return verdicts

    def take_moved(self, owing: Callable[[Judge], bool]) -> list[Judge]:
        """The places that have changed since they were last stored, but for those that are to wait."""
        taken = [judge for judge in self._moved if not owing(judge)]
        for judge in taken:
            del self._moved[judge]
        return taken

    def put_back(self, judges: Iterable[Judge]) -> None:
        """These could not be stored."""
        self._moved |= dict.fromkeys(judges)

    def mark(self, gateway: str, device: str) -> Mark | None:
        """The last record judged of a device; None where there is none."""
        found = self._now.index.get((gateway, device))
        if found is None or not found[0].epoch:
            return None
        watched = found[0]
        return Mark(gateway, device, watched.epoch, watched.seq, watched.t_ms, watched.at_ms)

    def warm(self, sample: Sample, at_ms: int) -> None:
        """A sample of before the start, in the order of time: for what rules remember, and never for an alarm."""
        found = self._now.index.get((sample.gateway, sample.device))
        for judge in () if found is None else found[1]:
            judge.warm(sample, at_ms)

    @property
    def built(self) -> Built:
        """The judges in force, for who warms them up or shows them."""
        return self._now.built


def _hand_on(judge: Judge, new: Built) -> bool:
    """Let the judge of a changed rule go on where the old one stood; False where there is no such place any more."""
    heir = new.judges.get(judge.law.entry.id, {}).get(judge.subject)
    if heir is None or heir.law.kind != judge.law.kind:
        return False
    heir.state, heir.since_ms, heir.last_ms = judge.state, judge.since_ms, judge.last_ms
    return True


def _gone(standing: Standing, version: str, now_ms: int) -> Verdict:
    return Verdict(
        rule=standing.rule,
        kind=standing.kind,
        version=version,
        subject=standing.subject,
        active=False,
        priority=Priority.LOW,
        at_ms=now_ms,
    )
