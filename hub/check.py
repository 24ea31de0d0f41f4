"""What ``siaga-hub check`` finds beyond the words of the files: secrets, certificates, channels that nobody has.

Found here it is a line on a terminal in the afternoon; found by the running hub it is a notice that nobody gets.
"""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from contract.errors import ContractError
from hub.agencies.current import look
from hub.config import HubConfig
from hub.fleet import trust
from hub.notify.channels.build import LEAST_SECRET_BYTES
from hub.notify.sections import ChannelSection
from hub.outbound import MQTT, WEB, ForbiddenError, Outbound
from hub.region import Region

ENDS_SOON_DAYS = 30
"""A certificate with fewer days left is told; a hub's certificates are made for longer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        serious: the hub would not start, or somebody would not be told.
        text: what, and where.
        hint: what to do.
    """

    serious: bool
    text: str
    hint: str

    def __str__(self) -> str:
        return f"{'SALAH / WRONG' if self.serious else 'periksa / look at'}: {self.text}; {self.hint}"


def findings(config: HubConfig, region: Region, now: dt.datetime) -> list[Finding]:
    """All that can be found without calling anybody. Reads the files that the configuration names."""
    return [
        *_secrets(config),
        *_certificates(config, now),
        *_trust(config),
        *_channels(config, region),
        *_directory(config, region),
        *_outbound(config),
    ]


def _trust(config: HubConfig) -> Iterator[Finding]:
    if not config.trust.file:
        yield Finding(
            False,
            "[trust] names no file: only the broker refuses a revoked gateway, and nobody is told what ends soon",
            "name the trust.json that siaga-provision writes",
        )
        return
    try:
        trust.decode(Path(config.trust.file).read_bytes())
    except (OSError, ContractError) as error:
        yield Finding(False, f"[trust] file: {error}", "siaga-provision broker writes it")


def _secrets(config: HubConfig) -> Iterator[Finding]:
    files = {"[database] url_file": config.database.url_file}
    if config.influx is not None:
        files["[influx] secret_file"] = config.influx.secret_file
    if config.oidc is not None:
        files["[oidc] secret_file"] = config.oidc.secret_file
    if config.answers is not None:
        files["[answers] key_file"] = config.answers.key_file
    for name, application in config.applications.items():
        files[f"[applications.{name}] token_file"] = application.token_file
    for name, wall in config.walls.items():
        files[f"[walls.{name}] token_file"] = wall.token_file
    for name, channel in _all_channels(config):
        files[f"[{name}] url_file"] = channel.url_file
        files[f"[{name}] secret_file"] = channel.secret_file
        files[f"[{name}] key"] = channel.key
    keys = {
        "[broker] key": config.broker.key,
        "[broker] telemetry_key": config.broker.telemetry_key,
        "[api] key": config.api.key,
    }
    for name, file in {**files, **keys}.items():
        if file:
            yield from _secret(name, Path(file))
    for name, channel in _all_channels(config):
        if channel.what in ("webhook", "cap") and 0 < _size(channel.secret_file) < LEAST_SECRET_BYTES:
            yield Finding(
                True,
                f"the secret of [{name}] is shorter than {LEAST_SECRET_BYTES} bytes",
                "make a longer one with its receiver",
            )


def _all_channels(config: HubConfig) -> Iterator[tuple[str, ChannelSection]]:
    """Every channel, in earnest and for exercises, by the name of its table."""
    for name, channel in config.channels.items():
        yield f"channels.{name}", channel
    for name, channel in config.exercise.channels.items():
        yield f"exercise.channels.{name}", channel


def _secret(name: str, path: Path) -> Iterator[Finding]:
    try:
        content = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        yield Finding(True, f"{name}: {error}", "the account of the hub must be able to read it")
        return
    if not content.strip():
        yield Finding(True, f"{name}: {path} is empty", "write the secret into it")
    if mode & (stat.S_IRWXO | stat.S_IRWXG):
        yield Finding(False, f"{name}: other accounts may read or write {path}", f"chmod 600 {path}")


def _size(path: str) -> int:
    try:
        return len(Path(path).read_bytes().strip())
    except OSError:
        return 0


def _certificates(config: HubConfig, now: dt.datetime) -> Iterator[Finding]:
    broker = config.broker
    try:
        authority = x509.load_pem_x509_certificate(Path(broker.ca).read_bytes())
    except (OSError, ValueError) as error:
        authority = None
        yield Finding(True, f"[broker] ca: {error}", "it is root.pem of siaga-provision")
    pairs = [
        ("[broker] certificate", broker.certificate, broker.key, authority),
        ("[broker] telemetry_certificate", broker.telemetry_certificate, broker.telemetry_key, authority),
    ]
    if config.api.certificate:
        pairs.append(("[api] certificate", config.api.certificate, config.api.key, None))
    names = set()
    for what, certificate, key, signer in pairs:
        try:
            chain = x509.load_pem_x509_certificates(Path(certificate).read_bytes())
        except (OSError, ValueError) as error:
            yield Finding(True, f"{what}: {error}", "write a PEM file's path")
            continue
        found = chain[0]
        if what.startswith("[broker]"):
            names.add(found.subject.rfc4514_string())
        yield from _certificate(what, chain, signer, now)
        if not _fits(found, key):
            yield Finding(True, f"{what} and its key do not belong together", "take both from one enrolment")
    if len(names) == 1:
        yield Finding(
            True,
            f"both certificates of [broker] are of {names.pop()}",
            "the broker ends the older connection of a name: one certificate for each",
        )


