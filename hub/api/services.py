"""What the API needs of the hub, passed in whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection

from hub.agencies.current import Current
from hub.agencies.directory import Directory
from hub.api.auth.oidc import Oidc
from hub.api.auth.passwords import Passwords
from hub.api.auth.sessions import Timeouts
from hub.api.rates import Rates
from hub.bus import Bus
from hub.city.beds import PanelWords
from hub.clock import Clock
from hub.db import Database
from hub.fleet.commands import Commands
from hub.ingest.pictures import Pictures
from hub.notify.links import Links
from hub.programmes.files import Programme
from hub.region import Region
from hub.rules.book import Book
from hub.rules.model import StationState
from hub.series.shared import Queries
from hub.walls.beats import Beats


class Wakes(Protocol):
    """Who is told that the outbox has new rows."""

    def wake(self) -> None:
        """New rows may be there."""
        ...


class RulesInForce(Protocol):
    """The running hub's rules: ``hub.ingest.ruling.Ruling``."""

    path: Path
    mistakes: tuple[str, ...]

    @property
    def book(self) -> Book:
        """Those in force."""
        ...

    async def look(self) -> None:
        """Take the file into force now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that the routes use.

    Attributes:
        directories: the directory in force, and how it is changed.
        gateways: one mapping a gateway with its liveness and ledger line (accepted, committed, on its way, refused,
            lost); called within a read transaction.
        silent: ids of the gateways that are silent now.
        unheard: those, and ``gateway/device`` of each device that does not answer its gateway.
        levels: the river posts' states, as the rules engine has them now.
        panels: what the bed panels said last.
        pipeline: rates, queue depths, dead letters, latency quantiles; plain values only.
        ready: what keeps the hub from being ready, empty when it is.
        series: None where no InfluxDB is configured.
        oidc: who vouches for people; None where they have passwords only.
        passwords, timeouts, rates: production's unless a test needs them quick.
        operators: how many share the alarms of a shift.
        secure_cookies: True when the hub itself or the proxy before it speaks TLS.
        commands: gives gateways commands; None in tests that have no gateways.
        second_path: takes a gateway's signed press; None in tests that have no authority to judge it by.
        pictures: takes pictures of presses from their gateways; None as ``second_path``.
        hooks: secret of each channel whose receiver may tell something back.
        links: by which contacts answer without an account; None where the configuration has no address for them.
        cap_sender: the hub's name among senders of CAP; empty where it sends none.
        programmes: the profile's, by id.
        applications: token of each application that may send presses.
        walls, wall_tokens: what the walls' PCs say of themselves, and the token of each.
        rules: the rules in force and their file; None in tests that have none.
        profile_mistakes: why the changed region profile is not in force; empty where it is.
        advisories: warnings of other authorities and the state of their feeds; None where none is read.
    """

    db: Database
    clock: Clock
    region: Region
    directories: Current
    bus: Bus
    notify: Wakes
    gateways: Callable[[Connection], Sequence[Mapping[str, Any]]]
    silent: Callable[[], Collection[str]]
    unheard: Callable[[], Collection[str]]
    levels: Callable[[], Sequence[StationState]]
    panels: PanelWords
    pipeline: Callable[[], Mapping[str, Any]]
    ready: Callable[[], Sequence[str]]
    series: Queries | None
    secure_cookies: bool
    oidc: Oidc | None = None
    passwords: Passwords = field(default_factory=Passwords)
    timeouts: Timeouts = field(default_factory=Timeouts)
    operators: int = 1
    rates: Rates = field(default_factory=Rates)
    hooks: Mapping[str, bytes] = field(default_factory=dict)
    applications: Mapping[str, str] = field(default_factory=dict)
    programmes: Mapping[str, Programme] = field(default_factory=dict)
    wall_tokens: Mapping[str, str] = field(default_factory=dict)
    walls: Beats = field(default_factory=lambda: Beats((), began_mono_ms=0))
    links: Links | None = None
    cap_sender: str = ""
    commands: Commands | None = None
    second_path: Callable[[bytes], Awaitable[Sequence[str]]] | None = None
    pictures: Pictures | None = None
    rules: RulesInForce | None = None
    profile_mistakes: Callable[[], Sequence[str]] = tuple
    advisories: Callable[[], Mapping[str, Any]] | None = None

    def directory(self) -> Directory:
        """The directory as it is now. Ask again at the next use."""
        return self.directories.get()
