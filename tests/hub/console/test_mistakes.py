"""What is wrong with the rules is said on the pages in the language of the page, whole and with its values."""

import re

import pytest

from contract.strict_toml import TomlError
from hub.console.language import sentences
from hub.console.mistakes import told
from hub.rules import edit, form
from tests.hub.rules.books import book, rule
from tests.hub.rules.test_book import BAD, DEVICE, OTHER

ENGLISH = re.compile(
    r"\b(the|of|is|not|no|one|or|and|must|that|instead|missing|there|given|number|text|from)\b"
)
QUOTED = re.compile(r"""'[^']*'|"[^"]*"|\S+:\d+: \S+: """)

words = sentences("id")


def english(said):
    """The English words of a sentence, its quoted values left out."""
    return ENGLISH.findall(QUOTED.sub("", said))


def reports(folder, text):
    with pytest.raises(TomlError) as caught:
        book(folder, text)
    return caught.value.reports


def test_every_mistake_of_a_rule_is_told_in_the_language_of_the_page(tmp_path):
    texts = [rule(f'kind = "{kind}"\n{text}') for kind, text, _, _ in BAD]
    texts += [
        text for text, _ in OTHER if text != "[[rule]\n"
    ]  # what TOML itself says of a text stays as it is
    texts += [
        rule(f'kind = "threshold"\n{DEVICE}above = 2.0').replace('"{site} {device}"', f'"{reason}"')
        for reason in ("{valu}", "{", "{}", "")
    ]
    for text in texts:
        for report in reports(tmp_path, text):
            assert not english(told(words, report)), report
            assert told(str, report) == report


def test_a_mistake_keeps_its_place_its_values_and_what_to_write_instead():
    report = "rules.toml:7: rule[2].for_s: -1 is not a number from 0; write instead: seconds, up to 31 days"
    assert told(words, report) == (
        "rules.toml:7: rule[2].for_s: -1 bukan angka mulai 0; tulislah: jumlah detik, paling lama 31 hari"
    )
    assert told(words, "there is no station 'muaro'; write instead: 'muara'") == (
        "tidak ada pos 'muaro'; tulislah: 'muara'"
    )
    assert told(words, "something that nobody foresaw") == "something that nobody foresaw"


@pytest.mark.parametrize("kind", form.KINDS)
def test_a_field_left_empty_that_may_not_be_is_said_at_that_field(kind):
    needed = [one for one in form.fields(kind) if one.required]
    assert {"reason_id", "advice"} <= {one.key for one in needed}
    for one in needed:
        with pytest.raises(form.ValueSaidError) as caught:
            form.read(one, " ")
        assert caught.value.key == one.key
        assert told(words, str(caught.value)) == "wajib diisi"


def test_what_a_form_cannot_take_is_said_in_the_language_of_the_page():
    number = next(one for one in form.fields("rise") if one.key == "per_h")
    whole = next(one for one in form.fields("count") if one.key == "at_least")
    for field, said in ((number, "dua"), (whole, "1,5")):
        with pytest.raises(form.ValueSaidError) as caught:
            form.read(field, said)
        assert not english(told(words, str(caught.value)))
    inline = 'rule = [{ id = "a", kind = "no_data" }]'
    for make in (lambda: edit.put(inline, "a", "no_data", {}), lambda: edit.without(inline, "a")):
        with pytest.raises(edit.RuleEditError) as refused:
            make()
        assert not english(told(words, str(refused.value)))
