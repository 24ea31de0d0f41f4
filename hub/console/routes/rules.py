"""Rules: what raises an alarm, in force and in the file; an administrator changes one, or puts an older text back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy import Connection

from hub.alarms import service as alarms
from hub.api import rule_work
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth import users
from hub.api.auth.roles import ADMINISTERING, PLANT
from hub.api.errors import ApiError
from hub.api.rule_work import RuleConflictError, RuleFileError, RuleMistakesError, RuleWork
from hub.api.services import RulesInForce, Services
from hub.console import rules as view
from hub.console import words
from hub.console.fault import SaidError
from hub.console.language import marked as _
from hub.console.page import OPTIONS, page
from hub.errors import HubError
from hub.rules import files, form, store
from hub.rules.edit import RuleEditError

VERSIONS_SHOWN = 20
MOST_TEXT = 4000
"""Of a field."""

CHANGED_MEANWHILE = _(
    "The file was changed meanwhile. This is what you wrote: look at it once more, then save."
)
NOT_WRITABLE = _(
    "The hub may not read or write its rules.toml. Give its account the right, or change it by hand."
)
NEEDS_ID = _("A rule's id has small letters, digits and hyphens, and is taken once.")

RuleId = Annotated[str, Path(max_length=64)]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form of one rule.

    Attributes:
        known: the rule is there already.
        values: what its fields show.
        wrong: what is wrong, by field; under an empty key what is of no field.
        told: what else is wrong.
    """

    rule_id: str
    kind: str
    known: bool
    values: Mapping[str, str]
    wrong: Mapping[str, Sequence[str]] = field(default_factory=dict)
    told: str = ""


