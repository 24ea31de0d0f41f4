"""The one HTTP code path to InfluxDB: ``POST /write`` and InfluxQL on ``/query``, which 1.x, 2.x and 3 Core serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

AuthMode = Literal["none", "basic", "token", "bearer"]


@dataclass(frozen=True)
class InfluxConfig:
    """Where InfluxDB is and how to enter. ``secret`` is the password or token."""

    url: str
    database: str = "siaga"
    auth: AuthMode = "none"
    user: str = ""
    secret: str = ""
    timeout_s: float = 10.0
    gzip: bool = False


class Influx:
    """An InfluxDB database over HTTP.

    Use as ``async with Influx(config) as influx``.
    """

    def __init__(self, config: InfluxConfig) -> None:
        self.config = config

    async def __aenter__(self) -> Influx:
        raise NotImplementedError

    async def __aexit__(self, *exc: object) -> None:
        raise NotImplementedError

    async def ping(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    async def create_database(self) -> None:
        """Make the database where it is not there. Idempotent."""
        raise NotImplementedError

    async def query(self, q: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of an InfluxQL query, tags and columns by name, ``time`` in ms UTC. Bind with ``$name``."""
        raise NotImplementedError
