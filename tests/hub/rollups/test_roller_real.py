"""Rollups on a real InfluxDB: late, corrected and odd samples, and totals that are those of the values."""

from __future__ import annotations

import math
import random
import uuid
from contextlib import AsyncExitStack
from zoneinfo import ZoneInfo

import pytest

from contract.kinds import KINDS
from hub.db import Database
from hub.kpis.measures import LANES, PIPELINE
from hub.kpis.point import Point, lines
from hub.rollups.compare import compare
from hub.rollups.marks import Marks
from hub.rollups.roller import Roller
from hub.rollups.windows import HOUR_MS, MINUTE_MS, Window, day, floor
from hub.rollups.worker import GRACE_MS, Rollups
from hub.series.influx import Influx, InfluxConfig
from hub.series.table import escape
from hub.series.tiers import Tiers, write

pytestmark = pytest.mark.real

ZONE = ZoneInfo("Asia/Jakarta")
DAY_MS = 24 * HOUR_MS
BEGIN = day(ZONE, 1_795_000_000_000).begin_ms


class Clock:
    now = BEGIN + DAY_MS

    def now_ms(self) -> int:
        return self.now

    def mono_ms(self) -> int:
        return self.now


@pytest.fixture
async def tiers(influx):
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(
            Influx(InfluxConfig(url=influx.url, database=f"gulung_{uuid.uuid4().hex[:8]}"))
        )
        await raw.create_database()
        yield await Tiers.enter(stack, raw)


def sample(t_ms, gateway="gw-1", device="d 1", kind="river_post", **values):
    fields = ",".join(
        f"{name}={value}{'i' if isinstance(value, int) else ''}" for name, value in values.items()
    )
    tags = f"device={escape(device)},gateway={gateway},site=s"
    return f"{kind},{tags} {fields} {t_ms * 1_000_000 + 123_456}".encode()


