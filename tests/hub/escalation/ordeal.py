"""One incident of the real hub, which is killed at every named place of each step that its questions take.

No test can wait through two rounds. So time passes while the hub is dead: what the store has of the waits and of who
was asked is made older. The hub, its clock and its store are the real ones.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx

from hub.cli import main
from hub.escalation.machine import AGAIN_MS, LADDERS, ROUNDS, Ladder
from simulator.logins import Login
from simulator.servers import Mosquitto
from tests.hub.escalation import lives
from tests.hub.escalation.lives import PATIENCE_S, living, query
from tests.hub.notify.receiver import Receiver, receiving
from tests.hub.running import write_config

Doing = Callable[[], Awaitable[object]]

WAIT_S = 50.0
"""How long each level is waited for. A round of four is over before anybody may be asked again."""

LONG_S = 600.0
"""After this everybody may."""

TRIES = 5
"""How many lives it may take until a kill has met the notice that is meant: others are under way too."""

AGENCY = "damkar"
CONTACTS = (
    ("piket", "supervisor"),
    ("piket", "head"),
    (AGENCY, "first"),
    (AGENCY, "second"),
    (AGENCY, "supervisor"),
    (AGENCY, "head"),
)
PASSWORD = "jembatan gantung 17 ikan"


class Standing(NamedTuple):
    """How far a question is. ``asks`` is how often a contact was asked it."""

    state: str
    begun: int
    round: int
    rung: int
    steps: int
    asks: int


class Notice(NamedTuple):
    """How far the newest notice is. ``arrived`` is how often the receiver was sent it."""

    state: str
    attempts: int
    arrived: int


PLACES: dict[str, Callable[[Notice, Notice], bool]] = {
    "notify.taken": lambda had, has: has.attempts > had.attempts and has.arrived == had.arrived,
    "notify.sent": lambda had, has: has.arrived > had.arrived and has.state == "sending",
    "notify.finished": lambda had, has: has.arrived > had.arrived and has.state == "sent",
}
"""The places of a notice's life, and what shows that it was killed there."""


