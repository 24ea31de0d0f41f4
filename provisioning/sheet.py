"""Labels for a batch of gateways: pages of A4 in SVG, ten labels each, to be printed and cut. Pure.

A label has the gateway's claim as a QR code, for a board that lost its card's, and the address of its commissioning
page. The claim is a secret until it is used; afterwards the label may stay on the box.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from xml.etree.ElementTree import Element, SubElement, tostring

from provisioning import qr

PAGE_MM = (210, 297)
LABEL_MM = (95, 55)
MARGIN_MM = (10, 11)
COLUMNS, ROWS = 2, 5
CODE_MM = 36
SVG = "http://www.w3.org/2000/svg"
LETTER, BOLD = 0.52, 0.7
"""Mean width of a letter, of its height; a longer line is cut."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one label says.

    Attributes:
        gateway, cell, site: ids, and the site's name.
        claim: its whole line.
        until: when the claim ends, as people read it.
        page: address of the commissioning page; empty: none.
    """

    gateway: str
    cell: int
    site: str
    claim: str
    until: str
    page: str = ""


def pages(labels: Iterable[Label]) -> list[str]:
    """As many pages as the labels need."""
    left = iter(labels)
    return [_page(some) for some in iter(lambda: list(islice(left, COLUMNS * ROWS)), [])]


def _page(labels: Sequence[Label]) -> str:
    width, height = PAGE_MM
    root = Element(
        "svg",
        {"xmlns": SVG, "width": f"{width}mm", "height": f"{height}mm", "viewBox": f"0 0 {width} {height}"},
    )
    SubElement(root, "rect", {"width": str(width), "height": str(height), "fill": "#fff"})
    for number, label in enumerate(labels):
        row, column = divmod(number, COLUMNS)
        x, y = MARGIN_MM[0] + column * LABEL_MM[0], MARGIN_MM[1] + row * LABEL_MM[1]
        group = SubElement(root, "g", {"transform": f"translate({x} {y})", "font-family": "sans-serif"})
        _label(group, label)
    return tostring(root, encoding="unicode") + "\n"


def _label(group: Element, label: Label) -> None:
    width, height = LABEL_MM
    frame = {
        "width": str(width),
        "height": str(height),
        "fill": "none",
        "stroke": "#bbb",
        "stroke-width": "0.2",
    }
    SubElement(group, "rect", frame)
    _text(group, 4, 6.5, 3.8, label.site, bold=True)
    _text(group, 4, 11, 3.2, f"{label.gateway} · sel / cell {label.cell:02d}")
    codes = [("Klaim / claim", label.claim)]
    if label.page:
        codes.append(("Uji terima / commissioning", label.page))
    for place, (title, text) in enumerate(codes):
        x = 4 + place * 46
        _text(group, x, 15, 2.6, title)
        _code(group, x, 15.5, text)
    _text(group, 4, 53.4, 2.2, f"Sekali pakai sampai / once, until {label.until}. Rahasia / secret.")


def _code(group: Element, x: float, y: float, text: str) -> None:
    code = qr.element(text)
    for name, value in (("x", x), ("y", y), ("width", CODE_MM), ("height", CODE_MM)):
        code.set(name, str(value))
    group.append(code)


def _text(group: Element, x: float, y: float, size: float, text: str, *, bold: bool = False) -> None:
    line = SubElement(group, "text", {"x": str(x), "y": str(y), "font-size": str(size)})
    if bold:
        line.set("font-weight", "bold")
    # What cannot be seen may not be in XML either.
    seen = "".join(one for one in text if one.isprintable())
    most = (
        int((LABEL_MM[0] - 2 * x) / (size * (BOLD if bold else LETTER))) if x < LABEL_MM[0] / 2 else len(seen)
    )
    line.text = seen if len(seen) <= most else seen[: most - 1] + "…"
