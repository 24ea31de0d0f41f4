"""The service files of a hub's machine, as text. Pure.

Every service has an account and folders of its own and may do nothing that it does not do: no capabilities, a read-only
system, no devices, no new privileges, the system calls of a service and no others. A line that loosens this says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HEAD = "# Written by siaga-hub install; changes are overwritten. Put yours into a drop-in: systemctl edit.\n"

HARDENING = """\
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""

STEADY = """\
WatchdogSec=30
Restart=always
RestartSec=2
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on this machine.

    Attributes:
        programs: folder of siaga-hub and its sisters.
        config: the hub's file.
        secrets: folder of what the hub's file calls ``credential:NAME``; only root may read it.
        authority: folder of the issuing authority; None where it is on another machine.
        broker: folder of mosquitto.conf and the lists.
        backups: where backups go; None where there are none.
        store: folder of the hub's SQLite file; None with PostgreSQL.
        profile: folder of the region profile, into which the hub writes what people change on its pages.
        watch: the file of siaga-watch; None where it runs on another machine, as it had better.
        heads: folder of the file in which the hub notes the head of its trail; None where it notes none.
        authority_heads: the same of the authority's.
    """

    programs: Path
    config: Path
    secrets: Path
    authority: Path | None
    broker: Path
    backups: Path | None
    store: Path | None
    profile: Path
    watch: Path | None
    heads: Path | None = None
    authority_heads: Path | None = None


def files(places: Places, credentials: Iterable[str]) -> dict[Path, str]:
    """Every file, by its absolute path.

    Args:
        credentials: names of the secrets that the hub gets from systemd.
    """
    system = Path("/etc/systemd/system")
    named = sorted(set(credentials))
    found = {
        system / "siaga-hub.service": _hub(places, named),
        system / "siaga-broker.service": _broker(places),
        system / "siaga-broker-reload.path": _reload_path(places),
        system / "siaga-broker-reload.service": _reload(),
    }
    if places.authority is not None:
        found[system / "siaga-enrolment.service"] = _enrolment(places, places.authority)
    if places.backups is not None:
        found[system / "siaga-backup@.service"] = _backup(places, places.backups, named)
        found[system / "siaga-backup-hourly.timer"] = _timer(
            "8", "*-*-* *:17:00", "hourly, a week of samples"
        )
        found[system / "siaga-backup-nightly.timer"] = _timer("all", "*-*-* 02:40:00", "nightly, all samples")
    if places.watch is not None:
        found[system / "siaga-watch.service"] = _watch(places, places.watch)
    found[Path("/etc/sysusers.d/siaga.conf")] = _accounts(places)
    found[Path("/etc/tmpfiles.d/siaga.conf")] = _folders(places)
    return {path: HEAD + text for path, text in found.items()}


def enabled(places: Places) -> list[str]:
    """The units that start at boot, in the order in which they are started by hand."""
    found = ["siaga-broker.service", "siaga-broker-reload.path", "siaga-hub.service"]
    if places.authority is not None:
        found.insert(0, "siaga-enrolment.service")
    if places.backups is not None:
        found += ["siaga-backup-hourly.timer", "siaga-backup-nightly.timer"]
    if places.watch is not None:
        found.append("siaga-watch.service")
    return found


def _hub(places: Places, credentials: list[str]) -> str:
    writable = _writable(places.store, places.heads, places.profile)
    return f"""\
[Unit]
Description=Siaga hub
Wants=network-online.target
After=network-online.target siaga-broker.service influxdb.service postgresql.service

[Service]
Type=notify
User=siaga
Group=siaga
ExecStart={places.programs}/siaga-hub run --config {places.config} --setup-code-file /run/siaga/setup-code
{_loaded(places, credentials)}RuntimeDirectory=siaga
RuntimeDirectoryMode=0700
{writable}# 2: it cannot work as it is configured; the reason is the last line of its log.
RestartPreventExitStatus=2
{STEADY}LimitNOFILE=65536
{HARDENING}
[Install]
WantedBy=multi-user.target
"""


def _broker(places: Places) -> str:
    return f"""\
[Unit]
Description=Siaga broker (Mosquitto, mutual TLS only)
Wants=network-online.target
After=network-online.target
Conflicts=mosquitto.service

[Service]
Type=notify
NotifyAccess=main
User=mosquitto
Group=mosquitto
ExecStart=/usr/sbin/mosquitto -c {places.broker}/mosquitto.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
LimitNOFILE=65536
{HARDENING}
[Install]
WantedBy=multi-user.target
"""


