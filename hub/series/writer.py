"""The series writer: keeps batches until InfluxDB has them, and says so batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from contract.messages import Flow
from hub.series.influx import Influx


@dataclass(frozen=True, eq=False)
class Batch:
    """Lines that are answered together, as those of one frame.

    Attributes:
        token: the caller's own; comes back in Written.
        lines: line protocol without line ends; an empty item counts as written.
    """

    token: Any
    lines: Sequence[bytes]
    size: int = field(init=False)
    """Bytes of all lines, with line ends."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", sum(map(len, self.lines)) + len(self.lines))


@dataclass(frozen=True)
class Written:
    """A batch is in InfluxDB, but for the lines that it will never take.

    Attributes:
        rejected: (index of the line in the batch, reason), ascending.
    """

    batch: Batch
    rejected: tuple[tuple[int, str], ...] = ()


class SeriesWriter:
    """Posts what waits as soon as one of two connections is free.

    ``on_written`` and ``on_flow`` are called on the event loop and must not block or raise.
    """

    def __init__(
        self,
        influx: Influx,
        clock: Any,
        on_written: Callable[[Written], None],
        *,
        on_flow: Callable[[Flow], None] = lambda flow: None,
        random: Random | None = None,
    ) -> None:
        raise NotImplementedError

    @property
    def flow(self) -> Flow:
        """``hold`` while InfluxDB is down or behind."""
        raise NotImplementedError

    @property
    def waiting(self) -> int:
        """Lines that are kept and not yet written."""
        raise NotImplementedError

    def offer(self, batch: Batch) -> bool:
        """Take a batch; False where memory is at its bound: the caller drops it and the gateway sends again."""
        raise NotImplementedError

    async def run(self) -> None:
        """Write until cancelled."""
        raise NotImplementedError
