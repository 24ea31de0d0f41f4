"""Text of somebody else's making, as every store holds it. Pure."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without what PostgreSQL does not take (NUL) and no UTF-8 can say (half of a surrogate pair): JSON can
    carry both, and neither may make a failure of what it came with."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
