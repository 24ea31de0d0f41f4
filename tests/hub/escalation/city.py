"""A city whose contacts are asked into a list, a store in memory, and a hub that can be restarted, for escalations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from hub.agencies.directory import Contact, Directory, plain
from hub.escalation.asking import City
from hub.escalation.worker import Escalation
from hub.notify.asks import Question, ask
from tests.hub.city import NOW, REGION
from tests.hub.empty_tables import fresh


def contact(
    agency: str, step: Any, *, name: str = "", channels: tuple[str, ...] = ("hook",), **more: Any
) -> Contact:
    """Somebody of an agency at a step."""
    return Contact(name or f"{agency}-{step}", agency, name or step, step, channels=channels, **more)


CONTACTS = (
    contact("bpbd", "supervisor"),
    contact("bpbd", "head"),
    contact("damkar", "first"),
    contact("damkar", "second"),
    contact("damkar", "supervisor"),
    contact("damkar", "head"),
)


def directory(*contacts: Contact, exercise: tuple[Contact, ...] = ()) -> Directory:
    """A directory of these contacts."""
    return Directory(
        plain(REGION).agencies,
        plain(REGION).roster,
        MappingProxyType({one.id: one for one in contacts}),
        MappingProxyType({one.id: one for one in exercise}),
    )


class Clock:
    """Both clocks; the wall's can be set."""

    def __init__(self) -> None:
        self.mono = 5_000_000
        self.wall = NOW

    def now_ms(self) -> int:
        return self.wall

    def mono_ms(self) -> int:
        return self.mono

    def run(self, ms: int) -> None:
        self.wall += ms
        self.mono += ms


class Store:
    """The hub's store on one connection; a write that fails leaves nothing."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    async def read(self, fn: Callable[[Connection], Any]) -> Any:
        return fn(self._conn)

    async def write(self, fn: Callable[[Connection], Any], *, urgent: bool = False) -> Any:
        with self._conn.begin_nested():
            return fn(self._conn)


@dataclass
class Desk:
    """A hub's escalation with all around it.

    Attributes:
        asked: (question's key, contact) in order; a rolled back one is not in it.
    """

    conn: Connection
    clock: Clock
    people: Directory = field(default_factory=lambda: directory(*CONTACTS))
    attended: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    escalation: Escalation = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The hub was killed and started again: what it had in memory is gone."""
        city = lambda: City(REGION, self.people, lambda conn, now_ms: self.attended, self._ask)  # noqa: E731
        store: Any = Store(self.conn)
        self.escalation = Escalation(store, self.clock, city, changed=lambda incident: None)

    def _ask(self, conn: Connection, one: Contact, question: Question, *, now_ms: int) -> bool:
        done = ask(conn, one, question, now_ms=now_ms)
        if done:
            self.asked.append((question.key, one.id))
        return done

    async def settle(self) -> float:
        """Do all that is due; seconds until the next."""
        while (rest_s := await self.escalation.step()) == 0:
            pass
        return rest_s

    async def wait(self, seconds: float) -> None:
        """Let that much time pass, looking whenever something is due."""
        left = round(seconds * 1000)
        while True:
            rest = round(await self.settle() * 1000)
            if rest > left:
                self.clock.run(left)
                await self.settle()
                return
            self.clock.run(rest)
            left -= rest

    @property
    def who(self) -> list[str]:
        """Who was asked, in order."""
        return [name for _, name in self.asked]


@contextmanager
def desk() -> Iterator[Desk]:
    """A desk on an empty store."""
    with fresh() as conn:
        # The driver begins by itself only before it writes, and a savepoint before that would be a transaction.
        conn.exec_driver_sql("BEGIN")
        yield Desk(conn, Clock())
