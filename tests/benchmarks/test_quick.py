"""The benchmark of the hub, for a moment: that it still measures something. No figure of so short a run is judged."""

from __future__ import annotations

import pytest

from benchmarks import ingest
from benchmarks.aims import find

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:ssl.TLSVersion")]


async def test_ceiling_and_path_are_measured_by_turns(tmp_path):
    found = await ingest.measure(tmp_path, quick=True)

    for name in ("ceiling_per_s", "path_per_s", "ratio", "path_wide_per_s", "frames20_per_s"):
        assert (find(found, f"ingest.{name}") or 0) > 0, name
    assert set(found["ingest"]["cpu_us_per_value"]) == {"hub", "broker", "influxdb"}
    assert found["hub"]["rss_mb"] > 20
