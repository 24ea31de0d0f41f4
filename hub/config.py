"""The hub's configuration: one strict TOML file, read once into frozen structures.

Relative paths count from the folder of the file. Secrets are in files of their own, never in this one; a path
``credential:NAME`` is one that systemd has given to the service.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from contract.credentials import placed
from contract.strict_toml import Mistake, load
from grafana import settings as walls
from grafana.settings import GrafanaSection
from hub.ingest.quota import Rates
from hub.kpis.measures import ATTENDANCE
from hub.notify.sections import (
    AnswersSection,
    CapSection,
    ChannelSection,
    ExerciseSection,
    cap_mistakes,
    channel_mistakes,
    exercise_mistakes,
)
from hub.retention.periods import CLASSES, LEAST_DAYS, SERIES

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
NetPort = Annotated[int, msgspec.Meta(ge=1, le=65535)]
FilePath = Annotated[str, msgspec.Meta(min_length=1)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all tables of the file."""


class BrokerSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is, and the hub's certificates: one for each of its two connections."""

    host: str
    port: NetPort = 8883
    ca: FilePath
    """CA that has signed the broker's certificate."""
    certificate: FilePath
    """Of the control connection: panics, events, beats, and all that the hub says."""
    key: FilePath
    telemetry_certificate: FilePath
    telemetry_key: FilePath
    keepalive_s: Annotated[int, msgspec.Meta(ge=2, le=600)] = 10


class DatabaseSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``file`` for SQLite, or ``url_file``: a file with a PostgreSQL URL (it has a password in it)."""

    file: str = ""
    url_file: str = ""


class InfluxSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the time series go. ``secret_file`` holds the password or token."""

    url: str
    database: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "siaga"
    auth: Literal["none", "basic", "token", "bearer"] = "none"
    user: str = ""
    secret_file: str = ""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=120)] = 10.0
    gzip: bool = False


class ApiSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API listens. Without a certificate only a loopback address is accepted.

    ``proxy_tls`` says that a proxy on this machine speaks TLS to people, so that cookies are for HTTPS only.
    """

    listen: str = "127.0.0.1"
    port: Port = 8080
    """0 takes a free one and says which."""
    certificate: str = ""
    key: str = ""
    proxy_tls: bool = False


class ApplicationSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An application that may send presses. ``token_file`` holds its token: at least 32 random characters."""

    token_file: FilePath


class WallSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wall's PC. ``token_file`` holds the token by which it tells that it lives: at least 32 random characters."""

    token_file: FilePath


class OutboundSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the hub may call: ``allow`` are host names or addresses, with ``:port`` where it is not 443.

    ``private`` are those of them that may be on a private or loopback network.
    """

    allow: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


class BackupSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes into a backup, where it goes, and who can read it.

    Attributes:
        folder: where backups are written.
        recipients: public keys of ``siaga-hub backup-key``; any one of their owners can restore.
        also: files and folders that are not named elsewhere in this file, as the authority's.
        keep: so many backups stay in the folder; 0 keeps all.
    """

    folder: str = ""
    recipients: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    keep: Annotated[int, msgspec.Meta(ge=0)] = 72


class TrustSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the city's authority tells the hub. ``file`` is what ``siaga-provision`` writes: who is revoked, and when
    certificates end. Without it the broker alone refuses whom it knows to be revoked."""

    file: str = ""


SYSLOG = r"^(/[^\0]+|[A-Za-z0-9.-]+:\d{1,5})?$"
"""A socket's path, or a host with its port."""


class AlarmsSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many ``operators`` share the alarms of a shift: floods and the figures of alarm quality count by it."""

    operators: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1


Quota = Annotated[int, msgspec.Meta(ge=8_000)]
"""Bytes a second; at least so many that a frame of the largest size has room at some time."""


class QuotasSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bytes a second that one gateway may send, ten seconds of it at once; a message counts as 1,000 at least.

    Attributes:
        word_bytes_per_s: beats, births and replies, each by itself.
    """

    panic_bytes_per_s: Quota = Rates.panic
    event_bytes_per_s: Quota = Rates.event
    telemetry_bytes_per_s: Quota = Rates.telemetry
    word_bytes_per_s: Quota = Rates.word

    @property
    def rates(self) -> Rates:
        """As ingest takes them."""
        return Rates(
            self.panic_bytes_per_s,
            self.event_bytes_per_s,
            self.telemetry_bytes_per_s,
            self.word_bytes_per_s,
        )


class FleetSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``configurations`` is a folder with a file ``<gateway>.toml`` for each gateway that is to run it. Empty: none."""

    configurations: str = ""


class AuditSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the head of the audit trail is noted each hour, best all on other machines.

    Attributes:
        file: a line of JSON is added to it; what it says is read back and held against the trail.
        syslog: ``/dev/log``, or ``host:port`` of a server that takes datagrams.
        channel: id of one of ``[channels]``.
    """

    file: str = ""
    syslog: Annotated[str, msgspec.Meta(pattern=SYSLOG)] = ""
    channel: str = ""


Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]


class RetentionSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days each class is kept (hub/retention/periods.py); 0 is for ever.

    telemetry_days, minute_days, long_days: not given, InfluxDB's policy stays as it is.
    """

    telemetry_days: Days | None = None
    minute_days: Days | None = None
    long_days: Days | None = None
    events_days: Days = CLASSES["events"]
    attendance_days: Days = CLASSES["attendance"]
    incidents_days: Days = CLASSES["incidents"]
    commissioning_days: Days = CLASSES["commissioning"]
    audit_days: Days = CLASSES["audit"]
    logs_days: Days = CLASSES["logs"]

    @property
    def by_class(self) -> dict[str, int | None]:
        """Days by class."""
        return {name: getattr(self, f"{name}_days") for name in (*SERIES, *CLASSES)}


RoleName = Literal[
    "viewer", "operator", "dispatcher", "technician", "agency", "executive", "auditor", "admin"
]
"""A role as the file names it."""


class OidcSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An issuer of logins (OpenID Connect). Its host belongs into ``[outbound] allow`` too.

    Attributes:
        issuer: as it says itself, to the letter.
        redirect: the hub's own address with ``/login/oidc/done``, as people's browsers reach it.
        name: on the button of the login page; else the issuer's host.
        claim: of its tokens, with the groups of a person.
        roles: what each group gives; a group that is not here gives nothing.
        second_factor: ways of proving oneself (``amr``) that count as a second factor.
    """

    issuer: FilePath
    client_id: FilePath
    secret_file: FilePath
    redirect: FilePath
    name: str = ""
    claim: FilePath = "groups"
    roles: dict[str, tuple[RoleName, ...]]
    second_factor: tuple[str, ...] = ()


class KpisSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of the walls.

    Attributes:
        attendance_s: from one number of people to the next; the shorter, the more it tells of who came when.
    """

    attendance_s: Annotated[int, msgspec.Meta(ge=10, le=900)] = ATTENDANCE.every_s


class AdvisoriesSection(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Feeds of other authorities; one that is not given is not read. Their hosts must be in ``[outbound] allow``."""

    earthquakes: str = ""
    nowcast: str = ""
    every_s: Annotated[float, msgspec.Meta(ge=30, le=86_400)] = 60.0


