"""rules.toml read strictly: for a bad rule of each kind the file, the line, and what to write instead."""

from __future__ import annotations

import pytest

from contract.strict_toml import TomlError
from hub.region import load
from hub.rules import files
from hub.rules.book import EMPTY, NAME, read
from tests.hub.rules.books import PROFILE, REGION, book, rule

DEVICE = 'devices = ["gw-pos-muara/duga-air"]\nquantity = "level_m"\n'

BAD = [
    ("threshold", DEVICE, "rule[0]: one of above and below must be given", "above = 2.0"),
    ("threshold", DEVICE + "abvoe = 2.0", "unknown key 'abvoe'", "'above'"),
    ("threshold", DEVICE + 'above = "2 m"', "is not a number", "a number"),
    (
        "threshold",
        DEVICE.replace("level_m", "level_cm") + "above = 2.0",
        "no quantity of river_post",
        "'level_m'",
    ),
    (
        "threshold",
        DEVICE.replace("muara/", "muaro/") + "above = 2.0",
        "there is no device",
        "'gw-pos-muara/duga",
    ),
    ("threshold", 'quantity = "level_m"\nabove = 2.0', "one of devices and device_kind", "device_kind ="),
    ("threshold", DEVICE + 'above = 2.0\nduring = "kantor"', "there is no schedule 'kantor'", ""),
    ("threshold", DEVICE + "above = 2.0\nfor_s = -1", "-1 is not", "seconds, up to 31 days"),
    ("threshold", DEVICE + 'above = 2.0\npriority = "urgent"', '"urgent" is not', "one of"),
    ("rise", DEVICE, "'per_h' is missing", "per_h = …"),
    ("rise", DEVICE + "per_h = 0", "0 is not", "a number above 0"),
    ("no_data", 'devices = ["gw-pos-muara/duga-air"]', "'after_s' is missing", "seconds, above 0"),
    ("stuck", DEVICE + "after_s = 60\ntolerance = -0.1", "is not a number from 0", "a number from 0"),
    (
        "ratio",
        'device_kind = "bed_panel"\nquantities = ["bad_*"]\nabove_pct = 90',
        "no quantity 'bad_*'",
        "one of bed",
    ),
    (
        "ratio",
        'device_kind = "bed_panel"\nquantities = ["bed_*"]\nabove_pct = 9\nhysteresis_pct = 10',
        "would never end",
        "less than 9",
    ),
    (
        "ratio",
        'device_kind = "bed_pannel"\nquantities = ["bed_*"]\nabove_pct = 90',
        "device kind",
        "'bed_panel'",
    ),
    (
        "count",
        'events = ["device_dwon"]\nat_least = 3\nwindow_s = 60',
        "event kind 'device_dwon'",
        "'device_down'",
    ),
    ("count", "at_least = 3\nwindow_s = 60", "one of devices and device_kind must be given", "device_kind ="),
    ("count", DEVICE + "at_least = 3\nwindow_s = 60", "quantity and above belong together", "both"),
    ("count", 'events = ["device_down"]\nat_least = 0\nwindow_s = 60', "0 is not", "a whole number from 1"),
    ("upstream", 'station = "muara"\nupstream = "muaro"', "there is no station 'muaro'", "'muara'"),
    (
        "upstream",
        'station = "muara"\nupstream = "bendung-hulu"',
        "how long its water takes",
        "one of jembatan",
    ),
    ("upstream", 'station = "muara"\nupstream = "pasar-lama"\nsiaga = 4', "4 is not", "1 is the worst"),
    ("combination", "", "a combination of nothing", "all ="),
    ("combination", 'all = ["lain"]', "there is no other rule 'lain'", ""),
]


@pytest.mark.parametrize(("kind", "text", "wrong", "instead"), BAD)
def test_a_bad_rule_of_each_kind_is_told_with_its_line_and_what_to_write(
    tmp_path, kind, text, wrong, instead
):
    with pytest.raises(TomlError) as caught:
        book(tmp_path, "# a comment\n", rule(f'kind = "{kind}"\n{text}'))
    (report, *_) = str(caught.value).splitlines()
    assert report.startswith(f"{tmp_path / NAME}:")
    assert int(report.split(":")[1]) >= 3
    assert wrong in report
    assert "write instead: " + instead in report or instead in report.partition("write instead: ")[2]


def test_there_is_a_bad_rule_of_every_kind():
    kinds = {str(cls.__struct_config__.tag) for cls in files.AnyRule.__args__}
    assert kinds == {kind for kind, *_ in BAD}


