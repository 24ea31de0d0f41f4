"""docs/series.md has every measure with its tags, fields and pace, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from hub.kpis.measures import MEASURES

PAGE = Path(__file__).parents[2] / "docs" / "series.md"
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| (\d+ s|as it happens) \| [^|]+ \|$", re.MULTILINE)


def test_every_measure_is_documented_with_its_tags_fields_and_pace():
    told = {
        name: (re.findall(r"`(\w+)`", tags), re.findall(r"`(\w+)`", fields), every)
        for name, tags, fields, every in ROW.findall(PAGE.read_text(encoding="utf-8"))
    }
    declared = {
        name: (
            list(measure.tags),
            list(measure.fields),
            f"{measure.every_s} s" if measure.every_s else "as it happens",
        )
        for name, measure in MEASURES.items()
    }
    assert told == declared
