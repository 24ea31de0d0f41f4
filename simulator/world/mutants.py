"""Planted bugs: each must be caught by the oracle, or the oracle is no good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MUTANTS: dict[str, object] = {}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """With that bug in the production code; None plants nothing."""
    yield
