"""``siaga-edge read POINT``: what a device says now."""

from __future__ import annotations

import time
from collections.abc import Iterator

from edge.config import Config
from edge.orders import Answer
from edge.visit.gateway_here import lines, order

QUALITY = {
    "good": "baik / good",
    "out_of_range": "di luar rentang / out of range",
    "step": "melompat / stepped too fast",
    "stuck": "macet / stuck",
    "invalid": "tanpa nilai / the instrument has none",
    "no_answer": "tidak menjawab / no answer",
}


def read(config: Config, point: str, *, times: int, every_s: float) -> Iterator[str]:
    """Read a device or one of its quantities so many times; a table for each.

    Raises:
        OrderError: there is no such point, or it does not answer.
    """
    for at in range(times):
        if at:
            time.sleep(every_s)
        answer, _ = order(config, "read", {"point": point})
        yield lines(list(_rows(answer)))


def _rows(answer: Answer) -> Iterator[tuple[str, str, str]]:
    for name, said in answer["values"].items():
        value = "-" if said["value"] is None else f"{said['value']:g} {said['unit']}".strip()
        yield f"{answer['device']}.{name}", value, QUALITY[said["quality"]]
