"""Samples as lines, out of a real InfluxDB and into one."""

from uuid import uuid4

import pytest

from hub.backup import series
from hub.series.influx import Influx, InfluxConfig

pytestmark = pytest.mark.real

DAY_NS = series.DAY_NS
BASE_NS = 1_790_000_000_000_123_456
LINES = [
    b"river_post,device=duga\\ 1,gateway=gw-pos,site=a\\,b\\=c level_m=0.1,level_m_q=3i,tips=9007199254740993i %d"
    % BASE_NS,
    b"river_post,gateway=gw-pos level_m=2 %d" % (BASE_NS + 1),
    b"river_post,gateway=gw-pos level_m=-5e-324 %d" % (BASE_NS - 400 * DAY_NS),
    b'lain\\ nya,site=x said="a \\"quoted\\" \\\\ line",on=true %d' % BASE_NS,
]


def quiet(part: str, count: int) -> None:
    """Nobody asked how far it is."""


@pytest.fixture
async def two(influx):
    """Two databases: one with lines, one that is not there."""
    async with (
        Influx(InfluxConfig(url=influx.url, database=f"uji_{uuid4().hex[:8]}")) as full,
        Influx(InfluxConfig(url=influx.url, database=f"uji_{uuid4().hex[:8]}")) as other,
    ):
        await full.create_database()
        await full.write(LINES)
        yield full, other


async def everything(client: Influx) -> list[object]:
    return [
        found
        for name in ("river_post", "lain nya")
        async for found in client.stream(f'SELECT * FROM "{name}" GROUP BY *', rows_at_once=100)
    ]


async def test_every_sample_comes_back_as_it_was(two):
    full, other = two
    kept: dict[str, bytes] = {}
    exported = await series.export(full, kept.__setitem__, quiet)
    assert exported.lines == {"river_post": 3, "lain nya": 1}
    for data in kept.values():
        taken, refused = await series.put_back(other, data)
        assert (taken, refused) == (len(data.splitlines()), 0)
    assert await everything(other) == await everything(full)
    again = {}
    await series.export(other, again.__setitem__, quiet)
    assert again == kept


async def test_only_what_is_later_than_a_time(two):
    full, _ = two
    kept: dict[str, bytes] = {}
    exported = await series.export(full, kept.__setitem__, quiet, since_ms=BASE_NS // 1_000_000)
    assert exported.lines == {"river_post": 2, "lain nya": 1}
    assert b"-5e-324" not in b"".join(kept.values())


async def test_a_database_that_is_not_there_is_an_empty_one(two):
    _, other = two
    assert (await series.export(other, {}.__setitem__, quiet)).lines == {}


async def test_lines_that_influxdb_refuses_are_counted_and_stop_no_other(two):
    full, _ = two
    data = b"\n".join(
        b"river_post,gateway=gw-pos %s %d"
        % (b'level_m="text"' if number == 3 else b"level_m=1", BASE_NS + 10 + number)
        for number in range(8)
    )
    assert await series.put_back(full, data) == (7, 1)
