"""The guide's files load as they stand, and name every key."""

import re

import msgspec
import pytest

from contract.strict_toml import TomlError
from contract.toml_blocks import removed
from hub.agencies import files
from hub.agencies.reading import read, texts_of
from tests.docs import pages
from tests.hub.agencies.profile import KOTA_CONTOH, region

GUIDE = "agencies.md"


def guide():
    """Kota Contoh's directory with what the guide shows in the place of its own."""
    shown = {block.mark.split()[1]: block.text for block in pages.blocks(GUIDE)}
    texts = texts_of(KOTA_CONTOH)
    contacts = removed(texts["contacts.toml"], "contact", "damkar-danru")
    return {
        **texts,
        "contacts.toml": f"{contacts}\n{shown['contacts']}",
        "routes.toml": shown["routes"],
        "roster.toml": shown["roster"],
    }


def test_what_the_guide_shows_loads():
    found = read(guide(), region())
    assert found.contacts["damkar-danru"].email
    assert found.delays("panic").second_s == 120
    assert [duty.turn_days for duty in found.roster.duties] == [7]


@pytest.mark.parametrize("name", ["contacts.toml", "routes.toml", "roster.toml"])
def test_with_a_wrong_key_it_does_not(name):
    texts = guide()
    with pytest.raises(TomlError, match="unknown key 'nama'"):
        read({**texts, name: texts[name] + 'nama = "x"\n'}, region())


def test_every_key_is_named():
    told = set(re.findall(r"[a-z_0-9]+", pages.text(GUIDE)))
    entries = (
        files.PersonEntry,
        files.AreaEntry,
        files.RouteEntry,
        files.DelaysEntry,
        files.ShiftEntry,
        files.HolidayEntry,
        files.DutyEntry,
    )
    for entry in entries:
        assert {field.encode_name for field in msgspec.structs.fields(entry)} <= told
    assert set(files.STEPS) <= told
