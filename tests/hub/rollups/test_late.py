"""Whatever comes late, again, corrected or between two lives of the hub: rollups are what the values are."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import StoreUnavailableError
from hub.rollups import buckets, marks
from hub.rollups.marks import Marks
from hub.rollups.windows import HOUR_MS, MINUTE_MS, Window, day, floor
from hub.rollups.worker import GRACE_MS, Rollups
from hub.series.errors import Unavailable
from tests.hub.empty_tables import fresh

ZONE = ZoneInfo("Asia/Jakarta")
START = floor(1_795_000_000_000, HOUR_MS) + 3 * MINUTE_MS


class Store:
    """SQL in memory; ``away`` makes it take nothing."""

    def __init__(self, conn):
        self.conn = conn
        self.away = False

    async def read(self, fn):
        return fn(self.conn)

    async def write(self, fn, *, urgent=False):
        if self.away:
            raise StoreUnavailableError("away")
        return fn(self.conn)


class Clock:
    def __init__(self):
        self.now = START

    def now_ms(self):
        return self.now

    def mono_ms(self):
        return self.now


class Series:
    """Values by (gateway, time), and the rollups made of them by the same buckets as in InfluxDB."""

    def __init__(self):
        self.values: dict[tuple[str, int], float] = {}
        self.made = {"minute": {}, "hour": {}, "day": {}}
        self.away = False

    def _ask(self):
        if self.away:
            raise Unavailable("away", answered=False)

    async def minutes(self, window, gateways=()):
        self._ask()
        found = defaultdict(list)
        for (gateway, t_ms), value in sorted(self.values.items(), key=lambda one: one[0][1]):
            if window.begin_ms <= t_ms < window.end_ms and (not gateways or gateway in gateways):
                found[gateway, floor(t_ms, MINUTE_MS)].append(value)
        self.made["minute"].update((key, buckets.of(values)) for key, values in found.items())

    async def hour(self, hour, gateways=()):
        self._ask()
        self._merge("minute", "hour", hour, gateways)

    async def day(self, hour_ms, gateways=()):
        self._ask()
        self._merge("hour", "day", day(ZONE, hour_ms), gateways)

    def _merge(self, source, target, window, gateways):
        found = defaultdict(list)
        for (gateway, t_ms), bucket in sorted(self.made[source].items(), key=lambda one: one[0][1]):
            if window.begin_ms <= t_ms < window.end_ms and (not gateways or gateway in gateways):
                found[gateway].append(bucket)
        self.made[target].update(((g, window.begin_ms), buckets.merged(parts)) for g, parts in found.items())

    async def first_hour_ms(self):
        return floor(min(t_ms for _, t_ms in self.values), HOUR_MS) if self.values else None


class Hub:
    """A hub's rollups, over its lives."""

    def __init__(self, conn):
        self.store, self.clock, self.series = Store(conn), Clock(), Series()
        self.unreceipted: list[tuple[str, int, float]] = []
        self.live()

    def live(self):
        """A new life: nothing of the one before is in memory."""
        self.marks = Marks(self.store)
        self.rollups = Rollups(self.store, self.clock, self.marks, self.series, busy=lambda: False)

    def take(self, gateway, t_ms, value):
        """A sample is in InfluxDB; the gateway keeps it until it is receipted."""
        self.series.values[gateway, t_ms] = value
        if t_ms < self.marks.limit_ms and not self.marks.note(gateway, [t_ms]):
            self.unreceipted.append((gateway, t_ms, value))

    async def save(self):
        try:
            await self.marks.save_once()
        except StoreUnavailableError:
            return
        self.unreceipted.clear()

    async def look(self):
        await self.rollups.look()

    def send_again(self):
        again, self.unreceipted = self.unreceipted, []
        for sample in again:
            self.take(*sample)


def check_minutes(hub):
    """Each minute is exactly that of its values."""
    by_minute = defaultdict(list)
    for (gateway, t_ms), value in sorted(hub.series.values.items(), key=lambda one: one[0][1]):
        by_minute[gateway, floor(t_ms, MINUTE_MS)].append(value)
    assert hub.series.made["minute"] == {key: buckets.of(values) for key, values in by_minute.items()}


def check(hub):
    """And minutes, hours and days have the values' count and sum."""
    check_minutes(hub)
    total = math.fsum(hub.series.values.values())
    for made in hub.series.made.values():
        assert sum(bucket.count for bucket in made.values()) == len(hub.series.values)
        assert math.isclose(math.fsum(b.total for b in made.values()), total, rel_tol=1e-9, abs_tol=1e-6)
        assert max((b.high for b in made.values()), default=None) == max(
            hub.series.values.values(), default=None
        )


