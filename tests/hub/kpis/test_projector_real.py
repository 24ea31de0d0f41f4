"""The projector on a real InfluxDB: every measure that a city has is there, and once."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import insert, update

from hub.alarms.tables import level_changes
from hub.city.beds import PanelWords
from hub.db import Database
from hub.fleet import gateways as fleet
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.kpis.measures import MEASURES
from hub.kpis.projector import Projector
from hub.kpis.sources import Sources
from hub.programmes.store import Value
from hub.rollups.marks import Marks
from hub.rules.model import StationState
from hub.series.influx import Influx, InfluxConfig
from hub.series.tiers import Tiers
from tests.hub.city import NOW, REGION, press
from tests.hub.programmes.test_programmes import KNOWN, TODAY, put

pytestmark = pytest.mark.real

LANES = ("panic", "event", "telemetry")
NUMBERS = {
    "flow": "open",
    "values_per_s": 12.5,
    "dead_letters": 0,
    "queues": {"sql": 0},
    "series": {"waiting": 0, "rejected": 0, "down_ms": None},
    "records_per_s": dict.fromkeys(LANES, 1.0),
    "publish_to_commit_ms": {lane: {"p50": 3, "p99": 9} for lane in LANES},
}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def now_ms(self) -> int:
        return self.now

    def mono_ms(self) -> int:
        return self.now


@pytest.fixture
async def tiers(influx):
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(
            Influx(InfluxConfig(url=influx.url, database=f"dinding_{uuid.uuid4().hex[:8]}"))
        )
        yield await Tiers.enter(stack, raw)


@pytest.fixture
def store(tmp_path):
    db = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    db.open()
    yield db
    db.close()


def projector(store, tiers, clock, marks=None):
    sources = Sources(
        gateways=lambda conn: fleet.overview(conn, fleet.registry(REGION).values()),
        unheard=set,
        levels=lambda: [StationState("hulu", severity=1, value_mm=900, t_ms=NOW, at_ms=NOW)],
        panels=PanelWords(tiers.raw),
        pipeline=lambda: NUMBERS,
        operators=1,
        programmes=KNOWN,
    )
    return Projector(store, clock, REGION, tiers, sources, marks=Marks(store) if marks is None else marks)


async def counts(influx, measure):
    """How many values each field of a measure has, all series together."""
    rows = await influx.query(f'SELECT count(*) FROM "{measure}"')
    return {name: n for name, n in (rows[0] if rows else {}).items() if name != "time" and n}


async def happen(store):
    """A press, a level that changed, and a report of a programme."""
    await store.write(lambda conn: put(conn, Value("damkar", TODAY, 12.0)))
    await store.write(lambda conn: Incidents(REGION).panic(conn, press()))
    changed = {
        "station": "hulu", "t_ms": NOW, "old_severity": 0, "new_severity": 1, "value_mm": 900, "history": False,
        "gateway": "gw-pasar", "epoch": "e", "seq": 1, "noted_ms": NOW,
    }  # fmt: skip
    await store.write(lambda conn: conn.execute(insert(level_changes).values(**changed)))


async def test_every_measure_is_written_at_the_start_and_the_same_again_is_the_same(store, tiers, caplog):
    clock = Clock()
    await happen(store)
    await projector(store, tiers, clock).look()
    clock.now += 3000
    await projector(store, tiers, clock).look()  # a hub that starts again within the same ten seconds
    assert not caplog.records, "the databases are made without a word"
    for name, measure in MEASURES.items():
        influx = tiers.long if measure.place == "long" else tiers.raw
        written = await counts(influx, name)
        if name in ("response", "kpi_attendance"):  # nobody has answered yet; the city has no reader
            assert not written
        else:
            assert written, name
    assert await counts(tiers.long, "annotations") == {
        "count_title": 2, "count_text": 2, "count_id": 2, "count_severity": 2,
    }  # fmt: skip
    assert await counts(tiers.raw, "kpi_pipeline") == dict.fromkeys(
        ("count_values_per_s", "count_series_down_s", "count_dead_letters", "count_hold", "count_writer_waiting",
         "count_writer_rejected", "count_sql_waiting"), 1,
    )  # fmt: skip


async def test_a_slow_measure_whose_minute_is_made_already_marks_its_hour(store, tiers):
    marks, clock = Marks(store), Clock()
    marks.open(NOW - 60_000, [])
    await projector(store, tiers, clock, marks).look()
    assert len(marks) == 1, "alarm quality lies on whole five minutes"
    marks_of_now = Marks(store)
    marks_of_now.open(NOW - 3_600_000, [])
    await projector(store, tiers, clock, marks_of_now).look()
    assert len(marks_of_now) == 0


async def test_a_corrected_report_is_the_same_point_and_one_that_is_the_same_is_not_written_again(
    store, tiers
):
    clock = Clock()
    await happen(store)
    one = projector(store, tiers, clock)
    await one.look()
    await tiers.long.query('DROP MEASUREMENT "programme_values"')
    await one.look()
    assert await counts(tiers.long, "programme_values") == {}
    await store.write(lambda conn: put(conn, Value("damkar", TODAY, 14.0), now_ms=NOW + 1))
    await one.look()
    rows = await tiers.long.query("SELECT value, target FROM programme_values")
    assert [(row["value"], row["target"]) for row in rows] == [(14.0, 15.0)]


async def test_a_closed_incident_has_its_end_on_the_same_annotation(store, tiers):
    clock = Clock()
    await happen(store)
    one = projector(store, tiers, clock)
    await one.look()
    closed = update(incidents).values(closed_ms=NOW + 60_000, state="done", version=incidents.c.version + 1)
    await store.write(lambda conn: conn.execute(closed))
    await one.look()
    rows = await tiers.long.query("SELECT title, until_ms FROM annotations WHERE kind = 'incident'")
    assert [row["until_ms"] for row in rows] == [NOW + 60_000]


async def test_without_influxdb_facts_wait_and_are_told_when_it_is_back(store, tiers, influx, caplog):
    clock = Clock()
    await happen(store)
    async with AsyncExitStack() as stack:
        away = Influx(InfluxConfig(url="http://127.0.0.1:9", database="x", timeout_s=1))
        down = await Tiers.enter(stack, await stack.enter_async_context(away))
        one = projector(store, down, clock)
        await one.look()
        await one.look()
        assert [record.message.split()[0] for record in caplog.records].count("kpis_not_written") == 1
        one._series = tiers
        one._sources = projector(store, tiers, clock)._sources
        await one.look()
    assert (await counts(tiers.long, "presses"))["count_number"] == 1
