"""What each kind of rule looks at. Pure; a judge is a rule at one place, its memory is bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import cast

from contract.kinds import KINDS, Quality
from hub.region import Downstream, RiseRule, Station
from hub.rules import files
from hub.rules.law import Judge, Law
from hub.rules.levels import Slope, possible_mm, rising
from hub.rules.model import Sample
from hub.rules.places import Place
from hub.rules.verdict import Fact, Subject, Verdict

_NEAR = 1e-9
"""Two hundredths times hundred is not quite two; a value that near to a limit is on it."""


class Reading:
    """Which quantity is looked at, and what of it is possible at all."""

    __slots__ = ("high", "low", "quantity")

    def __init__(self, kind: str, quantity: str) -> None:
        known = KINDS[kind].quantities[quantity]
        self.quantity, self.low, self.high = quantity, known.low, known.high

    def of(self, sample: Sample) -> float | None:
        """The value, where there is one and nothing speaks against it."""
        value = sample.values.get(self.quantity)
        if value is None or not self.low <= value <= self.high:
            return None
        if sample.quality and sample.quality.get(self.quantity, Quality.GOOD) != Quality.GOOD:
            return None
        return value


class Limits:
    """Where a condition begins and where it ends, both for "above" and "below"."""

    __slots__ = ("enter", "leave", "sign")

    def __init__(self, above: float | None, below: float | None, hysteresis: float) -> None:
        self.sign = 1 if above is not None else -1
        limit = self.sign * cast(float, above if above is not None else below)
        near = _NEAR * max(1.0, abs(limit))
        self.enter = limit - near
        self.leave = limit - hysteresis - near

    def there(self, value: float, judge: Judge) -> bool:
        """Whether the condition is there, for a judge that is in it already or is not."""
        inside = judge.state in ("entering", "active")
        return self.sign * value >= (self.leave if inside else self.enter)


class Threshold(Judge):
    """A value at or beyond a limit."""

    __slots__ = ("limits", "reading", "value")

    def __init__(self, law: Law, subject: Subject, reading: Reading, limits: Limits) -> None:
        super().__init__(law, subject)
        self.reading = reading
        self.limits = limits
        self.value: float | None = None

    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """See Judge."""
        value = self.value = self.reading.of(sample)
        return self.settle(None if value is None else self.limits.there(value, self), at_ms, sample)

    def facts(self) -> dict[str, Fact]:
        """See Judge."""
        return {"value": self.value}


class Rise(Judge):
    """A quantity that rises too fast: the straight line through its last samples, as for a river."""

    __slots__ = ("at_ms", "rate", "reaches", "reading", "rule", "slope", "station", "value")

    def __init__(
        self,
        law: Law,
        subject: Subject,
        reading: Reading,
        station: Station | None,
    ) -> None:
        super().__init__(law, subject)
        entry = cast(files.RiseEntry, law.entry)
        self.reading = reading
        self.rule = RiseRule(round(entry.per_h * 1000), entry.window_s, entry.gap_s)
        self.slope = Slope(self.rule)
        self.reaches = entry.reaches
        self.station = station
        self.value: float | None = None
        self.rate: int | None = None
        self.at_ms = 0

    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """See Judge."""
        value = self.reading.of(sample)
        if value is None:
            return self.settle(None, at_ms, sample)
        self.value, self.at_ms = value, at_ms
        self.rate = self.slope.add(sample.t_ms, round(value * 1000))
        if self.rate is None:
            return self.settle(None, at_ms, sample)
        return self.settle(rising(self.rule, self.state in ("entering", "active"), self.rate), at_ms, sample)

    def warm(self, sample: Sample, at_ms: int) -> None:
        """See Judge."""
        value = self.reading.of(sample)
        if value is not None:
            self.rate = self.slope.add(sample.t_ms, round(value * 1000))

    def facts(self) -> dict[str, Fact]:
        """See Judge. ``next_ms``: when it reaches the next level, if it goes on so."""
        rate, value = self.rate, self.value
        if rate is None or value is None or rate <= 0:
            return {"value": value, "rate": None if rate is None else rate / 1000}
        goal, label = self._next(value)
        facts: dict[str, Fact] = {"value": value, "rate": rate / 1000, "next": label}
        if goal is not None:
            next_ms = self.at_ms + round((goal - value) * 3_600_000 * 1000 / rate)
            facts |= {"next_ms": next_ms, "next_at": self.law.local(next_ms)}
        if self.station is not None and self.station.downstream:
            facts["downstream"] = ", ".join(self._on_its_way(below) for below in self.station.downstream)
        return facts

    def _next(self, value: float) -> tuple[float | None, Fact]:
        """What it is heading for: the value of the rule, or the next worse level of the station."""
        if self.reaches is not None:
            return (self.reaches, self.reaches) if value < self.reaches else (None, None)
        if self.station is not None:
            station = self.station.at(self.at_ms)
            for severity, mm in enumerate(station.thresholds_mm, 1):
                if value * 1000 < mm:
                    return mm / 1000, station.labels[severity]
        return None, None

    def _on_its_way(self, below: Downstream) -> str:
        least, most = (
            self.law.local(self.at_ms + round(span_s * 1000)) for span_s in (below.least_s, below.most_s)
        )
        return f"{below.station} {least}–{most}"


class NoData(Judge):
    """No good value for too long, while the hub could have heard one."""

    __slots__ = ("after_ms", "heard_ms", "readings")

    def __init__(self, law: Law, subject: Subject, readings: Sequence[Reading]) -> None:
        super().__init__(law, subject)
        self.readings = readings
        self.after_ms = round(cast(files.NoDataEntry, law.entry).after_s * 1000)
        self.heard_ms = 0
        self.due_ms = 0

    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """See Judge."""
        if all(reading.of(sample) is None for reading in self.readings):
            return None
        self.heard_ms = at_ms
        return self.settle(False, at_ms, sample)

    def warm(self, sample: Sample, at_ms: int) -> None:
        """See Judge."""
        self.heard_ms = max(self.heard_ms, at_ms)

    def wake(self, now_ms: int, listening_ms: int | None) -> Verdict | None:
        """See Judge. A hub that cannot hear anybody judges nobody's silence."""
        if listening_ms is None:
            self.due_ms = now_ms + self.after_ms
            return None
        self.heard_ms = min(self.heard_ms, now_ms)  # the clock may have been set back
        since_ms = max(self.heard_ms, listening_ms)
        silent = now_ms - since_ms >= self.after_ms
        self.due_ms = now_ms + self.after_ms if silent else since_ms + self.after_ms
        return self.settle(True, now_ms) if silent else None

    def facts(self) -> dict[str, Fact]:
        """See Judge."""
        return {"heard_ms": self.heard_ms or None}


