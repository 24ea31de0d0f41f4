"""What the walls have said of themselves, and which of them show nothing. Pure: times are passed in.

Kept in memory: the configuration says which walls there are, and each tells again within a minute of a start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["lit", "dark", "silent", "waiting"]
"""``lit`` shows its page; ``dark`` is there and shows none; ``silent`` is not heard; ``waiting`` was not heard
since the hub's start, and may yet be."""

SILENT_MS = 180_000
"""Three beats of a minute: a wall that was not heard for so long is silent, and one dark for so long is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What a wall says.

    Attributes:
        shows: playlist or page in its browser.
        version: of its files, so that one which was not installed anew is seen.
        up_s: since its PC started.
        loaded_s: since its browser last loaded the page; None where none runs.
        grafana: whether Grafana answers it.
    """

    shows: str
    version: str
    up_s: float
    loaded_s: float | None
    grafana: bool

    @property
    def lit(self) -> bool:
        """Whether it shows something now."""
        return self.grafana and self.loaded_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """A wall as it is now; times in ms UTC.

    Attributes:
        heard_ms: its newest beat; None where there was none since the hub started, and so for the next.
        up_ms: when its PC started.
        loaded_ms: when its browser last loaded the page; None where none runs.
        overdue: it has shown nothing for so long that people are told; None where nobody can know yet.
    """

    name: str
    state: State
    overdue: bool | None
    heard_ms: int | None = None
    up_ms: int | None = None
    loaded_ms: int | None = None
    shows: str = ""
    version: str = ""
    grafana: bool | None = None


@dataclass(slots=True)
class _Last:
    """The newest beat of a wall, and when it was last lit, by the steady clock."""

    beat: Beat
    heard_ms: int
    heard_mono_ms: int
    lit_mono_ms: int


class Beats:
    """The walls of the configuration.

    Args:
        began_mono_ms: when the hub began to listen: before that nobody could be heard.
    """

    def __init__(self, names: Iterable[str], *, began_mono_ms: int) -> None:
        self._names = tuple(names)
        self._began_mono_ms = began_mono_ms
        self._last: dict[str, _Last] = {}

    def take(self, name: str, beat: Beat, *, now_ms: int, mono_ms: int) -> None:
        """A wall of the configuration has said this."""
        before = self._last.get(name)
        lit = before.lit_mono_ms if before else self._began_mono_ms
        self._last[name] = _Last(beat, now_ms, mono_ms, mono_ms if beat.lit else lit)

    def now(self, *, mono_ms: int) -> list[Wall]:
        """Every wall, in the order of the configuration."""
        return [self._wall(name, mono_ms) for name in self._names]

    def _wall(self, name: str, mono_ms: int) -> Wall:
        last = self._last.get(name)
        if last is None:
            late = mono_ms - self._began_mono_ms >= SILENT_MS
            return Wall(name=name, state="silent" if late else "waiting", overdue=late or None)
        beat = last.beat
        silent = mono_ms - last.heard_mono_ms >= SILENT_MS
        return Wall(
            name=name,
            state="silent" if silent else "lit" if beat.lit else "dark",
            overdue=mono_ms - last.lit_mono_ms >= SILENT_MS,
            heard_ms=last.heard_ms,
            up_ms=last.heard_ms - round(beat.up_s * 1000),
            loaded_ms=None if beat.loaded_s is None else last.heard_ms - round(beat.loaded_s * 1000),
            shows=beat.shows,
            version=beat.version,
            grafana=beat.grafana,
        )
