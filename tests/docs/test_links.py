"""Every link from one page of the project to another leads to something that is there."""

import re

import pytest

from tests.docs.pages import DOCS, ROOT

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")


def anchors(text):
    """What the headings of a page are called in links, as a forge makes it of them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in _HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


def dead(page):
    """The links of a page that lead nowhere."""
    found = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        to = page.parent / path if path else page
        if link.startswith(ELSEWHERE):
            continue
        if not to.exists() or (
            anchor and to.suffix == ".md" and anchor not in anchors(to.read_text(encoding="utf-8"))
        ):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert dead(page) == []


def test_a_link_that_leads_nowhere_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# The first, page\n[a](page.md) [b](#the-first-page) [c](gone.md) [d](#second) [e](https://x.id)"
    )
    assert dead(page) == ["gone.md", "#second"]
    assert len(PAGES) > 50
