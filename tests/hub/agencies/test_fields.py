"""What forms make of the files: nothing but what was said, and back again as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.toml_blocks import block, removed, replaced
from hub.agencies import fields
from hub.agencies.fields import TABLES, EntryError, FieldError
from hub.agencies.reading import read, texts_of
from tests.hub.agencies.profile import KOTA_CONTOH, region

TEXTS = texts_of(KOTA_CONTOH)


def said(table, entry):
    """What the form of an entry sends back when nobody touches it."""
    return {one.key: fields.shown(one, entry.get(one.key, one.default)) for one in table.fields}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda one: one.name)
def test_a_form_that_nobody_touched_changes_nothing(table):
    found = fields.entries(TEXTS[table.file], table)
    assert found
    for entry in found:
        assert fields.put(TEXTS[table.file], table, entry["id"], said(table, entry)) == TEXTS[table.file]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda one: one.name)
def test_an_entry_as_it_is_can_be_added_again_under_another_id(table):
    (entry, *_) = fields.entries(TEXTS[table.file], table)
    text = fields.put(TEXTS[table.file], table, "yang-baru", said(table, entry))
    assert text.startswith(TEXTS[table.file].rstrip("\n"))
    new = fields.entries(text, table)[-1]
    assert new["id"] == "yang-baru"
    assert said(table, new) == said(table, entry)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda one: one.name)
def test_an_entry_is_removed_with_the_comment_right_above_it_and_no_other(table):
    text = TEXTS[table.file]
    for entry in fields.entries(text, table):
        left = fields.without(text, table, entry["id"])
        assert fields.entries(left, table) == [
            one for one in fields.entries(text, table) if one["id"] != entry["id"]
        ]
        gone = [line for line in text.splitlines() if line.startswith("#") and line not in left]
        above = text.partition(block(text, table.name, entry["id"]))[0].splitlines()[-1]
        assert gone == ([above] if above.startswith("#") else [])


def test_one_key_is_changed_and_every_comment_stays():
    table = TABLES["contact"]
    entry = next(one for one in fields.entries(TEXTS[table.file], table) if one["id"] == "damkar-danru")
    text = fields.put(TEXTS[table.file], table, entry["id"], {**said(table, entry), "phone": ["0800-1"]})
    assert [line for line in text.splitlines() if line not in TEXTS[table.file].splitlines()] == [
        'phone = "0800-1"'
    ]
    assert text.count("#") == TEXTS[table.file].count("#")


def test_what_is_left_empty_is_not_in_the_file():
    table = TABLES["contact"]
    text = fields.put(TEXTS[table.file], table, "damkar-danru", {"name": ["Budi"], "agency": ["damkar"]})
    entry = next(one for one in fields.entries(text, table) if one["id"] == "damkar-danru")
    assert entry == {"id": "damkar-danru", "name": "Budi", "agency": "damkar"}


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60).filter(lambda text: text.strip() and "\0" not in text))
def test_whatever_a_person_types_as_a_name_stays_a_name(name):
    """No quote, bracket or line of a form becomes another part of the file."""
    table = TABLES["shift"]
    text = fields.put(TEXTS[table.file], table, "x", {"name": [name], "begins": ["07:00"], "ends": ["08:00"]})
    *others, new = fields.entries(text, table)
    assert others == fields.entries(TEXTS[table.file], table)
    assert new == {"id": "x", "name": name.strip(), "begins": "07:00", "ends": "08:00"}
    assert fields.entries(text, TABLES["duty"]) == fields.entries(TEXTS[table.file], TABLES["duty"])


@pytest.mark.parametrize(
    ("table", "key", "text", "hint"),
    [
        ("area", "polygon", "-5.9", "-5.934, 108.945"),
        ("area", "polygon", "north", "-5.934, 108.945"),
        ("holiday", "first", "25-12-2026", "2026-12-25"),
        ("delays", "agency_s", "two", "120"),
        ("delays", "agency_s", "nan", "120"),
        ("duty", "turn_days", "1e999", "120"),
        ("agency", "channel", "bpbd-webhook", "bpbd-webhook | webhook | Pusdalops BPBD"),
    ],
)
def test_what_has_not_the_shape_is_refused_with_an_example(table, key, text, hint):
    with pytest.raises(FieldError, match="is no") as caught:
        fields.put("", TABLES[table], "x", {key: [text]})
    assert (caught.value.key, caught.value.hint) == (key, hint)


@pytest.mark.parametrize("line", ["-5.9, 108.9", "[-5.9, 108.9],", "-5.9 108.9", "-5,9; 108,9"])
def test_a_corner_is_understood_as_people_write_it(line):
    text = fields.put("", TABLES["area"], "x", {"name": ["X"], "polygon": [line]})
    assert fields.entries(text, TABLES["area"])[0]["polygon"] == [[-5.9, 108.9]]


def test_channels_of_an_agency_are_lines():
    table = TABLES["agency"]
    channels = "damkar-webhook | webhook | Pos Damkar\ndamkar-grup | apprise | Grup"
    text = fields.put(
        TEXTS[table.file],
        table,
        "damkar",
        {"name": ["Damkar"], "short": ["Damkar"], "channel": [channels]},
    )
    found = read({**TEXTS, "agencies.toml": text}, region())
    assert [channel.id for channel in found.agencies["damkar"].channels] == ["damkar-webhook", "damkar-grup"]
    assert len(found.agencies) == 5


def test_an_entry_within_a_line_is_left_to_a_person():
    text = 'shift = [{ id = "a", name = "A", begins = "07:00", ends = "08:00" }]\n'
    with pytest.raises(EntryError):
        fields.without(text, TABLES["shift"], "a")
    with pytest.raises(EntryError):
        fields.without(text, TABLES["shift"], "b")


def test_tables_below_another_stay_with_it():
    text = '[[a]]\nid = "1"\n[[a.b]]\nid = "x"\n\n# of 2\n[[a]]\nid = "2"\n\n[[c]]\nid = "1"\n[[a.b]]\nid = "y"\n'
    assert block(text, "a", "1") == '[[a]]\nid = "1"\n[[a.b]]\nid = "x"\n'
    assert block(text, "a", "2") == '[[a]]\nid = "2"\n'
    assert block(text, "a", "3") == ""
    assert removed(text, "a", "2") == text.replace('# of 2\n[[a]]\nid = "2"\n\n', "")
    assert replaced("", "a", "1", "[[a]]\n") == "[[a]]\n"
