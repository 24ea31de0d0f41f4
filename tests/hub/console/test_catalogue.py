"""Every sentence of the pages is in both languages, and the catalogue has no other."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from hub.console import language, words
from hub.console.page import TEMPLATES
from hub.incidents.machine import ACTIONS
from hub.notify import policy

CONSOLE = Path(language.__file__).parent

FOUND_IN = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]

KEYWORDS = {"_": None, "words": None}


def used():
    found = extract_from_dir(
        str(CONSOLE),
        FOUND_IN,
        {"**.html": {"trimmed": "true", "silent": "false"}},
        KEYWORDS,
    )
    return {message for _, _, message, _, _ in found}


def catalogue():
    with language.CATALOGUE.open("rb") as file:
        return [message for message in read_po(file) if message.id]


def test_every_sentence_is_translated_and_every_translation_used():
    used_now, known = used(), {message.id for message in catalogue()}
    assert len(used_now) > 50, "the search finds nothing any more"
    assert used_now - known == set(), "not translated"
    assert known - used_now == set(), "not used any more"


def test_no_translation_is_empty_fuzzy_or_lacks_a_value():
    for message in catalogue():
        assert message.string, message.id
        assert not message.fuzzy, message.id
        values = re.compile(r"%\(\w+\)s")
        assert sorted(values.findall(message.id)) == sorted(values.findall(message.string)), message.id


def test_the_words_of_both_languages_differ_where_they_should():
    same = {message.id for message in catalogue() if message.id == message.string}
    assert same <= {"Gateway", "Operator", "normal"}, "probably not translated"


def test_the_tables_of_words_name_what_the_hub_has_and_nothing_else():
    assert {step.action for step in words.STEPS} == set(ACTIONS)
    assert set(words.DONE) >= set(ACTIONS)
    assert set(words.NOTICE_STATES) == set(policy.TRANSITIONS)


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_a_template_has_no_inline_script_style_or_handler(path):
    """They would need a policy that lets a stranger's run too."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<[a-z][^>]*\son[a-z]+\s*=", text)
    assert "hx-on" not in text
    assert "style=" not in text
    assert "<style" not in text
    assert "js:" not in text
    assert "| safe" not in text
    assert not re.search(r"\b_\(\s*[^'\"\s]", text), "what _ gives is safe HTML; a variable goes through | t"
    for script in re.findall(r"<script\b[^>]*>", text):
        assert 'nonce="{{ nonce }}"' in script
