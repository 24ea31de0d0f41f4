"""A line that repeats does not fill the journal, and a watchdog is fed by work."""

from __future__ import annotations

import asyncio
import logging
from random import Random

import pytest

from contract.strict_toml import loads
from edge.app import EdgeApp
from edge.clock import SystemClock
from edge.config import Config
from edge.drivers.base import Edge
from edge.log_limits import MOST, SORTS, WINDOW_S, LogLimit
from edge.progress import Progress
from edge.watchdog import STUCK_MS
from tests.edge.drivers.rigs import FakeClock
from tests.edge.timeless import timeless

CONFIG = """
[gateway]
id = "gw-1"
cell = 0
site = "s"
[broker]
host = "h"
ca_file = "a"
cert_file = "b"
key_file = "c"
"""


def line(text="device_down device=%s", *values, name="edge.sampler", level=logging.WARNING):
    return logging.LogRecord(name, level, "", 0, text, values, None)


def test_a_line_that_repeats_is_cut_off_and_counted(caplog):
    now_s = [0.0]
    limit = LogLimit(lambda: now_s[0])
    passed = [limit.filter(line("device_down device=%s", f"d{at}")) for at in range(MOST + 40)]
    assert (passed.count(True), passed[0], passed[-1]) == (MOST, True, False)
    # Another sort of line, and the same from elsewhere, are not cut off with it.
    assert limit.filter(line("press_stored device=%s", "x"))
    assert limit.filter(line(name="edge.link"))
    now_s[0] = WINDOW_S
    assert limit.filter(line())
    assert [record.message for record in caplog.records] == ["log.dropped sort=device_down lines=40"]


def test_lines_with_values_of_their_own_are_one_sort_and_fill_no_memory():
    now_s = [0.0]
    limit = LogLimit(lambda: now_s[0])
    passed = [limit.filter(line(f"Task {at} was never retrieved", name="asyncio")) for at in range(3 * SORTS)]
    assert passed.count(True) == SORTS + MOST
    assert len(limit._sorts) == SORTS + 1
    now_s[0] = WINDOW_S
    assert limit.filter(line()), "what was said long ago makes room"
    assert len(limit._sorts) == 1


def test_a_line_each_second_is_told_each_time(caplog):
    now_s = [0.0]
    limit = LogLimit(lambda: now_s[0])
    for second in range(600):
        now_s[0] = float(second)
        assert limit.filter(line())
    assert caplog.records == []


def test_a_room_that_gets_on_feeds_the_watchdog_and_one_that_is_stuck_does_not():
    clock = FakeClock(0)
    progress = Progress(clock)
    assert progress.stuck() is None
    progress.made("sampler", again_ms=1000)
    progress.made("panic", again_ms=5000)
    clock.mono = 1000
    assert progress.stuck() is None
    clock.mono = 1001
    assert progress.stuck() == "sampler"
    progress.made("sampler", again_ms=1000)
    assert progress.stuck() is None
    clock.mono = 5001
    progress.made("sampler", again_ms=1000)
    assert progress.stuck() == "panic"


@pytest.mark.parametrize("stuck", [True, False])
@timeless
async def test_a_gateway_withholds_its_sign_of_life_when_a_room_is_stuck(stuck, caplog):

    class Ear:
        watchdog_s = 0.01
        told = 0

        def progress(self):
            self.told += 1

    ear = Ear()
    app = EdgeApp(loads(CONFIG, Config), clock=SystemClock(), random=Random(1), readiness=ear)
    app._watchdog.progress.made("sampler", again_ms=-1 if stuck else 60_000)
    watching = asyncio.create_task(app._watchdog.run())
    await asyncio.sleep(0.05)
    watching.cancel()
    assert (ear.told > 0) is not stuck
    assert ("watchdog.withheld room=sampler" in caplog.text) is stuck


def test_a_press_that_waits_and_is_not_tried_is_a_stuck_room():
    clock = FakeClock(0)
    app = EdgeApp(loads(CONFIG, Config), clock=clock, random=Random(1))
    app._watchdog.look_at(app.panic)
    app.panic.edge(Edge("igd", "panic", True, 0))
    clock.mono = STUCK_MS + 1
    app._watchdog.look_at(app.panic)
    assert app._watchdog.progress.stuck() == "panic"
    app.panic.steps += 1  # it tries again, though in vain
    app._watchdog.look_at(app.panic)
    assert app._watchdog.progress.stuck() is None