@pytest.fixture
def store(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    yield db
    db.close()


async def sums(influx, name, field, *, rolled):
    """Count, sum, lowest and highest of a field in all series together."""
    if rolled:
        q = f'SELECT "{field}_count" AS n, "{field}" AS v, "{field}_min" AS low, "{field}_max" AS high FROM "{name}"'
        rows = [row for row in await influx.query(q) if row["n"]]
        return (
            sum(row["n"] for row in rows),
            math.fsum(row["n"] * row["v"] for row in rows),
            min(row["low"] for row in rows),
            max(row["high"] for row in rows),
        )
    values = [row["v"] for row in await influx.query(f'SELECT "{field}" AS v FROM "{name}"')]
    return len(values), math.fsum(values), min(values), max(values)


async def same(tiers):
    """What the command compares, over the whole day."""
    whole = Window(BEGIN, BEGIN + DAY_MS)
    return [
        {found.name: found.agree for found in await compare(tiers.raw, rolled, whole)}
        for rolled in (tiers.minute, tiers.long)
    ]


async def agree(tiers, name, field):
    """Minutes, hours and days have the totals of what was measured."""
    count, total, low, high = await sums(tiers.raw, name, field, rolled=False)
    places = ((tiers.minute, name), (tiers.long, name), (tiers.long, f"{name}_day"))
    for influx, measurement in places:
        found = await sums(influx, measurement, field, rolled=True)
        assert found[0] == count, measurement
        assert math.isclose(found[1], total, rel_tol=1e-9, abs_tol=1e-6), measurement
        assert found[2:] == (low, high), measurement
    return count


async def settle(one):
    """Until nothing is to be made any more."""
    for _ in range(10):
        await one.look()
    assert one.waiting == 0


async def test_totals_are_those_of_the_values_also_of_what_comes_late_and_is_corrected(store, tiers):
    clock, marks, dice = Clock(), Marks(store), random.Random(8)
    one = Rollups(store, clock, marks, Roller(tiers, ZONE), busy=lambda: False)
    times = [BEGIN + dice.randrange(0, DAY_MS - HOUR_MS) for _ in range(1500)]
    await write(tiers.raw, [sample(t, f"gw-{t % 3}", level_m=dice.gauss(1, 3), tips=t % 9) for t in times])
    await write(tiers.raw, lines(Point(PIPELINE, (), {"hold": t % 2}, t) for t in times[:50]))
    await write(tiers.raw, lines(Point(LANES, ("panic",), {"records_per_s": 0.5}, t) for t in times[:50]))
    await settle(one)
    assert await agree(tiers, "river_post", "level_m") == 1500
    for name, field in (("river_post", "tips"), ("kpi_pipeline", "hold"), ("kpi_lanes", "records_per_s")):
        await agree(tiers, name, field)

    assert await same(tiers) == [{"river_post": True, "kpi_pipeline": True, "kpi_lanes": True}] * 2

    late = [BEGIN + dice.randrange(0, DAY_MS - HOUR_MS) for _ in range(200)]
    await write(
        tiers.raw, [sample(t, "gw-1", level_m=99.5) for t in late]
    )  # late, with a field that is new there
    await write(
        tiers.raw, [sample(t, f"gw-{t % 3}", level_m=-7.25) for t in times[:100]]
    )  # the same times, corrected
    assert [found["river_post"] for found in await same(tiers)] == [False, False]
    assert not marks.note("gw-1", late)
    for t in times[:100]:
        marks.note(f"gw-{t % 3}", [t])
    await marks.save_once()
    await settle(one)
    assert await agree(tiers, "river_post", "level_m") == 1700
    assert all(found["river_post"] for found in await same(tiers))


async def test_a_minute_has_its_buckets_and_a_field_that_was_not_measured_none(tiers):
    roller, hour = Roller(tiers, ZONE), floor(BEGIN, HOUR_MS)
    values = [(0, 1.0), (20_000, 4.0), (59_999, 2.5)]
    await write(tiers.raw, [sample(hour + at, level_m=value) for at, value in values])
    await write(
        tiers.raw, [sample(hour + 61_000, tips=3), sample(hour + 61_000, device="d2", battery_v=12.5)]
    )
    await roller.minutes(Window(hour, hour + 2 * MINUTE_MS))
    rows = await tiers.minute.query('SELECT * FROM "river_post" WHERE "device" = \'d 1\'')
    told = [{name: value for name, value in row.items() if value is not None} for row in rows]
    place = {"device": "d 1", "gateway": "gw-1", "site": "s"}
    assert told == [
        {
            "time": hour, **place,
            "level_m": 2.5, "level_m_count": 3, "level_m_last": 2.5, "level_m_max": 4.0, "level_m_min": 1.0,
        },
        {
            "time": hour + MINUTE_MS, **place,
            "tips": 3, "tips_count": 1, "tips_last": 3, "tips_max": 3, "tips_min": 3,
        },
    ]  # fmt: skip


@pytest.mark.parametrize("device", ["a,b", "a b=c", "a%b", "ä\"b'", "a\nb"])
async def test_a_strange_name_stays_the_name_that_it_has_in_what_was_measured(tiers, device):
    roller = Roller(tiers, ZONE)
    await write(tiers.raw, [sample(BEGIN, device=device, level_m=1.0)])
    await roller.minutes(Window(BEGIN, BEGIN + MINUTE_MS))
    await roller.hour(Window(BEGIN, BEGIN + HOUR_MS))
    q = 'SELECT "level_m" FROM "river_post" GROUP BY "device"'
    names = [(await influx.query(q))[0]["device"] for influx in (tiers.raw, tiers.minute, tiers.long)]
    assert names[0] == names[1] == names[2]


async def test_only_the_gateways_that_were_late_are_asked_for(tiers):
    roller = Roller(tiers, ZONE)
    await write(
        tiers.raw, [sample(BEGIN, gateway=gateway, level_m=1.0) for gateway in ("gw-1", "gw-2", "gw-3")]
    )
    await roller.minutes(Window(BEGIN, BEGIN + MINUTE_MS), frozenset({"gw-1", "gw-3"}))
    assert (await sums(tiers.minute, "river_post", "level_m", rolled=True))[0] == 2


async def test_what_nobody_declared_is_not_rolled_up(tiers):
    await write(
        tiers.raw,
        [b"strange,gateway=g x=1 %d" % (BEGIN * 1_000_000), sample(BEGIN, level_m=1.0, level_m_q=2)],
    )
    await Roller(tiers, ZONE).minutes(Window(BEGIN, BEGIN + MINUTE_MS))
    found = await tiers.minute.query("SHOW FIELD KEYS")
    assert {row["fieldKey"] for row in found} == {
        f"level_m{part}" for part in ("", "_min", "_max", "_last", "_count")
    }


async def test_no_kind_has_a_quantity_that_looks_like_a_part_of_another():
    for kind in KINDS.values():
        for name in kind.quantities:
            for part in ("_count", "_min", "_max", "_last", "_day"):
                assert not name.endswith(part), (kind.name, name)


async def test_what_a_database_keeps_no_longer_is_told_and_stops_nothing(tiers, caplog):
    await tiers.minute.create_database()
    await tiers.minute.query(
        f'ALTER RETENTION POLICY "autogen" ON "{tiers.minute.config.database}" DURATION 30d SHARD DURATION 1d'
    )
    old = 1_400_000_000_000
    await write(tiers.raw, [sample(old, level_m=1.0)])
    await Roller(tiers, ZONE).minutes(Window(old, old + HOUR_MS))
    assert "rollup_refused" in caplog.text


def test_a_pass_begins_after_a_grace_and_before_the_next_minute():
    assert 0 < GRACE_MS < MINUTE_MS
