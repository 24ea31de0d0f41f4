"""The kinds table keeps its own promises."""

import re

import pytest

from contract.errors import KindError
from contract.kinds import EVENT_KINDS, KINDS, PANIC_KINDS, QUALITY_SUFFIX, TIME_ERROR_FIELD, kind

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
SUFFIXES = {
    "m": "_m",
    "mm": "_mm",
    "V": "_v",
    "°C": "_c",
    "%": "_pct",
    "kPa": "_kpa",
    "mm/h": "_mm_h",
    "m/s": "_m_s",
    "deg": "_deg",
    "dB": "_db",
    "MB": "_mb",
    "ms": "_ms",
    "s": "_s",
}


@pytest.mark.parametrize("name", KINDS)
def test_names_units_and_bounds(name):
    assert NAME.match(name)
    assert kind(name).title_id
    assert kind(name).title_en
    for quantity in kind(name).quantities.values():
        assert NAME.match(quantity.name)
        assert quantity.low < quantity.high
        assert not quantity.name.endswith(QUALITY_SUFFIX)
        assert quantity.name != TIME_ERROR_FIELD
        if quantity.unit:
            assert quantity.name.endswith(SUFFIXES[quantity.unit]), "the unit is in the name"


def test_one_quantity_has_one_type_and_unit_in_every_kind():
    seen = {}
    for each in KINDS.values():
        for quantity in each.quantities.values():
            assert seen.setdefault(quantity.name, (quantity.type, quantity.unit)) == (
                quantity.type,
                quantity.unit,
            )


def test_panic_and_event_kinds_share_no_name():
    assert not set(PANIC_KINDS) & set(EVENT_KINDS)


def test_what_is_unknown_is_named_with_what_is_known():
    with pytest.raises(KindError, match="river_post"):
        kind("river")
    with pytest.raises(KindError, match="level_m"):
        kind("river_post").quantity("level_cm")
