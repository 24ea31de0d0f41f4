"""What is wrong with a file of the profile, in the language of the page. Pure.

The readers of files say it in English, for a log and a command must say the same to everybody. Here are their sentences
with places for the values; a sentence that is not among them stays as it is. A test holds the table against every
mistake that the rules can have.
"""

from __future__ import annotations

import re

from hub.console.language import Words
from hub.console.language import marked as _

SENTENCES = (
    # Any file
    _("%(key)s is missing"),
    _("unknown key %(key)s"),
    _("%(given)s is not a known %(key)s"),
    _("%(count)s entries, at least %(least)s and at most %(most)s are wanted"),
    _("%(count)s entries, at least %(least)s are wanted"),
    _("%(table)s %(id)s is given twice"),
    _("an id of its own"),
    _("a whole number %(bounds)s"),
    _("a number %(bounds)s"),
    _("a whole number"),
    _("a number"),
    _("from %(low)s to %(high)s"),
    _("from %(low)s"),
    _("above %(low)s to %(high)s"),
    _("above %(low)s"),
    _("text in quotes"),
    _("text matching %(pattern)s"),
    _("true or false"),
    _("a list"),
    _("a date without quotes, as %(date)s"),
    # What a field of a rule takes
    _("lower-case letters, digits, hyphens, at most 48"),
    _("seconds, up to 31 days"),
    _("seconds, above 0 and up to 31 days"),
    _("percent, 0 to 100"),
    _("a time of day, for example %(clock)s"),
    _("3, 2 or 1; 1 is the worst"),
    _("where it says what to do, %(link)s or a page of the hub, %(page)s"),
    # What a form takes
    _("this must be filled in"),
    _("%(text)s is no number: write for example 0,5 or 600"),
    _("%(text)s is no whole number"),
    # What the rules of a region look at
    _("there is no device kind %(name)s"),
    _("there is no other rule %(name)s"),
    _("there is no event kind %(name)s"),
    _("there is no quantity of %(kind)s %(name)s"),
    _("there is no quantity %(name)s"),
    _("there is no station %(name)s"),
    _("there is no schedule %(name)s"),
    _("there is no device %(name)s"),
    _("there is no site %(name)s"),
    _("there is no fact %(name)s"),
    _("a brace stands alone"),
    _("{name} for a fact, {{ for a brace"),
    _("{value}, or {{ for a brace"),
    _("one of devices and device_kind must be given"),
    _("%(kind)s, or devices = %(example)s"),
    _("no device of the region is meant"),
    _("a kind and sites that have such devices"),
    _("one of above and below must be given"),
    _("hysteresis_pct is above above_pct, so the alarm would never end"),
    _("less than %(limit)s, for example 5"),
    _("one of events and quantity must be given"),
    _("%(events)s, or quantity and above"),
    _("quantity and above belong together"),
    _("both, or events alone"),
    _("%(upstream)s does not say how long its water takes to %(station)s"),
    _("a [[station.downstream]] in region.toml"),
    _("a combination of nothing"),
    _("%(example)s, the ids of other rules"),
    _("%(one)s or any = %(other)s"),
    _("%(name)s depends on %(rule)s in turn"),
    _("a rule that does not"),
    # Hours of a rule
    _("a schedule without hours never holds"),
    _("%(season)s ends before it begins"),
    _("%(date)s or later"),
    _("%(season)s begins before %(other)s has ended"),
    _("seasons in the order of their dates, none within another"),
    # Why a page cannot change it
    _("rule %(id)s is written within a line (change it in the file by hand)"),
    _("there is no rule %(id)s that can be taken out here"),
    _("rule %(id)s is of kind %(kind)s (a rule keeps its kind)"),
    # Last, for they fit much
    _("%(key)s = … (%(wanted)s)"),
    _("one of %(known)s"),
    _("%(given)s is not %(wanted)s"),
    _("%(one)s or %(other)s"),
)
"""Message ids in the order in which they are tried."""

_PLACE = re.compile(r"%\((\w+)\)s")
_REPORT = re.compile(
    r"(?P<place>[^ ]+:\d+: (?:[\w.\[\]-]+: )?)?(?P<text>.*?)(?:; write instead: (?P<instead>.*))?", re.DOTALL
)


def told(words: Words, report: str) -> str:
    """A mistake as a page says it: where (if it says so), what is wrong, and what to write instead.

    Args:
        report: as ``contract.strict_toml`` tells a mistake, with or without file and line.
    """
    found = _REPORT.fullmatch(report)
    assert found is not None, "every text is one"
    text = f"{found['place'] or ''}{sentence(words, found['text'])}"
    if not found["instead"]:
        return text
    return words("%(wrong)s; write instead: %(instead)s") % {
        "wrong": text,
        "instead": sentence(words, found["instead"]),
    }


def sentence(words: Words, text: str) -> str:
    """One sentence, and the values in it that are sentences themselves."""
    for msgid, pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None:
            values = {key: sentence(words, value) for key, value in found.groupdict().items()}
            return words(msgid) % values
    return text


def _pattern(msgid: str) -> re.Pattern[str]:
    """What a sentence looks like with its values in; a value may be anything that is not empty."""
    parts = _PLACE.split(msgid)  # text, key, text, key, … text
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)), re.DOTALL
    )


_PATTERNS = tuple((msgid, _pattern(msgid)) for msgid in SENTENCES)
