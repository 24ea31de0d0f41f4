"""A CAP 1.2 message as XML, in the order that the schema asks for. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hub.cap.model import Alert, Area, Info, Point, check, clean, written

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"


def write(alert: Alert) -> bytes:
    """The message's document, UTF-8.

    Raises:
        CapError: receivers would not read it as it is meant.
    """
    check(alert)
    root = ET.Element("alert", xmlns=NAMESPACE)
    for name, text in (
        ("identifier", alert.identifier),
        ("sender", alert.sender),
        ("sent", written(alert.sent)),
        ("status", alert.status),
        ("msgType", alert.msg_type),
        ("scope", alert.scope),
        ("restriction", alert.restriction),
        ("note", alert.note),
        ("references", " ".join(map(str, alert.references))),
        ("incidents", " ".join(alert.incidents)),
    ):
        _add(root, name, text)
    for info in alert.infos:
        _add_info(root, info)
    return document(root)


def document(root: ET.Element) -> bytes:
    """An element as a whole document, UTF-8."""
    body: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _add(parent: ET.Element, name: str, text: str) -> None:
    if text:
        ET.SubElement(parent, name).text = clean(text)


def _add_info(root: ET.Element, info: Info) -> None:
    its = ET.SubElement(root, "info")
    for name, text in (
        ("language", info.language),
        ("category", info.category),
        ("event", info.event),
        ("responseType", info.response or ""),
        ("urgency", info.urgency),
        ("severity", info.severity),
        ("certainty", info.certainty),
        ("onset", written(info.onset) if info.onset is not None else ""),
        ("expires", written(info.expires)),
        ("senderName", info.sender_name),
        ("headline", info.headline),
        ("description", info.description),
        ("instruction", info.instruction),
    ):
        _add(its, name, text)
    for area in info.areas:
        _add_area(its, area)


def _add_area(info: ET.Element, area: Area) -> None:
    its = ET.SubElement(info, "area")
    _add(its, "areaDesc", area.words)
    for ring in area.polygons:
        _add(its, "polygon", " ".join(map(_point, ring)))
    for circle in area.circles:
        _add(its, "circle", f"{_point(circle.centre)} {_number(circle.radius_km)}")


def _point(point: Point) -> str:
    return f"{_number(point[0])},{_number(point[1])}"


def _number(value: float) -> str:
    """Six places are a tenth of a metre; never an exponent, which the forms of CAP do not know."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
