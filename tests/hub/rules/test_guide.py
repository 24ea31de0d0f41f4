"""docs/rules.md: its examples load, every key and kind is in it, what it says of bad rules is what is said."""

from __future__ import annotations

import re

import msgspec
import pytest

from contract.strict_toml import TomlError
from hub.rules import files
from hub.rules.law import COMMON_WORDS, WORDS
from hub.rules.machine import TRANSITIONS
from tests.docs import pages
from tests.hub.rules.books import book, rule
from tests.hub.rules.test_book import BAD

PAGE = "rules.md"
ENTRIES = (*files.AnyRule.__args__, files.ScheduleEntry, files.Season, files.Hours)


def test_the_examples_load(tmp_path):
    found = book(tmp_path, *(block.text for block in pages.marked("toml rules", PAGE)))
    assert set(found.rules) == {"tempat-tidur-penuh"}
    assert set(found.schedules) == {"jam-kantor"}


def test_every_kind_every_key_and_every_fact_is_in_it():
    shown = "\n".join(block.text for block in pages.marked("toml rules", PAGE))
    told = pages.words(PAGE) | set(re.findall(r"[a-z0-9_]+", shown))
    told |= {word for text in pages.words(PAGE) for word in re.findall(r"[a-z0-9_]+", text)}
    keys = {field.name for cls in ENTRIES for field in msgspec.structs.fields(cls)}
    kinds = {str(cls.__struct_config__.tag) for cls in files.AnyRule.__args__}
    facts = COMMON_WORDS.union(*WORDS.values())
    assert not (keys | kinds | facts) - told
    assert pages.first_words(pages.section(PAGE, "Kinds / Jenis")) == kinds


def test_the_diagram_is_the_table():
    (block,) = [block for block in pages.blocks(PAGE) if block.mark == "mermaid"]
    drawn = {
        (old, step.strip().split(" ")[0], new)
        for old, new, steps in re.findall(r"^    (\w+) --> (\w+): (.*)$", block.text, re.MULTILINE)
        for step in re.sub(r": (raise|clear)$", "", steps).split(",")
    }
    assert drawn == {(old, step, new) for old, steps in TRANSITIONS.items() for step, new in steps.items()}


def test_what_is_said_of_bad_rules_is_what_is_said(tmp_path):
    (block,) = [block for block in pages.blocks(PAGE) if block.mark == "text"]
    said = []
    for kind in dict.fromkeys(kind for kind, *_ in BAD):
        text = next(text for other, text, *_ in BAD if other == kind)
        with pytest.raises(TomlError) as caught:
            book(tmp_path, "# a comment\n", rule(f'kind = "{kind}"\n{text}'))
        said.append(str(caught.value).splitlines()[0].replace(f"{tmp_path}/", ""))
    assert block.text.splitlines() == said