class HubConfig(_Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file, with every path absolute."""

    profile: FilePath
    """Folder of the region profile."""
    database: DatabaseSection
    broker: BrokerSection
    influx: InfluxSection | None = None
    api: ApiSection = ApiSection()
    trust: TrustSection = TrustSection()
    outbound: OutboundSection = OutboundSection()
    channels: dict[str, ChannelSection] = {}
    answers: AnswersSection | None = None
    cap: CapSection = CapSection()
    exercise: ExerciseSection = ExerciseSection()
    applications: dict[Name, ApplicationSection] = {}
    walls: dict[Name, WallSection] = {}
    oidc: OidcSection | None = None
    backup: BackupSection = BackupSection()
    alarms: AlarmsSection = AlarmsSection()
    fleet: FleetSection = FleetSection()
    quotas: QuotasSection = QuotasSection()
    audit: AuditSection = AuditSection()
    retention: RetentionSection = RetentionSection()
    kpis: KpisSection = KpisSection()
    advisories: AdvisoriesSection = AdvisoriesSection()
    grafana: GrafanaSection = GrafanaSection()

    @property
    def database_url(self) -> str:
        """The URL for ``hub.db.Database``.

        Raises:
            OSError: the file with the PostgreSQL URL cannot be read.
        """
        if self.database.file:
            return f"sqlite:///{self.database.file}"
        return read_secret(self.database.url_file)


def read_secret(path: str) -> str:
    """The content of a secret's file without the white space around it.

    Raises:
        OSError: it cannot be read.
    """
    return Path(path).read_text(encoding="utf-8").strip()


def load_config(path: Path) -> HubConfig:
    """Read the hub's configuration.

    Raises:
        contract.strict_toml.TomlError: with file, line and what to write instead.
    """
    config = load(path, HubConfig, check=_mistakes)
    return _absolute(config, path.resolve().parent)


def _mistakes(config: HubConfig) -> Iterator[Mistake]:
    if bool(config.database.file) == bool(config.database.url_file):
        yield Mistake(
            "one of file and url_file must be given",
            at=("database",),
            instead='file = "hub.sqlite" for SQLite, url_file for PostgreSQL',
        )
    api = config.api
    if bool(api.certificate) != bool(api.key):
        yield Mistake("certificate and key belong together", at=("api",), instead="both, or neither")
    if not api.certificate and not _loopback(api.listen):
        yield Mistake(
            f"{api.listen!r} is reachable from outside and there is no TLS",
            at=("api", "listen"),
            instead='"127.0.0.1", or certificate and key beside it',
        )
    if config.influx is not None and (config.influx.auth != "none") != bool(config.influx.secret_file):
        yield Mistake(
            "auth and secret_file belong together",
            at=("influx",),
            instead='secret_file beside auth, or auth = "none"',
        )
    for name, days in config.retention.by_class.items():
        if days is not None and 0 < days < LEAST_DAYS:
            yield Mistake(
                f"{days} days are too few: what gateways bring again would be new",
                at=("retention", f"{name}_days"),
                instead=f"at least {LEAST_DAYS}, or 0 for ever",
            )
    if config.audit.channel and config.audit.channel not in config.channels:
        yield Mistake(
            f"there is no channel {config.audit.channel!r}",
            at=("audit", "channel"),
            instead="the id of one of [channels]",
        )
    yield from walls.mistakes(config.grafana, has_influx=config.influx is not None)
    if config.oidc is not None:
        yield from _oidc_mistakes(config.oidc, config.outbound.private)
    yield from channel_mistakes(config.channels, "channels")
    yield from channel_mistakes(config.exercise.channels, "exercise", "channels")
    yield from exercise_mistakes(
        config.exercise, config.channels, (*config.outbound.allow, *config.outbound.private)
    )
    yield from cap_mistakes(config.cap, config.channels, config.exercise.channels)


def _oidc_mistakes(oidc: OidcSection, private: Collection[str]) -> Iterator[Mistake]:
    for key, address in (("issuer", oidc.issuer), ("redirect", oidc.redirect)):
        parts = urlsplit(address)
        plain = parts.scheme == "http" and (_loopback(parts.hostname or "") or parts.netloc in private)
        if not parts.hostname or (parts.scheme != "https" and not plain):
            yield Mistake(f"{address!r} is no address with TLS", at=("oidc", key), instead="https://…")
    if not any(oidc.roles.values()):
        yield Mistake("nobody could come in by it", at=("oidc", "roles"), instead='petugas = ["operator"]')


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _absolute(config: HubConfig, folder: Path) -> HubConfig:
    def at(path: str) -> str:
        return str(placed(path, folder)) if path else ""

    replace = msgspec.structs.replace

    def channel_at(channel: ChannelSection) -> ChannelSection:
        return replace(
            channel,
            url_file=at(channel.url_file),
            secret_file=at(channel.secret_file),
            folder=at(channel.folder),
            ca=at(channel.ca),
            certificate=at(channel.certificate),
            key=at(channel.key),
        )

    broker, database, api = config.broker, config.database, config.api
    return replace(
        config,
        profile=at(config.profile),
        fleet=FleetSection(configurations=at(config.fleet.configurations)),
        database=replace(database, file=at(database.file), url_file=at(database.url_file)),
        broker=replace(
            broker,
            ca=at(broker.ca),
            certificate=at(broker.certificate),
            key=at(broker.key),
            telemetry_certificate=at(broker.telemetry_certificate),
            telemetry_key=at(broker.telemetry_key),
        ),
        influx=config.influx and replace(config.influx, secret_file=at(config.influx.secret_file)),
        api=replace(api, certificate=at(api.certificate), key=at(api.key)),
        trust=replace(config.trust, file=at(config.trust.file)),
        oidc=config.oidc and replace(config.oidc, secret_file=at(config.oidc.secret_file)),
        channels={name: channel_at(channel) for name, channel in config.channels.items()},
        applications={
            name: ApplicationSection(token_file=at(one.token_file))
            for name, one in config.applications.items()
        },
        walls={name: WallSection(token_file=at(one.token_file)) for name, one in config.walls.items()},
        answers=config.answers and replace(config.answers, key_file=at(config.answers.key_file)),
        exercise=replace(
            config.exercise,
            channels={name: channel_at(channel) for name, channel in config.exercise.channels.items()},
        ),
        backup=replace(
            config.backup,
            folder=at(config.backup.folder),
            also=tuple(at(path) for path in config.backup.also),
        ),
        audit=replace(config.audit, file=at(config.audit.file)),
        grafana=replace(config.grafana, **{name: at(getattr(config.grafana, name)) for name in walls.FILES}),
    )
