"""A measure that fails over what nobody has foreseen ends neither the hub nor the next pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hub.clock import SystemClock
from hub.kpis.projector import Projector


async def test_a_fault_of_a_measure_is_told_and_the_next_pass_comes(monkeypatch, caplog):
    nothing: Any = None
    region: Any = SimpleNamespace(zone="Asia/Jakarta")
    projector = Projector(nothing, SystemClock(), region, nothing, nothing, marks=nothing)
    written: list[int] = []

    async def unforeseen(now_ms: int) -> None:
        raise ValueError("an odd row")

    async def whole(now_ms: int) -> None:
        written.append(now_ms)

    monkeypatch.setattr(projector, "_write", unforeseen)
    await projector.look()
    assert caplog.text.count("kpis_failed") == 1
    monkeypatch.setattr(projector, "_write", whole)
    await projector.look()
    assert len(written) == 1
    assert not projector._failing
