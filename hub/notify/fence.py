"""What keeps an exercise from real people: two kinds of channels, and a notice is on one side or the other. Pure.

Channels of exercises have ids of their own (``latihan-…``), are configured in a table of their own, and are held by a
worker of their own with an allow-list of its own. The worker that reaches real agencies holds none of them, and the
worker of exercises holds nothing else; so a row that were on the wrong side by a mistake would find no channel there.
"""

from __future__ import annotations

from collections.abc import Collection

EXERCISE = "latihan-"
"""What the id of a channel for exercises begins with, and no other's."""

MARK = "LATIHAN / EXERCISE"
TEXT_MARK = (
    "INI LATIHAN: tidak ada kejadian sebenarnya, jangan kerahkan siapa pun.\n"
    "THIS IS AN EXERCISE: nothing has happened, send nobody out."
)


def is_exercise(channel: str) -> bool:
    """Whether a channel is one for exercises."""
    return channel.startswith(EXERCISE)


def beyond(channels: Collection[str], drill: str) -> list[str]:
    """Those of the channels that are on the other side of the fence for a notice of a drill, or of none (empty)."""
    return [channel for channel in channels if is_exercise(channel) != bool(drill)]


def marked(title: str, text: str, drill: str) -> tuple[str, str]:
    """Title and text as they go out: of a drill, marked so that nobody can take them for real. Marks once."""
    if not drill or title.startswith(MARK):
        return title, text
    return f"{MARK}: {title}", f"{TEXT_MARK}\n\n{text}"