class Stuck(Judge):
    """Values come and do not move."""

    __slots__ = ("after_ms", "first_ms", "reading", "seen_ms", "tolerance", "value")

    def __init__(self, law: Law, subject: Subject, reading: Reading) -> None:
        super().__init__(law, subject)
        entry = cast(files.StuckEntry, law.entry)
        self.reading = reading
        self.after_ms = round(entry.after_s * 1000)
        self.tolerance = entry.tolerance + _NEAR
        self.value: float | None = None
        self.first_ms = self.seen_ms = 0

    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """See Judge."""
        value = self.reading.of(sample)
        if value is None:
            return self.settle(None, at_ms, sample)
        self._see(value, at_ms)
        return self.settle(at_ms - self.first_ms >= self.after_ms, at_ms, sample)

    def warm(self, sample: Sample, at_ms: int) -> None:
        """See Judge."""
        value = self.reading.of(sample)
        if value is not None:
            self._see(value, at_ms)

    def _see(self, value: float, at_ms: int) -> None:
        same = self.value is not None and abs(value - self.value) <= self.tolerance
        if not same or at_ms - self.seen_ms > self.law.gap_ms:
            self.value, self.first_ms = value, at_ms
        self.seen_ms = at_ms

    def facts(self) -> dict[str, Fact]:
        """See Judge."""
        return {"value": self.value, "since_ms": self.first_ms}


