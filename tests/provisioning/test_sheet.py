"""Labels for a batch of gateways: what a reader of QR codes gets from them is the claim."""

from __future__ import annotations

from xml.etree import ElementTree

import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.sheet import SVG, Label, pages

CLAIM = "https://hub.contoh.example:8443/#t=" + "a" * 26 + "&f=" + "0" * 64


def label(number=0, site="Pos Duga Air Muara", page="https://hub.contoh.example/commissioning/gw-1"):
    return Label(f"gw-{number}", number, site, CLAIM, "22-11-2026 19:00 WIB", page)


def test_ten_to_a_page_and_each_says_whose_it_is():
    made = pages(label(number) for number in range(23))
    assert [page.count("#bbb") for page in made] == [10, 10, 3]
    assert all(f"gw-{number} ·" in "".join(made) for number in range(23))
    assert pages([]) == []


def test_the_code_is_the_claim_s_and_the_page_s_and_within_the_label():
    (page,) = pages([label()])
    codes = ElementTree.fromstring(page).findall(f".//{{{SVG}}}svg")
    paths = [code.find(f"{{{SVG}}}path[@stroke]").attrib["d"] for code in codes]
    wanted = [segno.make(text, error="m", micro=False) for text in (CLAIM, label().page)]
    for path, code in zip(paths, wanted, strict=True):
        assert path in code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    assert all(float(code.get("x")) + float(code.get("width")) <= 95 for code in codes)
    (alone,) = pages([label(page="")])
    assert len(ElementTree.fromstring(alone).findall(f".//{{{SVG}}}svg")) == 1


def test_a_long_name_is_cut_and_what_matters_is_not():
    (page,) = pages([label(site="Pos Duga Air " * 9)])
    assert "…" in page
    assert "until 22-11-2026 19:00 WIB. Rahasia / secret." in page
    assert "gw-0 · sel / cell 00" in page
    assert "…" not in pages([label()])[0]


@settings(max_examples=25)
@given(st.text())
def test_a_site_s_name_is_text_whatever_it_is(name):
    (page,) = pages([label(site=name)])
    root = ElementTree.fromstring(page)
    texts = root.findall(f".//{{{SVG}}}text")
    assert len(texts) == 5
    assert {one.tag for one in root.iter()} <= {
        f"{{{SVG}}}{tag}" for tag in ("svg", "rect", "g", "text", "path")
    }
