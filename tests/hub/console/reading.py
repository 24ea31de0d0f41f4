"""What a test reads of a page."""

import re


def text(html: str) -> str:
    """What a person reads, without the marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def first(pattern: str, html: str) -> str:
    """The first group of the first place that fits."""
    found = re.search(pattern, html)
    assert found is not None, pattern
    return found[1]
