"""Reads the four files that make a directory, with every mistake of a file told at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from contract.strict_toml import loads
from hub.agencies import checking
from hub.agencies.areas import Area, closed
from hub.agencies.checking import Known
from hub.agencies.directory import Contact, Delays, Directory
from hub.agencies.files import ContactsFile, DelaysEntry, PersonEntry, RosterFile, RoutesFile
from hub.agencies.roster import Roster
from hub.region import Region
from hub.region.files import AgenciesFile
from hub.region.loader import agency_of

NAMES = ("agencies.toml", "contacts.toml", "routes.toml", "roster.toml")

Texts = Mapping[str, str]
"""The text of each file by its name; one that is not there is empty."""


def texts_of(folder: Path) -> dict[str, str]:
    """The files of a profile; only agencies.toml must be there.

    Raises:
        OSError: a file cannot be read.
        UnicodeDecodeError: one is not UTF-8.
    """
    found = {}
    for name in NAMES:
        path = folder / name
        found[name] = "" if name != NAMES[0] and not path.exists() else path.read_text(encoding="utf-8")
    return found


def read(texts: Texts, region: Region, folder: Path | None = None) -> Directory:
    """The directory that the files make.

    Args:
        folder: stands before the file names in errors.

    Raises:
        contract.strict_toml.TomlError: with file, line and what to write instead, for all mistakes of a file.
    """
    names = {name: name if folder is None else str(folder / name) for name in NAMES}
    agencies = loads(
        texts["agencies.toml"],
        AgenciesFile,
        names["agencies.toml"],
        lambda found: checking.agencies(found, region),
    )
    known = Known.of(agencies)
    contacts = loads(
        texts["contacts.toml"],
        ContactsFile,
        names["contacts.toml"],
        lambda found: checking.contacts(found, known),
    )
    roster = loads(
        texts["roster.toml"],
        RosterFile,
        names["roster.toml"],
        lambda found: checking.roster(found, known, contacts),
    )
    routes = loads(
        texts["routes.toml"],
        RoutesFile,
        names["routes.toml"],
        lambda found: checking.routes(found, known, roster, region),
    )
    return Directory(
        version=version_of(texts),
        agencies=MappingProxyType({entry.id: agency_of(entry) for entry in agencies.agency}),
        contacts=_contacts(contacts.contact),
        exercise_contacts=_contacts(contacts.exercise_contact, exercise=True),
        areas=MappingProxyType(
            {one.id: Area(one.id, one.name, closed(checking.corners(one))) for one in routes.area}
        ),
        routes=routes.route,
        roster=Roster(
            region.zone,
            MappingProxyType({entry.id: entry for entry in roster.shift}),
            roster.holiday,
            roster.duty,
        ),
        delays_by_kind=MappingProxyType(
            {kind: _delays(entry) for entry in routes.delays for kind in entry.kinds or ("",)}
        ),
    )


def version_of(texts: Texts) -> str:
    """Twelve hexadecimal digits of the files' digest."""
    whole = hashlib.sha256()
    for name in NAMES:
        whole.update(hashlib.sha256(texts[name].encode()).digest())
    return whole.hexdigest()[:12]


def _contacts(entries: Iterable[PersonEntry], *, exercise: bool = False) -> Mapping[str, Contact]:
    return MappingProxyType(
        {
            one.id: Contact(
                id=one.id,
                agency=one.agency,
                name=one.name,
                step=one.step,
                phone=one.phone or "",
                email=one.email or "",
                channels=one.channels,
                exercise=exercise,
            )
            for one in entries
        }
    )


def _delays(entry: DelaysEntry) -> Delays:
    return Delays(entry.operator_s, entry.dispatch_s, entry.agency_s, entry.second_s, entry.supervisor_s)
