"""A rule is changed in its file as a person would: what is not of it stays as it was, byte for byte."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.region import load
from hub.rules import book, edit, files, form

PROFILE = Path(__file__).parents[3] / "profiles" / "kota-contoh"
REGION = load(PROFILE)
TEXT = (PROFILE / "rules.toml").read_text()
BOOK = book.parse(TEXT, REGION, "rules.toml")


def saved(text, rule, **said):
    entry = book.parse(text, REGION, "rules.toml").rules[rule]
    return edit.put(text, rule, files.kind_of(entry), form.values(entry) | said)


@pytest.mark.parametrize("rule", BOOK.rules)
def test_a_form_sent_back_as_it_came_changes_nothing(rule):
    assert saved(TEXT, rule) == TEXT


def test_a_number_with_a_comma_is_put_where_the_old_one_stood():
    assert saved(TEXT, "baterai-rendah", below="11,8") == TEXT.replace("below = 11.5", "below = 11.8")


def test_what_is_as_by_default_is_left_out_and_what_is_new_comes_before_the_next_heading():
    changed = saved(
        TEXT,
        "baterai-rendah",
        priority="medium",
        during="jam-kantor",
        sites="pos-muara\r\n pos-pasar-lama \n",
    )
    new = {'sites = ["pos-muara", "pos-pasar-lama"]', 'during = "jam-kantor"'}
    assert set(changed.splitlines()) - set(TEXT.splitlines()) == new
    assert len(changed.splitlines()) == len(TEXT.splitlines()) + 1
    assert changed.index('during = "jam-kantor"') < changed.index("# Hospitals")
    entry = book.parse(changed, REGION, "rules.toml").rules["baterai-rendah"]
    assert (entry.priority, entry.during, entry.sites) == (
        "medium",
        "jam-kantor",
        ("pos-muara", "pos-pasar-lama"),
    )
    assert saved(changed, "baterai-rendah", priority="low", during="", sites="").count("sites") == TEXT.count(
        "sites"
    )


def test_a_new_rule_comes_last_and_one_taken_out_leaves_its_neighbours():
    said = form.values(BOOK.rules["baterai-rendah"])
    more = edit.put(TEXT, "baterai-hampir-habis", "threshold", said | {"below": "10.9", "priority": "high"})
    assert more.startswith(TEXT.rstrip("\n") + "\n\n[[rule]]\n")
    assert book.parse(more, REGION, "rules.toml").rules["baterai-hampir-habis"].below == 10.9
    assert edit.without(more, "baterai-hampir-habis") == TEXT.rstrip("\n") + "\n\n"
    less = edit.without(TEXT, "baterai-rendah")
    assert "# Hospitals" in less
    assert edit.block(TEXT, "baterai-rendah") not in less
    assert list(book.parse(less, REGION, "rules.toml").rules) == [
        one for one in BOOK.rules if one != "baterai-rendah"
    ]
    alone = edit.put("", "satu", "threshold", said)
    assert list(book.parse(alone, REGION, "rules.toml").rules) == ["satu"]


def test_a_schedule_between_rules_stays_whole():
    first, second = TEXT.split("# Rivers")
    schedules = first[first.index("[[schedule]]") :]
    mixed = "# Rivers" + second + "\n" + schedules
    changed = saved(mixed, "alat-sering-putus", at_least="7")
    assert changed == mixed.replace("at_least = 5", "at_least = 7")
    assert schedules in edit.without(mixed, "alat-sering-putus")


def test_what_cannot_be_taken_says_which_field_and_changes_nothing():
    with pytest.raises(form.ValueSaidError, match="no number") as said:
        saved(TEXT, "baterai-rendah", below="sebelas")
    assert said.value.key == "below"
    with pytest.raises(form.ValueSaidError, match="whole") as said:
        saved(TEXT, "alat-sering-putus", at_least="4,5")
    assert said.value.key == "at_least"
    for text in ("inf", "nan", "1e999"):
        with pytest.raises(form.ValueSaidError):
            saved(TEXT, "baterai-rendah", below=text)
    with pytest.raises(edit.RuleEditError, match="kind"):
        edit.put(TEXT, "baterai-rendah", "stuck", {})
    with pytest.raises(edit.RuleEditError, match="no rule"):
        edit.without(TEXT, "tidak-ada")
    inline = 'rule = [{id = "a", kind = "no_data", after_s = 60, reason_id = "x", reason_en = "x", advice = "/"}]\n'
    with pytest.raises(edit.RuleEditError, match="by hand"):
        edit.put(inline, "a", "no_data", {})
    with pytest.raises(form.ValueSaidError, match="filled in") as said:
        saved(TEXT, "baterai-rendah", quantity="")
    assert said.value.key == "quantity"


def test_every_field_of_every_kind_is_in_its_form_once():
    for kind, struct in form.KINDS.items():
        keys = [one.key for one in form.fields(kind)]
        assert sorted(keys) == sorted(set(struct.__struct_fields__) - {"id"}), kind


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=40
).filter(lambda text: text.strip() == text and "{" not in text and "}" not in text)


@given(
    rule=st.sampled_from(sorted(BOOK.rules)),
    title=WORDS,
    reason=WORDS,
    for_s=st.floats(0, 86_400).map(lambda value: round(value, 3)),
    tell=st.booleans(),
)
def test_whatever_is_written_is_read_back_and_nothing_else_moves(rule, title, reason, for_s, tell):
    changed = saved(TEXT, rule, title_id=title, reason_id=reason, for_s=repr(for_s), tell="1" if tell else "")
    after = book.parse(changed, REGION, "rules.toml")
    entry = after.rules[rule]
    assert (entry.title_id, entry.reason_id, entry.for_s, entry.tell) == (title, reason, for_s, tell)
    assert {k: v for k, v in after.rules.items() if k != rule} == {
        k: v for k, v in BOOK.rules.items() if k != rule
    }
    assert changed.replace(edit.block(changed, rule), "") == TEXT.replace(edit.block(TEXT, rule), "")
