"""A text as a QR code, in SVG."""

from __future__ import annotations

import io
from xml.etree.ElementTree import Element, fromstring

import segno


def svg(text: str, *, scale: float = 4.0) -> str:
    """The code as a whole SVG image, black on white with the quiet zone that readers need.

    Args:
        scale: width of a module in pixels.
    """
    out = io.BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(out, kind="svg", scale=scale, border=4, dark="#000", light="#fff", xmldecl=False, nl=False)
    return out.getvalue().decode()


def element(text: str) -> Element:
    """The code as an SVG element without a size, to be placed in another image."""
    code = segno.make(text, error="m", micro=False)
    # What segno has written itself is no foreign XML.
    return fromstring(code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True))  # noqa: S314
