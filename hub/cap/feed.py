"""The messages in force as an Atom feed (RFC 4287), for systems that ask instead of being told. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.cap.model import clean
from hub.cap.write import MEDIA_TYPE as CAP_TYPE
from hub.cap.write import document

NAMESPACE = "http://www.w3.org/2005/Atom"
MEDIA_TYPE = "application/atom+xml"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of the feed. Times are ms UTC; ``path`` is where its document is, from the hub's address on."""

    identifier: str
    sender: str
    title: str
    summary: str
    sent_ms: int
    path: str


def feed(
    entries: Sequence[Entry], *, name: str, title: str, author: str, address: str, path: str, since_ms: int
) -> bytes:
    """The feed's document, UTF-8, with its entries in the order given.

    Args:
        name: of the feed for all time, as ``tag:…``; entries are named by it and their identifier.
        address: of the hub, without a slash at its end; where it is empty, links count from the feed's own address.
        since_ms: what the feed's ``updated`` is when nothing is in it.
    """
    root = ET.Element("feed", xmlns=NAMESPACE)
    ET.SubElement(root, "id").text = name
    ET.SubElement(root, "title").text = clean(title)
    newest_ms = max((entry.sent_ms for entry in entries), default=since_ms)
    ET.SubElement(root, "updated").text = _written(newest_ms)
    ET.SubElement(ET.SubElement(root, "author"), "name").text = clean(author)
    ET.SubElement(root, "link", rel="self", type=MEDIA_TYPE, href=address + path)
    for entry in entries:
        its = ET.SubElement(root, "entry")
        ET.SubElement(its, "id").text = f"{name}/{entry.identifier}"
        ET.SubElement(its, "title").text = clean(entry.title)
        ET.SubElement(its, "updated").text = _written(entry.sent_ms)
        ET.SubElement(its, "published").text = _written(entry.sent_ms)
        ET.SubElement(its, "link", rel="alternate", type=CAP_TYPE, href=address + entry.path)
        ET.SubElement(its, "summary").text = clean(entry.summary)
    return document(root)


def _written(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms // 1000, UTC).isoformat().replace("+00:00", "Z")