async def everything(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Aturan / The rules in force, what is wrong with the file, and the versions before."""
    rules = _rules(hub)

    def read(conn: Connection) -> dict[str, object]:
        found = store.versions(conn, VERSIONS_SHOWN)
        return {
            "rules": view.lines(rules.book, alarms.active(conn)),
            "versions": found,
            "authors": rule_work.authors(conn),
            "names": {user.name: user.full_name or user.name for user in users.listed(conn)},
        }

    context = await hub.db.read(read)
    return await page(
        request,
        hub,
        who,
        "rules.html",
        **context,
        version=rules.book.version,
        mistakes=rules.mistakes,
        profile_mistakes=hub.profile_mistakes(),
        kinds=words.RULE_KINDS,
        **_rights(who),
    )


async def one(request: Request, hub: Hub, who: Who, rule_id: RuleId) -> HTMLResponse:
    """Satu aturan / One rule with its fields."""
    entry = _entry(hub, rule_id)
    return await _form(request, hub, who, Sheet(rule_id, files.kind_of(entry), True, form.values(entry)))


async def new(
    request: Request, hub: Hub, who: Who, kind: Annotated[str, Query(max_length=32)] = "threshold"
) -> HTMLResponse:
    """Aturan baru / A form for one more rule."""
    if kind not in form.KINDS:
        raise ApiError("not_found")
    return await _form(request, hub, who, Sheet("", kind, False, view.fresh(kind)))


async def save(request: Request, hub: Hub, who: Who, rule_id: RuleId) -> Response:
    """Simpan aturan / Put a rule as the form says it into rules.toml, and into force."""
    entry = _entry(hub, rule_id)
    return await _put(request, hub, who, rule_id, files.kind_of(entry), known=True)


async def add(request: Request, hub: Hub, who: Who) -> Response:
    """Tambah aturan / Make a rule."""
    sent = await request.form()
    kind, rule_id = str(sent.get("kind", "")), str(sent.get("id", "")).strip()
    if kind not in form.KINDS:
        raise ApiError("not_found")
    return await _put(request, hub, who, rule_id, kind, known=False)


async def _put(
    request: Request, hub: Services, who: Identity, rule_id: str, kind: str, *, known: bool
) -> Response:
    sent = await request.form()
    sheet = Sheet(
        rule_id,
        kind,
        known,
        {one.key: str(sent.get(one.key, ""))[:MOST_TEXT] for one in form.fields(kind)},
    )
    rules = _rules(hub)
    if not known and (not rule_id or rule_id in rules.book.rules):
        return await _form(request, hub, who, replace(sheet, told=NEEDS_ID))
    base, note = str(sent.get("base", "")), str(sent.get("note", ""))[:MOST_TEXT]
    try:
        await RuleWork(hub, who, rules).put(rule_id, kind, sheet.values, base=base, note=note)
    except RuleMistakesError as error:
        return await _form(request, hub, who, replace(sheet, wrong=error.of))
    except (RuleConflictError, RuleFileError, RuleEditError) as error:
        return await _form(request, hub, who, replace(sheet, told=_said(error)))
    return RedirectResponse(f"/rules/{rule_id}", 303)


async def remove(request: Request, hub: Hub, who: Who, rule_id: RuleId) -> Response:
    """Hapus aturan / Take a rule out; its alarms end."""
    _entry(hub, rule_id)
    sent = await request.form()
    await _work(RuleWork(hub, who, _rules(hub)).remove(rule_id, base=str(sent.get("base", ""))))
    return RedirectResponse("/rules", 303)


async def version(request: Request, hub: Hub, who: Who, n: Annotated[int, Path(ge=1)]) -> HTMLResponse:
    """Versi / A version of the rules, and what it changed."""
    found = await hub.db.read(lambda conn: store.version(conn, n))
    if found is None:
        raise ApiError("not_found")
    this, before = found
    changes = view.changes("" if before is None else before.text, this.text)
    current = await asyncio.to_thread(rule_work.read, _rules(hub).path)
    return await page(
        request,
        hub,
        who,
        "rule_version.html",
        one=this,
        first=before is None,
        changes=changes,
        base=current.digest,
        present=current.text == this.text,
        **_rights(who),
    )


async def restore(request: Request, hub: Hub, who: Who, n: Annotated[int, Path(ge=1)]) -> Response:
    """Kembalikan / Put the text of a version back into force."""
    found = await hub.db.read(lambda conn: store.version(conn, n))
    if found is None:
        raise ApiError("not_found")
    sent = await request.form()
    await _work(RuleWork(hub, who, _rules(hub)).restore(found[0].text, base=str(sent.get("base", ""))))
    return RedirectResponse("/rules", 303)


async def _form(request: Request, hub: Services, who: Identity, sheet: Sheet) -> HTMLResponse:
    rules = _rules(hub)
    try:
        base = (await asyncio.to_thread(rule_work.read, rules.path)).digest
    except RuleFileError as error:
        base, sheet = "", replace(sheet, told=_said(error))
    answer = await page(
        request,
        hub,
        who,
        "rule.html",
        sheet=sheet,
        base=base,
        fields=view.shown(sheet.kind, sheet.values, sheet.wrong),
        mistakes=sheet.wrong.get("", ()),
        kinds=words.RULE_KINDS,
        labels=view.LABELS,
        choices=view.CHOICES,
        schedules=list(rules.book.schedules),
        **_rights(who),
    )
    answer.status_code = 422 if sheet.wrong or sheet.told else 200
    return answer


async def _work(work: Awaitable[None]) -> None:
    """A step without a form of its own: what went wrong is a page."""
    try:
        await work
    except RuleMistakesError as error:
        raise ApiError("invalid", str(error)) from None
    except (RuleConflictError, RuleFileError, RuleEditError) as error:
        raise SaidError("conflict", _said(error)) from None


def _said(error: HubError) -> str:
    if isinstance(error, RuleConflictError):
        return CHANGED_MEANWHILE
    return NOT_WRITABLE if isinstance(error, RuleFileError) else str(error)


def _rules(hub: Services) -> RulesInForce:
    if hub.rules is None:
        raise ApiError("not_found")
    return hub.rules


def _entry(hub: Services, rule_id: str) -> files.AnyRule:
    entry = _rules(hub).book.rules.get(rule_id)
    if entry is None:
        raise ApiError("not_found")
    return entry


def _rights(who: Identity) -> dict[str, object]:
    return {"edits": bool(who.user.roles & ADMINISTERING)}


_ONE = "/rules/{rule_id}"
_VERSION = "/rule-versions/{n}"

ROUTES = (
    Route("GET", "/rules", everything, only(PLANT), "pages", OPTIONS),
    Route("POST", "/rules", add, only(ADMINISTERING), "pages", OPTIONS),
    Route("GET", "/new-rule", new, only(ADMINISTERING), "pages", OPTIONS),
    Route("GET", _VERSION, version, only(PLANT), "pages", OPTIONS),
    Route("POST", f"{_VERSION}/restore", restore, only(ADMINISTERING), "pages", OPTIONS),
    Route("GET", _ONE, one, only(PLANT), "pages", OPTIONS),
    Route("POST", _ONE, save, only(ADMINISTERING), "pages", OPTIONS),
    Route("POST", f"{_ONE}/remove", remove, only(ADMINISTERING), "pages", OPTIONS),
)