@dataclass(eq=False)
class Ordeal:
    """The hub, a person on watch, and the question that is looked at.

    Attributes:
        api: the person's, logged in; the session outlives every kill.
        kills: by failpoint.
    """

    config: Path
    receiver: Receiver
    api: httpx.AsyncClient
    ladder: Ladder
    kills: Counter[str]

    # The hub's lives

    async def alive(self, *doings: Doing) -> None:
        """A life in which these things are done; it ends unforeseen, but nowhere in particular."""
        async with living(self.config, "") as (_, api):
            self.api.base_url = api
            for doing in doings:
                await doing()

    async def killed_at(self, failpoint: str, doing: Doing | None = None) -> None:
        """A life that ends there, of itself or by what is done; who does it may get no answer.

        Args:
            failpoint: its name, with ``:n`` for the n-th time that it is reached.
        """
        async with living(self.config, failpoint) as (child, api):
            if doing is not None:
                self.api.base_url = api
                with suppress(httpx.TransportError):
                    await doing()
            await lives.killed(child, failpoint)
        self.kills[failpoint.partition(":")[0]] += 1

    async def nothing_kept(self, failpoint: str, doing: Doing | None = None) -> None:
        """A life that ends there leaves the question as it was."""
        before = self.standing()
        await self.killed_at(failpoint, doing)
        assert self.standing() == before, f"{failpoint} is within the transaction or before it"

    # The question's steps

    async def begin(self, doing: Doing) -> None:
        """The question begins by what is done, in spite of kills."""
        self.leave(WAIT_S)
        await self.nothing_kept("escalation.begun", doing)
        await self.killed_at("escalation.due", doing)
        assert self.standing() == Standing("waiting", 1, 0, 0, 1, 0)

    async def climb(self, late_s: float = 0.0) -> None:
        """Its wait is over, and it takes the next step in spite of kills.

        Args:
            late_s: how long the wait has been over when the hub looks.
        """
        before = self.standing()
        for failpoint in ("escalation.due", "escalation.stepped"):
            self.leave(-late_s)
            await self.nothing_kept(failpoint)
        self.leave(-late_s)
        await self.killed_at("escalation.committed")
        after = self.standing()
        assert after.steps == before.steps + 1, "one step, and it is kept"
        if after.asks > before.asks:
            await self._notice()

    async def climb_all(self) -> None:
        """Every level of every round, until it is exhausted; the last of all is long after the first of all."""
        levels = LADDERS[self.ladder]
        for step in range(1, ROUNDS * len(levels) + 1):
            await self.climb(LONG_S if step == ROUNDS * len(levels) else 0.0)
        assert self.standing().state == "waiting"
        await self.climb()
        assert self.standing().state == "exhausted"
        assert self.alarmed()

    async def answer(self, doing: Doing) -> None:
        """It is answered by what is done, in spite of a kill."""
        self.leave(WAIT_S)
        before = self.standing()
        await self.nothing_kept("escalation.answered", doing)
        await self.alive(doing)
        assert self.standing() == before._replace(state="answered", steps=before.steps + 1)
        assert not self.alarmed()

    async def _notice(self) -> None:
        for failpoint, met in PLACES.items():
            for _ in range(TRIES):
                self.leave(WAIT_S)
                had = self.notice()
                await self.killed_at(failpoint)
                if met(had, self.notice()):
                    break
            else:
                raise AssertionError(f"{failpoint}: never met, {self.notice()}")

    # What the store says

    @property
    def _store(self) -> Path:
        return self.config.parent / "hub.sqlite"

    def leave(self, left_s: float) -> None:
        """Let so much of its wait be left: whatever is on record happened earlier, or later, by what that takes. Any
        other question that waits has its whole wait before it."""
        now_ms, whole_ms = round(time.time() * 1000), round(WAIT_S * 1000)
        other = "UPDATE escalations SET due_ms = ?, wait_ms = ? WHERE state = 'waiting' AND ladder <> ?"
        query(self._store, other, now_ms + whole_ms, whole_ms, self.ladder)
        its = "SELECT due_ms FROM escalations WHERE state = 'waiting' AND ladder = ?"
        for (due_ms,) in query(self._store, its, self.ladder):
            older_ms = int(str(due_ms)) - now_ms - round(left_s * 1000)
            for table, column in (("escalations", "due_ms"), ("escalation_steps", "at_ms")):
                older = f"UPDATE {table} SET {column} = {column} - ? WHERE ladder = ?"
                query(self._store, older, older_ms, self.ladder)

    def standing(self) -> Standing:
        """How far the question is; all zero where it has not begun."""
        rows = query(
            self._store,
            "SELECT state, begun, round, rung,"
            " (SELECT count(*) FROM escalation_steps s WHERE s.ladder = e.ladder),"
            " (SELECT count(*) FROM asks a WHERE a.key LIKE e.ladder || '/%')"
            " FROM escalations e WHERE ladder = ?",
            self.ladder,
        )
        return Standing(*rows[0]) if rows else Standing("", 0, 0, 0, 0, 0)

    def notice(self) -> Notice:
        """How far the question's newest notice is."""
        ((key, state, attempts),) = query(
            self._store,
            "SELECT key, state, attempts FROM outbox WHERE key LIKE ? ORDER BY rowid DESC LIMIT 1",
            f"ask/{self.ladder}/%",
        )
        return Notice(str(state), int(str(attempts)), self.arrived()[str(key)])

    def arrived(self) -> Counter[str]:
        """How often the receiver was sent each notice of the question, by its key."""
        keys = Counter(one.headers["idempotency-key"] for one in self.receiver.received)
        return Counter({key: count for key, count in keys.items() if key.startswith(f"ask/{self.ladder}/")})

    def alarmed(self) -> bool:
        """Whether the alarm stands that nobody answers."""
        states = query(self._store, "SELECT state FROM alarms WHERE condition = 'escalation_exhausted'")
        return any(state not in ("normal", "returned") for (state,) in states)

    def told(self) -> list[tuple[int, int, str]]:
        """Who was told, each as (begun, round, contact); judged on the way.

        Each person was asked where they had not been within the window, and nowhere else; each asking is one ask and
        one key at the receiver, however often it was sent.
        """
        steps = query(
            self._store,
            "SELECT n, at_ms, begun, round, contact, outcome FROM escalation_steps WHERE ladder = ? ORDER BY n",
            self.ladder,
        )
        assert [n for n, *_ in steps] == list(range(1, len(steps) + 1))
        last_ms: dict[tuple[object, object], int] = {}
        found: list[tuple[int, int, str]] = []
        for _, at, begun, round_, contact, outcome in steps:
            if not contact:
                continue
            at_ms, before_ms = int(str(at)), last_ms.get((begun, contact))
            again = before_ms is not None and at_ms - before_ms < AGAIN_MS
            assert outcome == ("already" if again else "told"), (round_, contact)
            if not again:
                last_ms[begun, contact] = at_ms
                found.append((int(str(begun)), int(str(round_)), str(contact)))
        arrived = self.arrived()
        assert len(arrived) == len(found) == self.standing().asks
        assert min(arrived.values()) >= 2, "what was sent and not on record was sent again, under its key"
        return found

    def levels(self) -> list[str]:
        """The levels that were asked, in order."""
        asked = "SELECT level FROM escalation_steps WHERE ladder = ? AND step = 'ask' ORDER BY n"
        return [str(level) for (level,) in query(self._store, asked, self.ladder)]

    # What people do

    async def press(self) -> None:
        """Somebody presses; the same press, however often it is sent."""
        await lives.press(str(self.api.base_url).rstrip("/"))

    async def see(self) -> None:
        """The person on watch acknowledges."""
        await self._post("acknowledge", {})

    async def take(self, action: str, agency: str | None = None) -> None:
        """The person on watch takes the incident a step on."""
        ((version,),) = query(self._store, "SELECT version FROM incidents")
        await self._post(action, {"version": version, "agency": agency})

    async def _post(self, action: str, body: dict[str, object]) -> None:
        ((incident,),) = query(self._store, "SELECT id FROM incidents")
        (await self.api.post(f"/api/incidents/{incident}/{action}", json=body)).raise_for_status()

    async def say(self, level: str, word: str) -> None:
        """A contact answers by the link of the newest notice."""
        urls = [
            said["answer_url"]
            for said in (json.loads(one.body) for one in self.receiver.received)
            if said["data"].get("contact") == f"{AGENCY}-{level}"
        ]
        token = urls[-1].rpartition("/")[2]
        (await self.api.post(f"/j/{token}", data={"word": word})).raise_for_status()

    async def until_asked(self) -> None:
        """Until the first level was asked."""
        async with asyncio.timeout(PATIENCE_S):
            while self.standing().steps < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@asynccontextmanager
async def ordeal(folder: Path, broker: Mosquitto, ladder: Ladder) -> AsyncIterator[Ordeal]:
    """A hub with one receiver for everybody, and an operator on watch who hears what rings."""
    async with receiving() as receiver, httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as api:
        config = lives.configured(
            folder,
            write_config(folder, broker),
            receiver,
            contacts=CONTACTS,
            wait_s=WAIT_S,
        )
        (folder / "answers").write_text("a" * 43)
        with config.open("a") as file:
            file.write('[answers]\naddress = "https://siaga.example"\nkey_file = "answers"\n')
        (folder / "password").write_text(PASSWORD)
        who = ["siti", "--role", "operator", "--role", "dispatcher"]
        where = ["--password-file", str(folder / "password"), "--config", str(config)]
        assert await asyncio.to_thread(main, ["users", "add", *who, *where]) == 0
        made = Ordeal(config, receiver, api, ladder, Counter())

        async def watch() -> None:
            await Login("siti", PASSWORD).enter(api)
            taken = await api.post("/shift/take", data={"shift": "0", "heard": "true"})
            assert taken.status_code == httpx.codes.SEE_OTHER, taken.text

        await made.alive(watch)
        yield made
