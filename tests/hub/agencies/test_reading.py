"""The files of a directory: each kind of mistake is told with its file, its line, and what to write instead."""

import re

import pytest

from contract.strict_toml import TomlError
from hub.agencies.reading import NAMES, read, texts_of, version_of
from tests.hub.agencies.profile import KOTA_CONTOH, directory, region

LAST_ROUTE = re.compile(r"\n\[\[route\]\]\nid = \"lainnya\".*?otherwise = true\n", re.DOTALL)
DESK = re.compile(r"\n\[\[agency\]\]\nid = \"piket\".*?(?=\n\[\[agency\]\])", re.DOTALL)
CHANNELS = re.compile(r"\n\[\[agency\.channel\]\]\nid = \"piket.*?(?=\n\[\[agency\]\])", re.DOTALL)

MISTAKES = {
    "no desk": ("agencies.toml", DESK, "", "the duty desk 'piket' is gone", '[[agency]] with id = "piket"'),
    "a desk without a channel": ("agencies.toml", CHANNELS, "", "nobody would be told", "[[agency.channel]]"),
    "unknown key": ("contacts.toml", 'step = "head"', 'step = "head"\nmobile = "1"', "unknown key 'mobile'", "email"),
    "unknown agency": ("contacts.toml", 'agency = "damkar"', 'agency = "damkars"', "no agency 'damkars'", "'damkar'"),
    "unknown step": ("contacts.toml", 'step = "second"', 'step = "secnd"', '"secnd" is not one of', "'second'"),
    "unknown channel": ("contacts.toml", '"psc-webhook"', '"psc-webhok"', "no channel 'psc-webhok'", "'psc-webhook'"),
    "no number": ("contacts.toml", '"0800-000-1101"', '"ring"', "text matching", "a telephone number"),
    "not to be reached": (
        "contacts.toml",
        'phone = "0800-000-1002"\nchannels = ["piket-apprise"]',
        "",
        "'piket-kepala' cannot be reached",
        "phone, email or channels",
    ),
    "two of one id": ("contacts.toml", '"piket-kepala"', '"piket-operator"', "given twice", "an id of its own"),
    "a drill rings a real phone": (
        "contacts.toml", '"0800-000-9101"', '"+62 800 000 1101"', "the phone of the real contact 'bpbd-pusdalops'",
        "one that only exercises use",
    ),
    "a drill rings a real phone from abroad": (
        "contacts.toml", '"0800-000-9101"', '"0062 800 000 1101"', "the phone of the real contact 'bpbd-pusdalops'",
        "one that only exercises use",
    ),
    "a drill on a real channel": (
        "contacts.toml", 'channels = ["latihan-webhook"]', 'channels = ["bpbd-webhook"]', "no channel 'bpbd-webhook'",
        "latihan-webhook",
    ),
    "an exercise channel that could be real": (
        "contacts.toml", '"latihan-webhook"\nkind', '"bpbd-webhook"\nkind', "could be a real channel", "latihan-",
    ),
    "a real channel that is one for exercises": (
        "agencies.toml", '"psc-webhook"', '"latihan-psc"', "a channel for exercises", "does not begin with latihan-",
    ),
    "a real contact on an exercise channel": (
        "contacts.toml", '["psc-webhook"]', '["latihan-webhook"]', "no channel 'latihan-webhook'", "-webhook",
    ),
    "lon before lat": (
        "routes.toml", "[[-6.040, 108.910]", "[[108.910, -6.040]", "is no place", "[lat, lon] in degrees",
    ),
    "far away": ("routes.toml", "[[-6.040, 108.910]", "[[-16.0, 108.910]", "far from every site", "in this order"),
    "a knot": (
        "routes.toml",
        "[-6.040, 108.960], [-5.965, 108.960], [-5.965, 108.910]",
        "[-5.965, 108.960], [-6.040, 108.960], [-5.965, 108.910]",
        "cross",
        "in their order around",
    ),
    "two corners": (
        "routes.toml", "[-6.040, 108.960], [-5.965, 108.960], ", "", "2 entries, at least 3", "",
    ),
    "three that are two": (
        "routes.toml", "[-6.040, 108.960], [-5.965, 108.960], [-5.965, 108.910]]",
        "[-6.040, 108.960], [-6.040, 108.910]]", "fewer than three corners", "three corners or more",
    ),
    "unknown kind": ("routes.toml", 'kinds = ["fire"]', 'kinds = ["fires"]', "no kind of incident 'fires'", "'fire'"),
    "unknown area": ("routes.toml", '"kecamatan-hilir"]', '"kecamatan-hilr"]', "no area", "'kecamatan-hilir'"),
    "unknown shift": ("routes.toml", 'during = ["malam"]', 'during = ["malem"]', "no shift 'malem'", "'malam'"),
    "unknown agency of a route": (
        "routes.toml", '["psc", "polres"]', '["psc", "polri"]', "no agency 'polri'", "'polres'",
    ),
    "nobody": ("routes.toml", LAST_ROUTE, "\n", "would go to nobody", "otherwise = true"),
    "a rest with conditions": (
        "routes.toml", "\notherwise = true", '\notherwise = true\nkinds = ["fire"]', "no conditions", "no kinds",
    ),
    "at once": ("routes.toml", "operator_s = 15", "operator_s = 0", "a number from 1 to 86400", "seconds"),
    "two delays": (
        "routes.toml", "[[delays]]", '[[delays]]\nid = "lagi"\n\n[[delays]]', "every other kind are given twice",
        "once",
    ),
    "no time": ("roster.toml", 'begins = "07:00"', 'begins = "7.00"', "text matching", 'for example "07:30"'),
    "a shift without length": ("roster.toml", 'ends = "14:00"', 'ends = "07:00"', "it ends when it begins", "24:00"),
    "a holiday backwards": (
        "roster.toml", "last = 2026-12-25", "last = 2026-12-24", "ends before", "2026-12-25 or later",
    ),
    "a date in quotes": ("roster.toml", "last = 2026-12-25", 'last = "2026-12-25"', "is not a date", "without quotes"),
    "another's contact": ("roster.toml", '["bpbd-pusdalops"]', '["psc-dokter"]', "no contact of bpbd", "bpbd-kabid"),
    "no such shift": ("roster.toml", '["pagi", "siang"]', '["pagi", "sore"]', "no shift 'sore'", "pagi"),
    "no such day": ("roster.toml", '["libur"]', '["hari libur"]', "is not one of", "'libur'"),
    "nobody's turn": ("roster.toml", "first = 2026-11-02\n", "", "whose turn", "the date of the first turn"),
    "turns of one": (
        "roster.toml", '["bpbd-reaksi-cepat-1", "bpbd-reaksi-cepat-2"]', '["bpbd-reaksi-cepat-1"]',
        "one contact takes no turns", "two contacts",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_is_told_with_file_line_and_what_to_write(name):
    file, old, new, told, instead = MISTAKES[name]
    texts = texts_of(KOTA_CONTOH)
    text = texts[file]
    changed = old.sub(new, text, count=1) if isinstance(old, re.Pattern) else text.replace(old, new, 1)
    assert changed != text
    with pytest.raises(TomlError) as caught:
        read({**texts, file: changed}, region(), KOTA_CONTOH)
    said = str(caught.value)
    assert told in said, said
    assert instead in said.partition(told)[2], said
    assert re.match(rf"{re.escape(str(KOTA_CONTOH))}/{re.escape(file)}:\d+: ", said), said


def test_the_line_is_that_of_the_mistake():
    texts = texts_of(KOTA_CONTOH)
    line = texts["contacts.toml"].splitlines().index('agency = "psc"') + 1
    with pytest.raises(TomlError, match=rf"contacts\.toml:{line}: contact\[\d+\]\.agency: "):
        read({**texts, "contacts.toml": texts["contacts.toml"].replace('"psc"\n', '"pcs"\n', 1)}, region())


def test_every_mistake_of_a_file_is_told_at_once():
    texts = texts_of(KOTA_CONTOH)
    wrong = texts["routes.toml"].replace('"fire"', '"fires"').replace('"damkar"', '"damkars"')
    with pytest.raises(TomlError) as caught:
        read({**texts, "routes.toml": wrong}, region())
    assert len(caught.value.mistakes) == 4


def test_a_profile_without_the_newer_files_has_agencies_and_nobody_in_them(tmp_path):
    (tmp_path / "agencies.toml").write_text(texts_of(KOTA_CONTOH)["agencies.toml"])
    found = read(texts_of(tmp_path), region())
    assert set(found.agencies) == set(directory().agencies)
    assert not found.contacts
    assert not found.routes


def test_a_profile_without_agencies_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"agencies\.toml"):
        texts_of(tmp_path)


def test_the_version_is_that_of_all_files():
    texts = texts_of(KOTA_CONTOH)
    versions = {version_of({**texts, name: texts[name] + "\n"}) for name in NAMES}
    assert len(versions | {version_of(texts)}) == len(NAMES) + 1
    # What moves from one file to the next is another version too.
    assert version_of({**texts, "routes.toml": "a", "roster.toml": ""}) != version_of(
        {**texts, "routes.toml": "", "roster.toml": "a"}
    )
