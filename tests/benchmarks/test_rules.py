"""The benchmark of the rules, for a moment: it measures something, and misses no value while rules change."""

from __future__ import annotations

import pytest

from benchmarks import rules
from benchmarks.parts import PARTS
from hub.rules.running import Running


async def test_time_memory_and_reloads_are_measured_and_nothing_is_missed(tmp_path):
    found = await PARTS["rules"].load()(tmp_path, quick=True)
    assert found["points"] == rules.SITES_QUICK * rules.POSTS_QUICK * 5
    assert found["rules"] == rules.SITES_QUICK * 5
    assert found["us_per_value"] > 0
    for reload in (found["reload_one"], found["reload_all"]):
        assert reload["records"] > 0
        assert reload["missed"] == 0


async def test_a_value_that_is_missed_is_an_error(tmp_path, monkeypatch):
    judge = Running.judge

    def deaf(self, sample, now_ms):
        return [] if sample.device == "pos-003" else judge(self, sample, now_ms)

    monkeypatch.setattr(Running, "judge", deaf)
    with pytest.raises(AssertionError, match="were missed"):
        await rules.measure(tmp_path, quick=True)
