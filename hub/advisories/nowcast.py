"""BMKG's weather warnings: an RSS list, and a CAP 1.2 document for each. Pure.

No document type is read, so that none can name a file or grow without end.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import datetime

from hub.advisories.model import Advisory, FeedError, Source

CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
MOST = 50
"""More warnings in one list are left out; there are 38 provinces."""

MOST_POINTS = 2000
"""Longer rings are left out: the words say where."""


@dataclass(frozen=True, slots=True)
class Item:
    """A warning of the list: its title, and where its document is."""

    title: str
    link: str


def items(body: bytes) -> list[Item]:
    """The warnings of a list.

    Raises:
        FeedError: it is no RSS.
    """
    root = _document(body)
    if root.tag != "rss":
        raise FeedError(f"nowcast: {root.tag!r} is no RSS", "the feed has changed")
    found = [
        Item(_text(item, "title"), _text(item, "link"))
        for item in root.iterfind("channel/item")
        if item is not None
    ]
    return [item for item in found if item.link][:MOST]


def alert(body: bytes, link: str) -> Advisory | None:
    """The advisory of a CAP document; None where it is a test, an exercise, or takes another back.

    Raises:
        FeedError: it is no CAP 1.2, or lacks what CAP requires.
    """
    root = _document(body)
    if root.tag != f"{CAP}alert":
        raise FeedError(f"nowcast: {root.tag!r} is no CAP 1.2", "the feed has changed")
    identifier, status = _need(root, "identifier"), _need(root, "status")
    if status != "Actual" or _need(root, "msgType") not in ("Alert", "Update"):
        return None
    info = root.find(f"{CAP}info")
    if info is None:
        raise FeedError(f"nowcast: {identifier} has no info", "the feed has changed")
    areas = info.findall(f"{CAP}area")
    source: Source = "bmkg_nowcast"
    return Advisory(
        source=source,
        id=identifier,
        issued_ms=_ms(_need(root, "sent")),
        headline=_text(info, f"{CAP}headline") or _need(info, "event"),
        text=_text(info, f"{CAP}description"),
        severity=_need(info, "severity"),
        area=", ".join(_need(area, "areaDesc") for area in areas),
        expires_ms=_ms(expires) if (expires := _text(info, f"{CAP}expires")) else None,
        polygons=tuple(
            ring
            for area in areas
            for polygon in area.findall(f"{CAP}polygon")
            if len(ring := _ring(polygon.text or "")) <= MOST_POINTS
        ),
        link=link,
    )


def _document(body: bytes) -> ET.Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise FeedError("nowcast: a document type", "it is never read")
    try:
        return ET.fromstring(body)  # noqa: S314, no document type comes this far
    except (ET.ParseError, ValueError, LookupError) as error:
        raise FeedError(f"nowcast: {error}", "the feed has changed") from error


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _need(element: ET.Element, name: str) -> str:
    text = _text(element, CAP + name)
    if not text:
        raise FeedError(f"nowcast: {name} is missing", "CAP 1.2 requires it")
    return text


def _ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise FeedError(f"nowcast: {text[:40]!r} is no time", "the feed has changed") from error
    if at.tzinfo is None:
        raise FeedError(f"nowcast: {text[:40]!r} has no offset", "CAP 1.2 requires it")
    return round(at.timestamp() * 1000)


def _ring(text: str) -> tuple[tuple[float, float], ...]:
    """``lat,lon lat,lon …``"""
    try:
        pairs = [pair.split(",") for pair in text.split()]
        return tuple((float(lat), float(lon)) for lat, lon in pairs)
    except ValueError as error:
        raise FeedError(f"nowcast: {text[:40]!r} is no ring", "lat,lon lat,lon …") from error
