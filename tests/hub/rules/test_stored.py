"""Rules on what a real InfluxDB holds: they look back at the last half hour, and are tried on a day of the past."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from hub import cli
from hub.config import InfluxSection
from hub.rules import commands, past
from hub.series.influx import Influx, InfluxConfig
from tests.hub.rules.books import MINUTE_MS, POST, PROFILE, REGION, rule, running, sample

pytestmark = pytest.mark.real

NOW_MS = 1_790_000_000_000
RISE = rule(
    'kind = "rise"\ndevices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\nper_h = 0.6', name="naik"
)


@pytest.fixture
async def section(influx):
    """A database with 29 minutes of a river that rises by 1.2 m/h; in the middle a value that is not good."""
    found = InfluxSection(url=influx.url, database=f"aturan_{uuid.uuid4().hex[:8]}")
    tags = "river_post,site=pos-muara,gateway=gw-pos-muara,device=duga-air"
    lines = [
        f"{tags} level_m={1 + 0.02 * minute}{',level_m_q=2i' if minute == 14 else ''}"
        f" {(NOW_MS + (minute - 29) * MINUTE_MS) * 1_000_000}".encode()
        for minute in range(29)
    ]
    async with Influx(InfluxConfig(url=influx.url, database=found.database)) as client:
        await client.create_database()
        await client.write(lines)
    return found


async def test_rules_look_back_at_good_values_and_raise_at_the_first_live_one(section, tmp_path):
    rules = running(tmp_path, RISE)
    async with Influx(InfluxConfig(url=section.url, database=section.database)) as client:
        (device,) = [one for one in REGION.devices if (one.gateway, one.device) == POST[:2]]
        stored = await past.samples(client, rules, device, NOW_MS - 30 * MINUTE_MS, NOW_MS)
        assert [len(one.values) for one in stored].count(0) == 1, "the one that is not good"
        assert await past.warm(rules, client, NOW_MS) == 29
    (verdict,) = rules.judge(sample(1, {"level_m": 1.58}, at_ms=NOW_MS), NOW_MS)
    assert verdict.facts["rate"] == pytest.approx(1.2)


def test_a_day_of_the_past_is_replayed_from_the_hubs_own_store(section, tmp_path, capsys, monkeypatch):
    (tmp_path / "rules.toml").write_text(RISE)
    monkeypatch.setattr(commands, "load_config", lambda _: type("C", (), {"influx": section}))
    begins = datetime.fromtimestamp(NOW_MS / 1000 - 3600, UTC).isoformat()
    options = ["--replay", "--profile", str(PROFILE), "--config", "hub.toml", "--from", begins]
    ends = datetime.fromtimestamp(NOW_MS / 1000, UTC).isoformat()
    assert cli.main(["rules", "test", str(tmp_path / "rules.toml"), *options, "--until", ends]) == 0
    out = capsys.readouterr().out
    assert "naik gw-pos-muara/duga-air/level_m + " in out
    assert "29 baris / rows, 2 alarm" in out, "the rule, and the post's own rate"
