"""``siaga-provision card``: everything that a new gateway needs, onto its card, by one command at the desk."""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy import select

from contract.claim import Claim
from contract.whole_file import write_bytes, write_text
from hub.api import audit
from hub.region import Gateway, Region
from hub.region import load as load_region
from provisioning import claims, equipment, sheet
from provisioning.ca import Authority
from provisioning.card import CMDLINE, FOLDER, Card, files, with_cmdline
from provisioning.certificates import fingerprint
from provisioning.claim_commands import ACTOR, Commands, now_ms
from provisioning.errors import CardRefused
from provisioning.network import load_network
from provisioning.register import gateways, opened
from provisioning.settings import CardSection, City, load_city

CITY_FOLDER = Path("/srv/siaga/ca")
CLOUD_INIT = ("user-data", "network-config", "meta-data")


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    card = commands.add_parser(
        "card", help="write the card of a new gateway, or of one that replaces a dead one"
    )
    card.add_argument("sites", nargs="+", metavar="SITE", help="site, or gateway, as in region.toml")
    card.add_argument(
        "--city", type=Path, default=CITY_FOLDER, help=f"the issuing authority's folder, else {CITY_FOLDER}"
    )
    place = card.add_mutually_exclusive_group()
    place.add_argument("--out", type=Path, default=Path("kartu"), help="a folder with one for each gateway")
    place.add_argument("--boot", type=Path, help="the boot partition of one card, where it is mounted")
    card.add_argument("--sheet", type=Path, metavar="FOLDER", help="labels with QR codes too (SVG, A4)")
    card.add_argument("--hours", type=float, default=claims.LONGEST_H, help="the claim's life, at most 24")
    card.add_argument("--replace", action="store_true", help="the gateway is known: its board or card is new")
    card.add_argument("--bench", action="store_true", help="let simulated devices pass")
    card.set_defaults(run=_card)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A card for which there is no claim yet."""

    gateway: Gateway
    site: str
    config: str
    kit: equipment.Equipment


def _card(chosen: argparse.Namespace) -> None:
    city = load_city(chosen.city)
    if city.card is None:
        raise CardRefused(
            f"{chosen.city / 'city.toml'} has no [card]", "write it as the operator guide shows"
        )
    region = load_region(city.card.profile)
    # Every mistake is told before the first claim is made.
    drafts = [_draft(city, region, site, bench=chosen.bench) for site in chosen.sites]
    if chosen.boot is not None:
        _check_boot(chosen.boot, drafts)
    for draft in drafts:
        _check_folder(chosen.out / draft.gateway.id)
    if city.card.software is not None:
        _check_software(city.card.software)
    _check_new(chosen.city, drafts, replace=chosen.replace)
    labels = []
    for draft in drafts:
        claim, until_ms = _claim(chosen, city, draft)
        written = files(_made(city.card, draft, claim))
        if chosen.boot is not None:
            folder = chosen.boot
            _write_boot(folder, written, city.card.software)
        else:
            folder = chosen.out / draft.gateway.id
            _write_folder(folder, written, city.card.software)
        print(folder)
        labels.append(_label(city.card, region, draft, claim, until_ms))
    if chosen.sheet is not None:
        for number, page in enumerate(sheet.pages(labels), 1):
            path = chosen.sheet / f"label-{number}.svg"
            write_text(path, page, mode=0o600)
            print(path)


def _draft(city: City, region: Region, name: str, *, bench: bool) -> _Draft:
    assert city.card is not None
    gateway = _gateway(region, name)
    kit = equipment.load_equipment(city.card.gateways / f"{gateway.id}.toml")
    equipment.check(kit, region, gateway, bench=bench)
    host = city.card.broker or urlsplit(city.enrolment.url).hostname or ""
    meeting = equipment.Meeting(host, city.broker.port, city.enrolment.url)
    config = equipment.gateway_toml(kit, gateway, meeting)
    equipment.judge(config, kit)
    draft = _Draft(gateway, region.sites[gateway.site].name, config, kit)
    # Made once without its claim, for what the rest of the card may be refused for.
    files(_made(city.card, draft, Claim(city.enrolment.url, "a" * 26, "0" * 64)))
    return draft


def _gateway(region: Region, name: str) -> Gateway:
    if name in region.gateways:
        return region.gateways[name]
    at_site = [one for one in region.gateways.values() if one.site == name]
    if len(at_site) == 1:
        return at_site[0]
    if at_site:
        raise CardRefused(
            f"{name} has several gateways", "say which: " + ", ".join(one.id for one in at_site)
        )
    raise CardRefused(f"the region profile has no site or gateway {name!r}", "add it to region.toml first")


def _check_new(folder: Path, drafts: list[_Draft], *, replace: bool) -> None:
    with opened(folder) as register, register.transaction() as conn:
        trusted = set(conn.execute(select(gateways.c.id).where(gateways.c.trusted == 1)).scalars())
    known = [one.gateway.id for one in drafts if one.gateway.id in trusted]
    if known and not replace:
        raise CardRefused(
            f"{', '.join(known)} runs already",
            "--replace for a new board or card; the old one is out when it enrols",
        )
    if replace and len(known) < len(drafts):
        unknown = [one.gateway.id for one in drafts if one.gateway.id not in trusted]
        raise CardRefused(f"{', '.join(unknown)} is not enrolled, nothing is replaced", "without --replace")


def _claim(chosen: argparse.Namespace, city: City, draft: _Draft) -> tuple[Claim, int]:
    """A claim on record, and when it ends."""
    gateway, at_ms = draft.gateway, now_ms()
    site = claims.Site(gateway.id, gateway.cell, gateway.site)
    with opened(chosen.city) as register, register.transaction() as conn:
        token = claims.add(conn, site, hours=chosen.hours, now_ms=at_ms, actor=ACTOR)
        audit.record(conn, ACTOR, "card", gateway.id, {"replace": bool(chosen.replace)}, now_ms=at_ms)
    until_ms = at_ms + round(chosen.hours * claims.HOUR_MS)
    return Claim(city.enrolment.url, token, fingerprint(Authority.load(chosen.city).root)), until_ms


def _made(section: CardSection, draft: _Draft, claim: Claim) -> Card:
    technicians = section.technicians
    return Card(
        gateway=draft.gateway.id,
        claim=claim,
        config=draft.config,
        instruments={one.name: one.read_bytes() for one in draft.kit.instruments},
        network=load_network(section.networks / f"{draft.gateway.site}.toml"),
        country=section.country,
        time_servers=section.time_servers,
        technicians="" if technicians is None else technicians.read_text(encoding="utf-8"),
        written_s=now_ms() // 1000,
    )


def _label(section: CardSection, region: Region, draft: _Draft, claim: Claim, until_ms: int) -> sheet.Label:
    until = dt.datetime.fromtimestamp(until_ms / 1000, ZoneInfo(region.zone))
    gateway = draft.gateway
    return sheet.Label(
        gateway=gateway.id,
        cell=gateway.cell,
        site=draft.site,
        claim=claim.text(),
        until=f"{until:%d-%m-%Y %H:%M} {region.zone_label}",
        page=f"{section.console}/commissioning/{gateway.id}" if section.console else "",
    )


def _check_boot(boot: Path, drafts: list[_Draft]) -> None:
    if len(drafts) != 1:
        raise CardRefused("one boot partition is one gateway's", "--out FOLDER for several")
    if not (boot / "config.txt").exists() or not (boot / "cmdline.txt").exists():
        raise CardRefused(f"{boot} is no boot partition of Raspberry Pi OS", "where is the card mounted?")


def _check_folder(folder: Path) -> None:
    if folder.exists() and not (folder / FOLDER / "first_boot.sh").exists():
        raise CardRefused(f"{folder} is there and holds no card", "--out another folder")


def _check_software(folder: Path) -> None:
    if not any(path.name.startswith("siaga-") for path in _software(folder)):
        raise CardRefused(f"{folder} has no wheel of Siaga", "make one, or leave software out of [card]")


def _write_boot(boot: Path, written: dict[str, bytes], software: Path | None) -> None:
    """Onto a mounted card: what its release reads, and nothing of the other. FAT knows no modes."""
    # Images that have cloud-init come with its files.
    trixie = (boot / "user-data").exists()
    shutil.rmtree(boot / FOLDER, ignore_errors=True)
    for name, data in written.items():
        if trixie == (name in CLOUD_INIT) or name.startswith(f"{FOLDER}/"):
            write_bytes(boot / name, data, mode=None)
    _copy_software(boot / FOLDER / "software", software, mode=None)
    if not trixie:
        # Last: without it the card boots as it was.
        cmdline = (boot / "cmdline.txt").read_text(encoding="ascii")
        write_bytes(boot / "cmdline.txt", with_cmdline(cmdline).encode(), mode=None)


def _write_folder(folder: Path, written: dict[str, bytes], software: Path | None) -> None:
    """Into a folder whose files a person copies; its owner's alone, for there is a claim in it."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in written.items():
        write_bytes(folder / name, data, mode=0o600)
    write_text(folder / "cmdline-bookworm.txt", f"{CMDLINE}\n", mode=0o600)
    _copy_software(folder / FOLDER / "software", software, mode=0o600)


def _copy_software(to: Path, software: Path | None, *, mode: int | None) -> None:
    for path in () if software is None else _software(software):
        write_bytes(to / path.name, path.read_bytes(), mode=mode)


def _software(folder: Path) -> Iterator[Path]:
    """Siaga's wheel, the list of what it needs, and of that what is there; nothing else that may lie there."""
    for pattern in ("*.whl", "edge.txt", "complete"):
        yield from sorted(folder.glob(pattern))
