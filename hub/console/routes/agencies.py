"""Agencies, contacts, routes and the roster: who is told of what, and who is on duty; and the forms that change it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from pydantic import BaseModel, Field

from contract.strict_toml import TomlError, format_path
from hub.agencies import fields, store
from hub.agencies.fields import TABLES, FieldError, Table
from hub.agencies.files import STEPS
from hub.agencies.reading import NAMES
from hub.api import directory as work
from hub.api.access import Hub, Identity, Route, Who, only
from hub.api.auth.roles import CALLING, ROUTING
from hub.api.errors import ApiError
from hub.api.services import Services
from hub.console import directory as show
from hub.console.language import marked as _
from hub.console.page import OPTIONS, page
from hub.incidents.kinds import KINDS
from hub.notify.policy import Priority

TAKEN = _("An entry with this id is there already.")
NOT_TAKEN = _("The files of the profile have mistakes and were not taken.")
VERSIONS_SHOWN = 20
NOT_WRITTEN = _("The hub may not write into the profile's folder. Download the files instead.")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form of an entry.

    Attributes:
        id: empty while the entry is new.
        said: each field's values, as text.
        wrong: what keeps it from being saved.
    """

    table: Table
    id: str
    said: Mapping[str, list[str]]
    wrong: Sequence[str] = ()


class Try(BaseModel):
    """What somebody wants to know the agencies of."""

    kind: Annotated[str, Field(max_length=16)] = ""
    priority: Annotated[int, Field(ge=1, le=4)] = int(Priority.HIGH)
    site: Annotated[str, Field(max_length=64)] = ""