class Ratio(Judge):
    """The share of members that are taken, among those that are known now."""

    __slots__ = ("known", "limits", "members", "on", "seen", "total")

    def __init__(
        self,
        law: Law,
        subject: Subject,
        members: Mapping[Place, Sequence[Reading]],
        limits: Limits,
    ) -> None:
        super().__init__(law, subject)
        self.members = members
        self.limits = limits
        self.total = sum(map(len, members.values()))
        self.seen: dict[Place, tuple[int, int, int]] = {}
        self.known = self.on = 0

    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """See Judge."""
        entry = cast(files.RatioEntry, self.law.entry)
        place = sample.gateway, sample.device
        values = [value for reading in self.members[place] if (value := reading.of(sample)) is not None]
        self._forget(place)
        on = sum(value >= entry.is_at for value in values)
        self.seen[place] = at_ms, len(values), on
        self.known += len(values)
        self.on += on
        if self.due_ms is None:
            self.due_ms = at_ms + round(entry.fresh_s * 1000)
        return self.settle(self._there(), at_ms, sample)

    def wake(self, now_ms: int, listening_ms: int | None) -> Verdict | None:
        """See Judge. Who has not been heard for too long is known no more."""
        fresh_ms = round(cast(files.RatioEntry, self.law.entry).fresh_s * 1000)
        for place, (at_ms, _, _) in list(self.seen.items()):
            if now_ms - at_ms >= fresh_ms:
                self._forget(place)
        times = [at_ms for at_ms, _, _ in self.seen.values()]
        self.due_ms = min(times) + fresh_ms if times else None
        return self.settle(self._there(), now_ms)

    def _forget(self, place: Place) -> None:
        _, known, on = self.seen.pop(place, (0, 0, 0))
        self.known -= known
        self.on -= on

    def _there(self) -> bool | None:
        known_pct = cast(files.RatioEntry, self.law.entry).known_pct
        if not self.known or 100 * self.known < known_pct * self.total:
            return None
        return self.limits.there(100 * self.on / self.known, self)

    def facts(self) -> dict[str, Fact]:
        """See Judge."""
        percent = round(100 * self.on / self.known, 1) if self.known else None
        return {"count": self.on, "total": self.known, "percent": percent, "value": percent}


class Count(Judge):
    """How often something happened lately: an event, or a value that came to its limit."""

    __slots__ = ("ids", "limits", "over", "readings", "times", "window_ms")

    def __init__(
        self,
        law: Law,
        subject: Subject,
        readings: Mapping[Place, Reading | None],
        limits: Limits | None,
    ) -> None:
        super().__init__(law, subject)
        entry = cast(files.CountEntry, law.entry)
        self.readings = readings
        self.limits = limits
        self.window_ms = round(entry.window_s * 1000)
        self.times: deque[int] = deque(maxlen=entry.at_least)
        self.ids: deque[str] = deque(maxlen=entry.at_least)
        self.over: dict[Place, bool] = {}

    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """See Judge."""
        if self._came(sample):
            self._add(at_ms)
        return self.settle(self._there(at_ms), at_ms, sample)

    def warm(self, sample: Sample, at_ms: int) -> None:
        """See Judge."""
        if self._came(sample):
            self._add(at_ms)

    def happened(self, event_id: str, at_ms: int) -> Verdict | None:
        """An event of its kinds. One that it knows already counts once."""
        if not self.recall(event_id, at_ms):
            return None
        return self.settle(self._there(at_ms), at_ms)

    def recall(self, event_id: str, at_ms: int) -> bool:
        """Count an event without an alarm; False where it is known."""
        if event_id in self.ids:
            return False
        self.ids.append(event_id)
        self._add(at_ms)
        return True

    def wake(self, now_ms: int, listening_ms: int | None) -> Verdict | None:
        """See Judge. The oldest has left the window."""
        there = self._there(now_ms)
        self.due_ms = self.times[0] + self.window_ms if self.times else None
        return self.settle(there, now_ms)

    def _came(self, sample: Sample) -> bool:
        """Whether the value has come to its limit with this sample."""
        place = sample.gateway, sample.device
        reading = self.readings[place]
        value = None if reading is None else reading.of(sample)
        if value is None or self.limits is None:
            return False
        was = self.over.get(place, False)
        now = self.over[place] = value >= self.limits.enter
        return now and not was

    def _add(self, at_ms: int) -> None:
        self.times.append(at_ms)
        self.due_ms = self.times[0] + self.window_ms

    def _there(self, at_ms: int) -> bool:
        while self.times and at_ms - self.times[0] >= self.window_ms:
            self.times.popleft()
        return len(self.times) == self.times.maxlen

    def facts(self) -> dict[str, Fact]:
        """See Judge."""
        return {"count": len(self.times)}


