"""The encoder, the client and the writer against a real InfluxDB 1.6.7."""

from __future__ import annotations

import asyncio
import math
import uuid
from typing import Any

import httpx
import pytest

from contract import codec
from hub.clock import SystemClock
from hub.series.errors import BadLines, NoDatabase, SeriesError, TooLarge, Unavailable
from hub.series.influx import Influx, InfluxConfig
from hub.series.lines import encode
from hub.series.table import escape
from hub.series.writer import Batch, Limits, SeriesWriter, Written
from tests.hub.series.test_lines import BASE_MS, BOOT, BREAKOUTS, frame

pytestmark = pytest.mark.real


@pytest.fixture
async def client(influx):
    """A client of a database of its own, which is not there yet."""
    async with Influx(InfluxConfig(url=influx.url, database=f"uji_{uuid.uuid4().hex[:8]}")) as client:
        yield client


@pytest.fixture
async def database(client):
    """The same, made."""
    await client.create_database()
    return client


def ask(client: Influx, q: str) -> Any:
    """InfluxDB's own answer over plain HTTP, times in ns: not by the code under test."""
    answer = httpx.get(
        f"{client.config.url}/query", params={"db": client.config.database, "q": q, "epoch": "ns"}
    )
    return answer.json()["results"][0]


async def test_every_number_comes_back_as_it_was(database):
    numbers = [0, 2, -0.0, 1.5, 1e22, 1e-7, -1.7976931348623157e308, 5e-324, 2**53 + 1, 2**63 - 1, 0.1 + 0.2]
    rows = [(0, at, value, at) for at, value in enumerate(numbers)]
    await database.write(encode(frame([("d", "river_post", ("level_m", "tips"))], rows), "s"))
    (series,) = ask(database, 'SELECT "level_m", "tips" FROM "river_post" ORDER BY time')["series"]
    wanted = [[codec.point_ns(BASE_MS + at, BOOT), float(v), at] for at, v in enumerate(numbers)]
    found = [[row[0], float(row[1]), row[2]] for row in series["values"]]
    assert len(found) == len(wanted)
    for read, sent in zip(found, wanted, strict=True):
        assert read[0] == sent[0]
        assert read[2] == sent[2]
        assert math.isclose(read[1], sent[1], rel_tol=1e-15, abs_tol=5e-324)
    kinds = ask(database, 'SHOW FIELD KEYS FROM "river_post"')["series"][0]["values"]
    assert sorted(map(tuple, kinds)) == [("level_m", "float"), ("tips", "integer")]


async def test_integers_keep_all_their_bits(database):
    rows = [(0, 0, 2**63 - 1), (0, 1, -(2**63)), (0, 2, 0)]
    await database.write(encode(frame([("d", "rain_gauge", ("tips",))], rows), "s"))
    values = ask(database, 'SELECT tips FROM "rain_gauge"')["series"][0]["values"]
    assert [value for _, value in values] == [2**63 - 1, -(2**63), 0]


async def test_hostile_names_make_one_series_each_and_nothing_else(database):
    """Every breakout as a device and as a site: each is found under its own escaped name, and no foreign
    measurement, tag or field exists afterwards."""
    lines = []
    for at, name in enumerate(BREAKOUTS):
        lines += encode(frame([(name, "river_post", ("level_m",))], [(0, at, float(at))]), "lokasi")
        lines += encode(frame([("d", "river_post", ("level_m",))], [(0, at, float(at))]), name)
    await database.write(lines)
    assert ask(database, "SHOW MEASUREMENTS")["series"][0]["values"] == [["river_post"]]
    keys = ask(database, "SHOW TAG KEYS")["series"][0]["values"]
    assert sorted(key for (key,) in keys) == ["device", "gateway", "site"]
    assert ask(database, "SHOW FIELD KEYS")["series"][0]["values"] == [["level_m", "float"]]
    for at, name in enumerate(BREAKOUTS):
        stored = escape(name).replace("\\,", ",").replace("\\ ", " ").replace("\\=", "=")
        for key in ("device", "site"):
            q = f'SELECT level_m FROM river_post WHERE "{key}" = $name'
            rows = await database.query(q, {"name": stored})
            assert [row["level_m"] for row in rows] == [float(at)], (key, name)