async def agencies(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Dinas / Agencies with their contacts: who is asked at which step, and who is on duty now."""
    directory, now_ms = hub.directory(), hub.clock.now_ms()
    drills: dict[str, list[Any]] = {}
    for contact in sorted(directory.exercise_contacts.values(), key=lambda one: STEPS.index(one.step)):
        drills.setdefault(contact.agency, []).append(contact)
    context = {
        "agencies": [(one, show.people(directory, one.id, now_ms)) for one in directory.agencies.values()],
        "drills": drills,
        "drill_channels": _entries(hub, "exercise_channel"),
        "shift_names": directory.roster.shift_names(now_ms),
    }
    return await _page(request, hub, who, "agencies.html", context)


async def routes(request: Request, hub: Hub, who: Who, asked: Annotated[Try, Query()]) -> HTMLResponse:
    """Rute / Which agency an incident is suggested for, with a try; areas on a drawing; delays of the escalation."""
    directory = hub.directory()
    place = hub.region.sites.get(asked.site)
    tried = directory.route(
        asked.kind,
        Priority(asked.priority),
        None if place is None else place.lat,
        None if place is None else place.lon,
        hub.clock.now_ms(),
    )
    context = {
        "routes": directory.routes,
        "delays": _entries(hub, "delays"),
        "drawing": show.drawing(directory, hub.region),
        "kinds": [(name, show.both(labels)) for name, labels in KINDS.items()],
        "asked": asked,
        "tried": tried if asked.kind else None,
    }
    return await _page(request, hub, who, "agency_routes.html", context)


async def roster(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Daftar jaga / The roster of the next seven days, with shifts, holidays and duties."""
    directory = hub.directory()
    context = {
        "week": show.week(directory, hub.clock.now_ms()),
        "roster": directory.roster,
        "duties": show.order(directory.roster.duties),
        "day_labels": {day: show.both(labels) for day, labels in show.DAY_LABELS.items()},
        "contacts": directory.contacts,
    }
    return await _page(request, hub, who, "agency_roster.html", context)


async def files(request: Request, hub: Hub, who: Who) -> HTMLResponse:
    """Berkas / The files that make the directory: taking those of the profile, exporting what pages made, versions."""
    return await _files(request, hub, who)


async def file(hub: Hub, name: str) -> Response:
    """Unduh / One file of the directory in force, as TOML."""
    if name not in NAMES:
        raise ApiError("not_found")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(hub.directories.version.texts.get(name, ""), headers=headers)


async def new(request: Request, hub: Hub, who: Who, table: str) -> HTMLResponse:
    """Entri baru / A form for a new entry of a table."""
    return await _form(request, hub, who, Sheet(_table(table), "", {}))


async def add(request: Request, hub: Hub, who: Who, table: str) -> Response:
    """Tambah / Add an entry."""
    sheet = Sheet(_table(table), "", await _said(request))
    entry_id = "".join(sheet.said.get("id", [])).strip()
    if any(one["id"] == entry_id for one in _entries(hub, table)):
        return await _form(request, hub, who, replace(sheet, wrong=[TAKEN]))
    return await _put(request, hub, who, sheet, entry_id)


async def one(request: Request, hub: Hub, who: Who, table: str, entry_id: str) -> HTMLResponse:
    """Ubah / The form of an entry."""
    return await _form(request, hub, who, _held(hub, table, entry_id))


async def put(request: Request, hub: Hub, who: Who, table: str, entry_id: str) -> Response:
    """Simpan / Let an entry be as the form says."""
    sheet = replace(_held(hub, table, entry_id), said=await _said(request))
    return await _put(request, hub, who, sheet, entry_id)


async def remove(request: Request, hub: Hub, who: Who, table: str, entry_id: str) -> Response:
    """Hapus / Take an entry out, unless something names it."""
    sheet, said = _held(hub, table, entry_id), await _said(request)
    try:
        await work.remove(hub, who, work.Entry(sheet.table, entry_id, _version(said)))
    except TomlError as error:
        return await _form(request, hub, who, replace(sheet, wrong=_told(error)))
    return RedirectResponse(show.PLACES[table], 303)


async def take(request: Request, hub: Hub, who: Who) -> Response:
    """Ambil berkas / Put the profile's files into force."""
    try:
        await work.take_files(hub, who, _version(await _said(request)))
    except work.FilesError as error:
        return await _files(request, hub, who, [NOT_TAKEN, *error.message.splitlines()])
    return RedirectResponse("/agencies/files", 303)


async def export(request: Request, hub: Hub, who: Who) -> Response:
    """Ekspor / Write what is in force into the profile's files."""
    try:
        await work.export_files(hub, who)
    except work.FilesError as error:
        return await _files(request, hub, who, [NOT_WRITTEN, error.message])
    return RedirectResponse("/agencies/files", 303)


async def _put(request: Request, hub: Services, who: Identity, sheet: Sheet, entry_id: str) -> Response:
    entry = work.Entry(sheet.table, entry_id, _version(sheet.said))
    try:
        await work.put(hub, who, entry, sheet.said)
    except FieldError as error:
        return await _form(request, hub, who, replace(sheet, wrong=[f"{error.message}: {error.hint}"]))
    except TomlError as error:
        return await _form(request, hub, who, replace(sheet, wrong=_told(error)))
    return RedirectResponse(show.PLACES[sheet.table.name], 303)


async def _form(request: Request, hub: Services, who: Identity, sheet: Sheet) -> HTMLResponse:
    directory, texts = hub.directory(), hub.directories.version.texts
    context = {
        "sheet": sheet,
        "title": show.TITLES[sheet.table.name],
        "back": show.PLACES[sheet.table.name],
        "names": show.NAMES,
        "choices": {field.key: show.choices(field.source, directory, texts) for field in sheet.table.fields},
    }
    return await _page(request, hub, who, "agency_entry.html", context, wrong=sheet.wrong)


async def _files(request: Request, hub: Services, who: Identity, wrong: Sequence[str] = ()) -> HTMLResponse:
    found = await asyncio.to_thread(hub.directories.files)
    context = {
        "files": NAMES,
        "found": found,
        "versions": await hub.db.read(lambda conn: store.listed(conn, VERSIONS_SHOWN)),
    }
    return await _page(request, hub, who, "agency_files.html", context, wrong=wrong)


async def _page(
    request: Request,
    hub: Services,
    who: Identity,
    template: str,
    context: Mapping[str, Any],
    *,
    wrong: Sequence[str] = (),
) -> HTMLResponse:
    """A page of the directory, with what all of them show."""
    shared = {
        "directory": hub.directory(),
        "version": hub.directories.version,
        "may_change": bool(who.user.roles & ROUTING),
        "step_labels": {step: show.both(labels) for step, labels in show.STEP_LABELS.items()},
        "label_of": lambda source, word: dict(
            show.choices(source, hub.directory(), hub.directories.version.texts)
        ).get(word, word),
        "wrong": wrong,
    }
    answer = await page(request, hub, who, template, **shared, **context)
    answer.status_code = 422 if wrong else 200
    return answer


def _table(name: str) -> Table:
    if name not in TABLES:
        raise ApiError("not_found")
    return TABLES[name]


def _entries(hub: Services, name: str) -> list[dict[str, Any]]:
    """The entries of a table as the files in force have them."""
    table = _table(name)
    return fields.entries(hub.directories.version.texts.get(table.file, ""), table)


def _held(hub: Services, name: str, entry_id: str) -> Sheet:
    """An entry as it is in force.

    Raises:
        ApiError: there is none.
    """
    table = _table(name)
    entry = next((entry for entry in _entries(hub, name) if entry["id"] == entry_id), None)
    if entry is None:
        raise ApiError("not_found")
    said = {field.key: fields.shown(field, entry.get(field.key, field.default)) for field in table.fields}
    return Sheet(table, entry_id, said)


async def _said(request: Request) -> dict[str, list[str]]:
    """What a form says, by the names of its fields."""
    said: dict[str, list[str]] = {}
    for key, value in (await request.form()).multi_items():
        if isinstance(value, str):
            said.setdefault(key, []).append(value)
    return said


def _version(said: Mapping[str, list[str]]) -> str:
    """The version of the directory that the form was made from."""
    return "".join(said.get("version", []))


def _told(error: TomlError) -> list[str]:
    """The mistakes, one each, without the place in a file that nobody sees here."""
    return [
        f"{format_path(one.at)}: {one.text}" + (f" → {one.instead}" if one.instead else "")
        for one in error.mistakes
    ]


_ENTRY = "/agencies/edit/{table}/{entry_id}"

ROUTES = (
    Route("GET", "/agencies", agencies, only(CALLING), "pages", OPTIONS),
    Route("GET", "/agencies/routes", routes, only(CALLING), "pages", OPTIONS),
    Route("GET", "/agencies/roster", roster, only(CALLING), "pages", OPTIONS),
    Route("GET", "/agencies/files", files, only(ROUTING), "pages", OPTIONS),
    Route("GET", "/agencies/files/{name}", file, only(ROUTING), "pages", OPTIONS),
    Route("POST", "/agencies/files/take", take, only(ROUTING), "pages", OPTIONS),
    Route("POST", "/agencies/files/export", export, only(ROUTING), "pages", OPTIONS),
    Route("GET", "/agencies/edit/{table}", new, only(ROUTING), "pages", OPTIONS),
    Route("POST", "/agencies/edit/{table}", add, only(ROUTING), "pages", OPTIONS),
    Route("GET", _ENTRY, one, only(ROUTING), "pages", OPTIONS),
    Route("POST", _ENTRY, put, only(ROUTING), "pages", OPTIONS),
    Route("POST", f"{_ENTRY}/remove", remove, only(ROUTING), "pages", OPTIONS),
)
