"""What devices say now, of a real InfluxDB: the newest word of each, with its quality, and of this gateway alone."""

from __future__ import annotations

import uuid

import pytest

from hub.commissioning.live import LOOK_BACK_MS, Value, lives
from hub.series.influx import Influx, InfluxConfig
from hub.series.lines import encode
from tests.hub.series.test_lines import BASE_MS, frame

pytestmark = pytest.mark.real


async def test_the_newest_word_of_each_device_with_what_is_amiss(influx):
    async with Influx(InfluxConfig(url=influx.url, database=f"uji_{uuid.uuid4().hex[:8]}")) as client:
        await client.create_database()
        devices = [
            ("duga", "river_post", ("level_m", "tips")),
            ("panel", "bed_panel", ("bed_01", "bed_02")),
            ("lama", "weather", ("temperature_c",)),
        ]
        late_ms = LOOK_BACK_MS + 60_000
        rows = [(2, 0, 28.5), (0, late_ms, 1.0, 4), (0, late_ms + 1000, 1.25, 5), (1, late_ms + 2000, 1, 0)]
        said = frame(devices, rows)
        await client.write(encode(said, "pos"))
        now_ms = BASE_MS + late_ms + 3000
        found = await lives(client, said.gateway, now_ms)
        assert set(found) == {"duga", "panel"}, "a device that says nothing any more has no value now"
        assert found["duga"].t_ms == BASE_MS + late_ms + 1000
        assert found["duga"].values == (Value("level_m", "m", 1.25, 0), Value("tips", "", 5, 0))
        assert [(one.quantity, one.value) for one in found["panel"].values] == [("bed_01", 1), ("bed_02", 0)]
        assert await lives(client, "gw-lain", now_ms) == {}