async def test_a_repeat_overwrites_itself_and_two_boots_do_not_meet(database):
    sent = frame([("d", "door_contact", ("open",))], [(0, 0, 1), (0, 1, 0)])
    for _ in range(3):
        await database.write(encode(sent, "s"))
    other = codec.decode_frame("telemetry", codec.encode(sent).replace(BOOT.encode(), b"1f1f1f1f"))
    await database.write(encode(other, "s"))
    assert ask(database, 'SELECT COUNT("open") FROM "door_contact"')["series"][0]["values"][0][1] == 4


async def test_query_gives_rows_with_tags_and_binds_parameters(database):
    await database.write(
        [b"river_post,device=a\\ b level_m=1.5 1790000000000785859", b"river_post,device=c level_m=2 1"]
    )
    rows = await database.query(
        'SELECT level_m FROM "river_post" WHERE "device" = $device', {"device": "a b"}
    )
    assert rows == [{"time": 1790000000000, "level_m": 1.5}]
    grouped = await database.query('SELECT LAST("level_m") AS level FROM "river_post" GROUP BY "device"')
    assert {(row["device"], row["level"]) for row in grouped} == {("a b", 1.5), ("c", 2)}
    injected = await database.query('SELECT * FROM "river_post" WHERE "device" = $d', {"d": "x' OR '1'='1"})
    assert injected == []
    with pytest.raises(SeriesError):
        await database.query("SELECT nonsense FROM WHERE")


async def test_each_answer_of_the_server_is_its_own_error(client):
    with pytest.raises(NoDatabase):
        await client.write([b"river_post level_m=1"])
    with pytest.raises(NoDatabase):
        await client.query('SELECT * FROM "river_post"')
    await client.create_database()
    await client.create_database()
    await client.write([b"river_post level_m=1"])
    assert client.version.startswith("1.6.7")
    for bad in (
        b"river_post level_m=NaN",
        b"river_post level_m=1i",
        b"river_post level_m=",
        b"river_post level_m=3u",
    ):
        with pytest.raises(BadLines):
            await client.write([b"river_post level_m=2 2", bad])
    # The server answers 413 and closes while we still send: the answer is read or it is not.
    with pytest.raises((TooLarge, Unavailable)):
        await client.write([b"river_post,device=%b level_m=1" % (b"x" * 26_000_000)])
    with pytest.raises(BadLines):
        await client.write([b"river_post,device=%b level_m=1" % (b"x" * 70_000)])
    assert await client.ping()


async def test_no_server_is_unavailable():
    async with Influx(InfluxConfig(url="http://127.0.0.1:9", timeout_s=1)) as client:
        assert not await client.ping()
        with pytest.raises(Unavailable) as caught:
            await client.write([b"a v=1"])
        assert caught.value.retryable
    with pytest.raises(Unavailable):
        await client.write([b"a v=1"])


async def test_gzip_is_taken(influx, database):
    config = InfluxConfig(url=influx.url, database=database.config.database, gzip=True)
    async with Influx(config) as client:
        await client.write([b"river_post level_m=%d %d" % (n, n + 1) for n in range(1000)])
    assert ask(database, 'SELECT COUNT("level_m") FROM "river_post"')["series"][0]["values"][0][1] == 1000


async def test_poison_lines_in_a_real_batch_are_found_and_their_neighbours_stored(client):
    """1.6.7 answers a NaN and a type conflict alike with a count that is wrong; the database is missing at first."""
    done: asyncio.Queue[Written] = asyncio.Queue()
    writer = SeriesWriter(client, SystemClock(), done.put_nowait, limits=Limits(retry_s=0.01))
    lines = [b"river_post,device=d level_m=%d.5 %d" % (n, n + 1) for n in range(1200)]
    poison = {
        3: b"river_post,device=d level_m=NaN 1",
        500: b"river_post,device=d level_m=7i 2",
        501: b"no line at all",
        700: b"river_post,device=d level_m=1.5 99999999999999999999",
        1199: b"river_post,device=d level_m=\xff 3",
    }
    for at, line in poison.items():
        lines[at] = line
    writer.offer(Batch("frame", lines))
    task = asyncio.create_task(writer.run())
    written = await asyncio.wait_for(done.get(), 30)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [at for at, _ in written.rejected] == sorted(poison)
    assert all(reason for _, reason in written.rejected)
    count = ask(client, 'SELECT COUNT("level_m") FROM "river_post"')["series"][0]["values"][0][1]
    assert count == 1200 - len(poison)