class Upstream(Judge):
    """A post further up has reached a level: the water comes."""

    __slots__ = ("above", "below", "mm", "raised_ms", "severity")

    def __init__(self, law: Law, subject: Subject, above: Station, below: Downstream) -> None:
        super().__init__(law, subject)
        self.above = above
        self.below = below
        self.severity = 4 - cast(files.UpstreamEntry, law.entry).siaga
        self.mm: int | None = None
        self.raised_ms = 0

    def look(self, sample: Sample, at_ms: int) -> Verdict | None:
        """See Judge."""
        value = sample.values.get(self.above.quantity)
        good = sample.quality.get(self.above.quantity, Quality.GOOD) == Quality.GOOD
        mm = self.mm = possible_mm(self.above, value) if value is not None and good else None
        if mm is None:
            return self.settle(None, at_ms, sample)
        if self.state == "normal":
            self.raised_ms = at_ms
        station = self.above.at(at_ms)
        limit_mm = station.thresholds_mm[self.severity - 1]
        if self.state in ("entering", "active"):
            limit_mm -= station.hysteresis_mm
        return self.settle(mm >= limit_mm, at_ms, sample)

    def facts(self) -> dict[str, Fact]:
        """See Judge. When the water is expected, from the time at which it passed above."""
        arrives_ms = self.raised_ms + round(self.below.least_s * 1000)
        latest_ms = self.raised_ms + round(self.below.most_s * 1000)
        return {
            "value": None if self.mm is None else self.mm / 1000,
            "upstream": self.above.name,
            "level": self.above.labels[self.severity],
            "arrives_ms": arrives_ms,
            "latest_ms": latest_ms,
            "arrives": self.law.local(arrives_ms),
            "latest": self.law.local(latest_ms),
        }


class Combination(Judge):
    """What other rules say of the same place."""

    __slots__ = ("raised_there",)

    def __init__(self, law: Law, subject: Subject) -> None:
        super().__init__(law, subject)
        self.raised_there: dict[str, int] = {}

    def look(self, sample: Sample, at_ms: int) -> None:
        """It watches rules, and no device."""

    def note(self, rule: str, raised: bool) -> None:
        """A rule that it looks at was raised or cleared at this place."""
        self.raised_there[rule] = max(0, self.raised_there.get(rule, 0) + (1 if raised else -1))

    def weigh(self, at_ms: int, sample: Sample | None) -> Verdict | None:
        """What follows from what the others say now."""
        verdict = self.settle(self._there(), at_ms, sample)
        self.due_ms = None
        if self.state == "entering":
            self.due_ms = self.since_ms + self.law.for_ms
        elif self.state == "leaving":
            self.due_ms = self.since_ms + self.law.clear_for_ms
        return verdict

    def wake(self, now_ms: int, listening_ms: int | None) -> Verdict | None:
        """See Judge."""
        return self.weigh(now_ms, None)

    def _there(self) -> bool:
        entry = cast(files.CombinationEntry, self.law.entry)
        count = self.raised_there
        return (
            all(count.get(rule, 0) for rule in entry.all)
            and (not entry.any or any(count.get(rule, 0) for rule in entry.any))
            and not any(count.get(rule, 0) for rule in entry.none)
        )

    def facts(self) -> dict[str, Fact]:
        """See Judge."""
        return {"others": ", ".join(sorted(rule for rule, count in self.raised_there.items() if count))}
