"""What the kernel says of its clock, and what it means."""

import re
import time

import pytest

from edge.clock import Discipline, SystemClock, random_hex, read_timex


@pytest.mark.parametrize(
    ("state", "status", "maxerror_us", "said"),
    [
        (0, 0x2001, 1_500, Discipline(synced=True, error_ms=2)),
        (0, 0, 0, Discipline(synced=True, error_ms=0)),
        (0, 0x0040, 16_000_000, Discipline(synced=False)),
        (5, 0, 1_500, Discipline(synced=False)),
        (-1, 0, 0, Discipline(synced=False)),
    ],
)
def test_adjtimex(state, status, maxerror_us, said):
    assert read_timex(state, status, maxerror_us) == said


def test_the_kernel_answers_and_is_not_changed():
    clock = SystemClock()
    before = time.time()
    said = clock.discipline()
    assert isinstance(said.synced, bool)
    assert said.error_ms >= 0
    assert abs(time.time() - before) < 5


def test_system_clocks_run():
    clock = SystemClock()
    assert abs(clock.now_ms() - time.time() * 1000) < 1000
    first = clock.mono_ms()
    assert 0 <= clock.mono_ms() - first < 1000
    assert abs(first - time.clock_gettime(time.CLOCK_BOOTTIME) * 1000) < 1000
    assert re.fullmatch(r"[0-9a-f-]{36}", clock.boot_id())


def test_random_hex_is_as_long_as_asked_and_new_each_time():
    assert len(random_hex(8)) == 16
    assert random_hex(8) != random_hex(8)
