"""What people do to the rules by pages: each change goes into rules.toml and the audit trail, both or neither."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from contract.strict_toml import TomlError
from contract.whole_file import write_text
from hub.api.access import Identity
from hub.api.changes import change
from hub.api.services import RulesInForce, Services
from hub.api.tables import audit
from hub.errors import HubError
from hub.rules import book as books
from hub.rules import edit
from hub.rules.form import ValueSaidError

ACTIONS = ("rules.add", "rules.change", "rules.remove", "rules.restore")
MODE = 0o644
"""Of a file that was not there before: no secret is in it, and an administrator reads it by hand."""


class RuleFileError(HubError):
    """The file cannot be read or written by the hub."""


class RuleConflictError(HubError):
    """The file was changed since the person looked."""


class RuleMistakesError(HubError):
    """The file would have mistakes.

    Attributes:
        of: what is wrong and what to write instead, by the field of the rule; under an empty key what is of no field.
    """

    def __init__(self, of: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(said for each in of.values() for said in each))
        self.of = of


@dataclass(frozen=True, slots=True)
class Text:
    """The file as it is.

    Attributes:
        digest: by which a form says which text it was made of.
    """

    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def read(path: Path) -> Text:
    """The file; one that is not there is empty.

    Raises:
        RuleFileError: it cannot be read.
    """
    try:
        return Text(path.read_bytes().decode())
    except FileNotFoundError:
        return Text("")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleFileError(
            f"{path} cannot be read: {error}", "look at its rights and its encoding"
        ) from None


@dataclass(frozen=True, slots=True)
class RuleWork:
    """One person's work on the rules.

    Every method takes ``base``, the digest of the text that the person saw.

    Raises, each of them:
        RuleConflictError: the file is another one by now. RuleFileError: the hub may not read or write it.
        RuleMistakesError: the file would have mistakes, or has some already. RuleEditError: it cannot be changed so.
        In all of these cases nothing was changed.
    """

    hub: Services
    who: Identity
    rules: RulesInForce

    async def put(self, rule: str, kind: str, said: Mapping[str, str], *, base: str, note: str = "") -> None:
        """Change a rule, or make it."""
        there = rule in self.rules.book.rules
        await self._edit(
            "rules.change" if there else "rules.add",
            rule,
            lambda text: self._put(text, rule, kind, said),
            base=base,
            note=note,
        )

    async def remove(self, rule: str, *, base: str, note: str = "") -> None:
        """Take a rule out; its alarms end with it."""
        await self._edit(
            "rules.remove", rule, lambda text: edit.without(self._good(text), rule), base=base, note=note
        )

    async def restore(self, text: str, *, base: str, note: str = "") -> None:
        """Put a text of before back into force."""
        await self._edit("rules.restore", books.NAME, lambda _: text, base=base, note=note)

    async def _edit(
        self, action: str, subject: str, make: Callable[[str], str], *, base: str, note: str
    ) -> None:
        path = self.rules.path
        before = await asyncio.to_thread(read, path)
        if before.digest != base:
            raise RuleConflictError(f"{path.name} was changed meanwhile", "read it again")
        after = make(before.text)
        if after == before.text:
            return
        try:
            book = await asyncio.to_thread(books.parse, after, self.hub.region, path.name)
        except TomlError as error:
            raise RuleMistakesError(_by_field(error, after, subject)) from None

        def write(_: Connection) -> None:
            if read(path).digest != base:
                raise RuleConflictError(f"{path.name} was changed meanwhile", "read it again")
            try:
                mode = path.stat().st_mode & 0o777 if path.exists() else MODE
                write_text(path, after, mode=mode)
            except OSError as error:
                raise RuleFileError(
                    f"the hub may not write {path}: {error.strerror}",
                    "give its account the right to write there",
                ) from None

        detail = {"version": book.version, "note": note}
        if action != "rules.restore":
            detail |= {"before": edit.block(before.text, subject), "after": edit.block(after, subject)}
        await change(self.hub, self.who, action, subject, write, detail=detail)
        await self.rules.look()

    def _put(self, text: str, rule: str, kind: str, said: Mapping[str, str]) -> str:
        try:
            return edit.put(self._good(text), rule, kind, said)
        except ValueSaidError as error:
            raise RuleMistakesError({error.key: [str(error)]}) from None

    def _good(self, text: str) -> str:
        """A text that can be read: what has mistakes already is not made worse from a page."""
        try:
            books.parse(text, self.hub.region, self.rules.path.name)
        except TomlError as error:
            raise RuleMistakesError({"": error.reports}) from None
        return text


def _by_field(error: TomlError, text: str, rule: str) -> dict[str, list[str]]:
    names = [one.get("id") for one in tomllib.loads(text).get("rule", ())]
    found: dict[str, list[str]] = {}
    for mistake, report in zip(error.mistakes, error.reports, strict=True):
        match mistake.at:
            case ("rule", int() as at, *inner) if names[at] == rule:
                key = str(inner[0]) if inner else ""
                hint = f"; write instead: {mistake.instead}" if mistake.instead else ""
                found.setdefault(key, []).append(f"{mistake.text}{hint}")
            case _:
                found.setdefault("", []).append(report)
    return found


def authors(conn: Connection) -> dict[str, str]:
    """Who brought which version of the rules into force by a page; a version of a file edited by hand has nobody."""
    rows = conn.execute(
        select(audit.c.actor, audit.c.detail)
        .where(audit.c.action.in_(ACTIONS))
        .order_by(audit.c.n.desc())
        .limit(200)
    )
    found: dict[str, str] = {}
    for actor, detail in rows:
        found.setdefault(str(json.loads(detail).get("version", "")), actor)
    return found