async def test_a_fault_of_one_pass_ends_neither_the_hub_nor_the_next_pass(conn, caplog, monkeypatch):
    hub = Hub(conn)
    await hub.look()
    hub.take("gw-1", hub.clock.now, 1.0)
    hub.clock.now += 2 * MINUTE_MS

    async def unforeseen(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as faulty:
        faulty.setattr(hub.series, "minutes", unforeseen)
        await hub.look()
    assert caplog.text.count("rollups_failed") == 1
    await hub.look()
    check_minutes(hub)


samples = st.tuples(
    st.just("take"),
    st.sampled_from(["gw-1", "gw-2"]),
    # Now, a little or days ago, sometimes at a time that has a value already.
    st.sampled_from([0, 1, 61, 75, 90, 110, 125, 3600, 7200, 90_000, 200_000]),
    st.integers(-1000, 1000).map(float),
)
steps = st.lists(
    st.one_of(
        samples,
        samples,
        # Where what the next pass looks at ends.
        st.tuples(st.just("edge"), st.sampled_from([-60_000, -1, 0, 1]), st.integers(-1000, 1000).map(float)),
        st.tuples(st.just("minute")),
        st.tuples(st.just("pass"), st.sampled_from([10, 60, 61, 3600, 90_000])),
        st.tuples(st.just("save")),
        st.tuples(st.just("look")),
        st.tuples(st.just("kill")),
        st.tuples(st.just("influx"), st.booleans()),
        st.tuples(st.just("sql"), st.booleans()),
    ),
    max_size=40,
)


async def live_through(hub, story):
    for what, *with_ in story:
        if what == "take" and not hub.series.away:
            gateway, ago_s, value = with_
            hub.take(gateway, hub.clock.now - ago_s * 1000, value)
        elif what == "edge" and not hub.series.away:
            at_ms, value = with_
            hub.take("gw-1", min(hub.marks.limit_ms, hub.clock.now) + at_ms, value)
        elif what == "pass":
            hub.clock.now += with_[0] * 1000
        elif what == "minute":
            hub.clock.now += MINUTE_MS
            await hub.look()
        elif what == "save":
            await hub.save()
        elif what == "look":
            await hub.look()
        elif what == "kill":
            hub.live()
            hub.send_again()
        elif what == "influx":
            hub.series.away = with_[0]
        elif what == "sql":
            hub.store.away = with_[0]
    hub.series.away = hub.store.away = False
    hub.send_again()
    await hub.save()
    hub.clock.now += 26 * HOUR_MS + GRACE_MS
    for _ in range(12):
        await hub.look()


@settings(max_examples=200, deadline=None)
@given(steps)
def test_rollups_are_what_the_values_are_whatever_happens(story):
    with fresh() as conn:
        hub = Hub(conn)
        asyncio.run(live_through(hub, story))
        assert len(hub.marks) == 0
        check(hub)


@pytest.mark.parametrize("before_ms", [0, 1, MINUTE_MS])
async def test_no_sample_lies_between_the_next_pass_and_what_is_late(conn, before_ms):
    hub = Hub(conn)
    for _ in range(3):
        await hub.look()
        hub.clock.now += MINUTE_MS
    limit_ms = hub.clock.now - hub.clock.now % MINUTE_MS - 3 * MINUTE_MS
    assert hub.marks.limit_ms == limit_ms
    hub.take("gw-1", limit_ms - before_ms, 1.0)
    await hub.save()
    await hub.look()
    check_minutes(hub)


async def test_a_late_sample_waits_for_its_mark_and_one_of_now_does_not(conn):
    hub = Hub(conn)
    await hub.look()
    hub.take("gw-1", START, 1.0)
    assert not hub.unreceipted
    hub.take("gw-1", START - 2 * HOUR_MS, 1.0)
    assert len(hub.unreceipted) == 1
    await hub.save()
    assert marks.read(conn)[1] == [(floor(START - 2 * HOUR_MS, HOUR_MS), "gw-1")]
    hub.take("gw-1", START - 2 * HOUR_MS + 1, 2.0)
    assert not hub.unreceipted, "its hour is on record already"


async def test_a_mark_that_is_set_while_its_hour_is_made_stays(conn):
    hub = Hub(conn)
    await hub.look()
    old = START - 5 * HOUR_MS
    hub.take("gw-1", old, 1.0)
    await hub.save()
    taken = hub.marks.take(10)
    hub.take("gw-1", old + 1, 2.0)
    await hub.marks.done(taken)
    assert len(hub.marks) == 1
    await hub.look()
    assert len(hub.marks) == 0
    assert sum(bucket.count for bucket in hub.series.made["hour"].values()) == 2


async def test_the_first_start_marks_the_past(conn):
    hub = Hub(conn)
    hub.series.values["gw-1", START - 30 * HOUR_MS] = 4.0
    for _ in range(3):
        await hub.look()
    assert sum(bucket.count for bucket in hub.series.made["hour"].values()) == 1
    assert len(hub.marks) == 0


@pytest.mark.parametrize("gateways", [1, 21])
async def test_of_a_few_gateways_only_these_are_asked_for(conn, gateways, monkeypatch):
    hub = Hub(conn)
    await hub.look()
    asked = []

    async def minutes(window, only=()):
        asked.append((window, frozenset(only)))

    monkeypatch.setattr(hub.series, "minutes", minutes)
    hour = floor(START - 9 * HOUR_MS, HOUR_MS)
    names = [f"gw-{at}" for at in range(gateways)]
    for name in names:
        hub.take(name, hour + 5, 1.0)
    await hub.save()
    await hub.look()
    assert asked == [(Window(hour, hour + HOUR_MS), frozenset(names if gateways == 1 else ()))]