def _certificate(
    what: str, chain: list[x509.Certificate], signer: x509.Certificate | None, now: dt.datetime
) -> Iterator[Finding]:
    found = chain[0]
    ends = min(one.not_valid_after_utc for one in chain)
    if now < found.not_valid_before_utc:
        yield Finding(
            True, f"{what} begins only {found.not_valid_before_utc:%Y-%m-%d}", "is the clock right?"
        )
    elif now >= ends:
        yield Finding(True, f"{what} has ended {ends:%Y-%m-%d}", "make a new one with siaga-provision")
    elif ends - now < dt.timedelta(days=ENDS_SOON_DAYS):
        yield Finding(False, f"{what} ends {ends:%Y-%m-%d}", "make a new one with siaga-provision")
    if signer is not None:
        try:
            for one, issuer in pairwise([*chain, signer]):
                one.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            yield Finding(
                True, f"{what} is not of the authority in [broker] ca", "take both from one enrolment"
            )


def _fits(certificate: x509.Certificate, key: str) -> bool:
    """Whether the key is the certificate's; a key that cannot be read was told as a secret."""
    try:
        private = load_pem_private_key(Path(key).read_bytes(), None)
    except OSError:
        return True
    except (ValueError, TypeError):
        return False
    return private.public_key() == certificate.public_key()


def _channels(config: HubConfig, region: Region) -> Iterator[Finding]:
    wanted = {channel.id: agency for agency in region.agencies.values() for channel in agency.channels}
    for agency in region.agencies.values():
        there = [channel for channel in agency.channels if channel.id in config.channels]
        if not there:
            yield Finding(
                True,
                f"agency {agency.id} ({agency.name}) has no channel in this file, so it is never told",
                f"add [channels.{agency.channels[0].id}]"
                if agency.channels
                else "give it one in agencies.toml",
            )
        for channel in agency.channels:
            if there and channel not in there:
                yield Finding(
                    False,
                    f"channel {channel.id} of agency {agency.id} is not in this file, so it always fails",
                    f"add [channels.{channel.id}], or take it out of agencies.toml",
                )
        for channel in there:
            kind = config.channels[channel.id].what
            if kind != channel.kind:
                yield Finding(
                    True,
                    f"channel {channel.id} is {channel.kind} in agencies.toml and {kind} here",
                    "url is for a webhook, url_file for Apprise",
                )
    for name in config.channels:
        if name not in wanted and name not in config.cap.push:
            yield Finding(
                False, f"channel {name} belongs to no agency", "name it in agencies.toml or take it out"
            )


def _directory(config: HubConfig, region: Region) -> Iterator[Finding]:
    """Mistakes of contacts, routes and roster, a line each, and whom the hub or an exercise would not reach."""
    files = look(Path(config.profile), region)
    for line in files.fault.splitlines():
        text, _, hint = line.partition("; write instead: ")
        yield Finding(True, text, f"write instead: {hint}" if hint else "see docs/agencies.md")
    if files.directory is None:
        return
    for contact in files.directory.contacts.values():
        if contact.channels and not set(contact.channels) & set(config.channels):
            yield Finding(
                True,
                f"contact {contact.id} ({contact.name}) has no channel in this file, so nobody is reached there",
                f"add [channels.{contact.channels[0]}], or give the contact another channel in contacts.toml",
            )
    people = files.directory.exercise_contacts.values()
    for name in sorted(
        {channel for one in people for channel in one.channels} - set(config.exercise.channels)
    ):
        yield Finding(
            False,
            f"the exercise channel {name} is not in this file, so a drill does not reach who has it",
            f"add [exercise.channels.{name}], or take it out of contacts.toml",
        )


def _outbound(config: HubConfig) -> Iterator[Finding]:
    for title, section, channels in (
        ("outbound", config.outbound, config.channels),
        ("exercise", config.exercise, config.exercise.channels),
    ):
        outbound = Outbound(section.allow, allow_private=section.private)
        for name, channel in channels.items():
            try:
                if channel.url:
                    outbound.judge(channel.url, MQTT if channel.what == "mqtt" else WEB)
            except ForbiddenError as error:
                yield Finding(True, f"channel {name}: {error}", f"see [{title}] of this file")
