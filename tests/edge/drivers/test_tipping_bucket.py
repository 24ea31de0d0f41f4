"""Tips counted: bounce is none, a restart and a full card lose none, a damaged file is told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from edge.clock import SystemClock
from edge.config import RainGauge
from edge.drivers.base import MissedPollError
from edge.drivers.kept_count import KeptCount
from edge.drivers.tipping_bucket import RainDriver, TippingBucket, TippingBuckets, Tips
from edge.errors import CardError, PinError

GAUGE = RainGauge(name="hujan", pin=5, mm_per_tip=0.2, debounce_ms=20)


class Gauge:
    """A gauge on a mock pin, as one life of the gateway has it."""

    def __init__(self, folder: Path) -> None:
        clock, self.pins = SystemClock(), MockFactory()
        self.bucket = TippingBucket(GAUGE, folder, clock=clock)
        self.buckets = TippingBuckets([self.bucket], pins=lambda: self.pins)
        self.driver = RainDriver(GAUGE, self.bucket, clock=clock)

    async def tip(self, bounces: int = 3) -> None:
        """The bucket falls over: the contact closes, bouncing, and opens."""
        for _ in range(bounces):
            self.pins.pin(5).drive_low()
            self.pins.pin(5).drive_high()
        await asyncio.sleep(0.03)

    async def values(self):
        return (await self.driver.poll()).values


def test_closings_within_the_dead_time_are_bounce():
    tips = Tips(80)
    assert [tips.closed(at) for at in (1000, 1001, 1079, 1080, 1100, 5000)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


async def test_tips_are_counted_once_each_and_go_on_after_a_restart(tmp_path):
    gauge = Gauge(tmp_path)
    with pytest.raises(MissedPollError) as early:
        await gauge.values()
    assert early.value.reason == "not_started"
    gauge.buckets.claim()
    assert await gauge.values() == {"tips": 0, "rain_mm": 0}
    for _ in range(5):
        await gauge.tip()
    assert await gauge.values() == {"tips": 5, "rain_mm": 1.0}
    gauge.buckets.release()
    later = Gauge(tmp_path)
    later.buckets.claim()
    assert await later.values() == {"tips": 5, "rain_mm": 1.0}
    await later.tip()
    assert (await later.values())["tips"] == 6
    later.buckets.release()
    with pytest.raises(MissedPollError):
        await later.values()


async def test_while_the_card_takes_nothing_no_count_is_told_and_none_is_lost(tmp_path, monkeypatch, caplog):
    gauge = Gauge(tmp_path)
    gauge.buckets.claim()
    await gauge.tip()
    whole = KeptCount.add

    def full(self, n):
        raise CardError("count", "no space left")

    monkeypatch.setattr(KeptCount, "add", full)
    for _ in range(3):
        await gauge.tip()
    with pytest.raises(MissedPollError):
        await gauge.values()
    assert caplog.text.count("tips_unkept") == 1
    monkeypatch.setattr(KeptCount, "add", whole)
    assert (await gauge.values())["tips"] == 4
    gauge.buckets.release()


async def test_a_gauge_without_a_line_stops_the_start(tmp_path):
    gauge = Gauge(tmp_path)
    other = TippingBucket(RainGauge(name="lain", pin=5, mm_per_tip=0.2), tmp_path, clock=SystemClock())
    both = TippingBuckets([gauge.bucket, other], pins=lambda: gauge.pins)
    with pytest.raises(PinError, match="line 5 of lain"):
        both.claim()
    both.release()


async def test_a_count_that_cannot_be_read_keeps_nothing_else_from_starting(tmp_path, caplog):
    """A bad place of the card under it ended the gateway, and its buttons with it, at each start."""
    gauge = Gauge(tmp_path)
    (tmp_path / "hujan.tips").mkdir()  # what cannot be read as a file
    other = RainGauge(name="lain", pin=6, mm_per_tip=0.2)
    bucket = TippingBucket(other, tmp_path, clock=SystemClock())
    TippingBuckets([gauge.bucket, bucket], pins=lambda: gauge.pins).claim()
    assert "tips_unread" in caplog.text
    with pytest.raises(MissedPollError) as missed:
        await gauge.values()
    assert missed.value.reason == "not_started"
    assert bucket.tips == 0
    bucket.release()


def test_a_damaged_count_is_set_aside_and_told(tmp_path, caplog):
    path = tmp_path / "hujan.tips"
    count = KeptCount(path)
    count.add(41)
    count.add(1)
    again = KeptCount(path)
    again.load()
    assert again.value == 42
    for damage in ("", "42", "43 " + path.read_text().split()[1], "\0" * 20, "-1 00000000"):
        path.write_text(damage)
        fresh = KeptCount(path)
        fresh.load()
        assert fresh.value == 0
    assert caplog.text.count("count_damaged") == 5
    assert path.with_suffix(".damaged").exists()


@pytest.mark.real
def test_no_count_that_was_kept_is_lost_by_a_kill(tmp_path):
    path = tmp_path / "hujan.tips"
    code = (
        "import sys; from pathlib import Path; from edge.drivers.kept_count import KeptCount\n"
        "count = KeptCount(Path(sys.argv[1])); count.load()\n"
        "while True: count.add(1); print(count.value, flush=True)"
    )
    kept = 0
    for pause_s in (0.02, 0.05, 0.09):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        assert first in (kept + 1, kept + 2), "the one that was kept and not told"
        time.sleep(pause_s)
        writer.kill()
        said = writer.communicate()[0].decode()
        kept = max([first, *map(int, said[: said.rfind("\n") + 1].split())])
    count = KeptCount(path)
    count.load()
    assert count.value in (kept, kept + 1)