OTHER = [
    ('[[rule]]\nid = "a"\nkind = "treshold"', "not a known kind; write instead: 'threshold'"),
    ('[[rule]]\nid = "a"', "'kind' is missing"),
    (rule(f'kind = "threshold"\n{DEVICE}above = 2.0') * 2, "rule 'uji' is given twice"),
    ('[[rules]]\nid = "a"', "unknown key 'rules'; write instead: 'rule'"),
    ('[[schedule]]\nid = "a"', "never holds"),
    (
        '[[schedule]]\nid = "a"\nhours = [{ days = ["senen"], begins = "7:30", ends = "16:00" }]',
        "write instead: 'senin'",
    ),
    ('[[schedule]]\nid = "a"\n[[schedule.season]]\nname = "R"\nfirst = 2027-02-08\nlast = 2026-03-09', "before it"),
    ('[[schedule]]\nid = "a"\n[[schedule.season]]\nname = "R"\nfirst = "x"\nlast = 2026-03-09', "a date without"),
    ("[[rule]\n", "rules.toml:1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wrong"), OTHER)
def test_other_mistakes_of_the_file(tmp_path, text, wrong):
    with pytest.raises(TomlError) as caught:
        book(tmp_path, text)
    assert wrong in str(caught.value)


def test_combinations_that_depend_on_each_other_are_refused(tmp_path):
    texts = [
        rule(f'kind = "combination"\nall = ["{other}"]', name=name) for name, other in ("ab", "bc", "ca")
    ]
    with pytest.raises(TomlError, match="depends on"):
        book(tmp_path, *texts)


def test_a_reason_may_name_the_facts_of_its_kind_only(tmp_path):
    good = rule(f'kind = "threshold"\n{DEVICE}above = 2.0')
    assert book(tmp_path, good.replace('"{site} {device}"', '"{value} {{x}}"')).rules
    for bad, instead in (
        ("{valu}", "'value'"),
        ("{percent}", "one of"),
        ("{", ""),
        ("{}", "{value}"),
        # Facts are words already: what is behind the name would break the hub when the rule is raised.
        ("{value:.2f}", "'value'"),
        ("{value!d}", "'value'"),
        ("{value:{site}}", "no fact"),
        ("{value.x}", "'value'"),
        ("{value[0]}", "'value'"),
    ):
        with pytest.raises(TomlError) as caught:
            book(tmp_path, good.replace('reason_en = "{site} {device}"', f'reason_en = "{bad}"'))
        assert "reason_en" in str(caught.value)
        assert instead in str(caught.value)


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    with pytest.raises(TomlError) as caught:
        book(tmp_path, rule('kind = "rise"', name="a"), rule('kind = "combination"\nfro = 1', name="b"))
    assert len(caught.value.mistakes) >= 3


def test_the_shipped_rules_load_and_a_city_may_have_none(tmp_path):
    shipped = read(PROFILE / NAME, REGION)
    assert {files.kind_of(entry) for entry in shipped.rules.values()} >= {"ratio", "upstream", "combination"}
    assert read(tmp_path / NAME, REGION) is EMPTY
    assert read(PROFILE / NAME, REGION).version == shipped.version


def test_levels_change_on_their_date_at_local_midnight(tmp_path):
    folder = tmp_path / "kota"
    folder.mkdir()
    for name in ("region.toml", "agencies.toml", "devices.toml"):
        (folder / name).write_text((PROFILE / name).read_text())
    region = folder / "region.toml"
    later = "later = [{ valid_from = 2027-01-01, siaga_3_m = 0.9, siaga_2_m = 1.6, siaga_1_m = 2.1 }]"
    head, tail = region.read_text().split("siaga_1_m = 2.00\n", 1)
    region.write_text(f"{head}siaga_1_m = 2.00\n{later}\n{tail}")
    station = load(folder).stations["bendung-hulu"]
    midnight_ms = 1_798_736_400_000  # 2027-01-01 00:00 WIB
    assert station.at(midnight_ms - 1).thresholds_mm == (800, 1500, 2000)
    assert station.at(midnight_ms).thresholds_mm == (900, 1600, 2100)
    assert station.at(midnight_ms).labels == station.labels
    region.write_text(region.read_text().replace("siaga_3_m = 0.9", "siaga_3_m = 1.9"))
    with pytest.raises(TomlError, match=r"later\[0\]"):
        load(folder)