def _reload_path(places: Places) -> str:
    return f"""\
[Unit]
Description=Siaga broker: look for new lists of who may speak

[Path]
PathChanged={places.broker}/acl
PathChanged={places.broker}/crl.pem
TriggerLimitIntervalSec=0

[Install]
WantedBy=multi-user.target
"""


def _reload() -> str:
    return f"""\
[Unit]
Description=Siaga broker: read the lists anew
StartLimitIntervalSec=0

[Service]
Type=oneshot
# As root, because systemd reloads a unit for nobody else; it can ask systemd and nothing more.
ExecStart=/bin/systemctl reload siaga-broker.service
PrivateNetwork=yes
IPAddressDeny=any
InaccessiblePaths=-/etc/siaga -/srv -/var/lib -/var/backups
{_only_unix(HARDENING)}"""


def _enrolment(places: Places, authority: Path) -> str:
    return f"""\
[Unit]
Description=Siaga enrolment: gateways get, renew and lose their certificates
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User=siaga-trust
Group=siaga-trust
ExecStart={places.programs}/siaga-provision serve {authority}
{_writable(authority, places.broker, places.authority_heads)}{STEADY}{HARDENING}# The broker reads the lists.
UMask=0027

[Install]
WantedBy=multi-user.target
"""


def _backup(places: Places, backups: Path, credentials: list[str]) -> str:
    return f"""\
[Unit]
Description=Siaga backup (samples: %i)
After=network-online.target influxdb.service postgresql.service

[Service]
Type=oneshot
User=siaga
Group=siaga
ExecStart={places.programs}/siaga-hub backup --config {places.config} --series %i
{_loaded(places, credentials)}{_writable(backups, places.store)}Nice=10
IOSchedulingClass=idle
{HARDENING}# It reads what belongs to other accounts, as the authority's key, and can change none of it.
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
AmbientCapabilities=CAP_DAC_READ_SEARCH
"""


def _timer(series: str, when: str, what: str) -> str:
    return f"""\
[Unit]
Description=Siaga backup: {what}

[Timer]
OnCalendar={when}
RandomizedDelaySec=60
Persistent=yes
Unit=siaga-backup@{series}.service

[Install]
WantedBy=timers.target
"""


def _watch(places: Places, watch: Path) -> str:
    return f"""\
[Unit]
Description=Siaga watch: presses a button of its own, and tells two people when nobody hears it
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User=siaga-watch
Group=siaga-watch
ExecStart={places.programs}/siaga-watch run --config {watch}
StateDirectory=siaga-watch
StateDirectoryMode=0700
{STEADY}{HARDENING}
[Install]
WantedBy=multi-user.target
"""


def _accounts(places: Places) -> str:
    lines = ['u siaga - "Siaga hub"']
    if places.authority is not None:
        lines.append('u siaga-trust - "Siaga enrolment"')
    if places.watch is not None:
        lines.append('u siaga-watch - "Siaga watch"')
    return "\n".join(lines) + "\n"


def _folders(places: Places) -> str:
    owner = "siaga-trust" if places.authority is not None else "root"
    lines = [
        f"d {places.config.parent} 0750 root siaga",
        f"d {places.secrets} 0700 root root",
        # The hub reads trust.json in it, and may not see what else is there.
        f"d {places.broker} 2751 {owner} mosquitto",
    ]
    if places.authority is not None:
        lines.append(f"d {places.authority} 0700 siaga-trust siaga-trust")
    if places.store is not None:
        lines.append(f"d {places.store} 0700 siaga siaga")
    lines.append(f"d {places.profile} 0755 siaga siaga")
    if places.heads not in (None, places.store):
        lines.append(f"d {places.heads} 0750 siaga siaga")
    if places.authority_heads not in (None, places.authority):
        lines.append(f"d {places.authority_heads} 0750 siaga-trust siaga-trust")
    if places.backups is not None:
        lines.append(f"d {places.backups} 0700 siaga siaga")
    if places.watch is not None:
        lines.append(f"d {places.watch.parent} 0750 root siaga-watch")
    return "\n".join(lines) + "\n"


def _loaded(places: Places, credentials: list[str]) -> str:
    return "".join(f"LoadCredential={name}:{places.secrets}/{name}\n" for name in credentials)


def _writable(*folders: Path | None) -> str:
    found = dict.fromkeys(str(folder) for folder in folders if folder is not None)
    return f"ReadWritePaths={' '.join(found)}\n" if found else ""


def _only_unix(hardening: str) -> str:
    return hardening.replace("AF_INET AF_INET6 AF_UNIX", "AF_UNIX")
