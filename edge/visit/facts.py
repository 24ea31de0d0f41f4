"""Gathers what the doctor judges. Changes nothing, and never raises for what is missing: that is a fact too."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from edge import identity
from edge.clock import Clock
from edge.config import Config, RtuBus
from edge.errors import EdgeError
from edge.health import read_health
from edge.local_door import ask
from edge.visit.doctor import Facts

BROKER_S = 5.0
COMMAND_S = 5.0


def gather(config: Config, clock: Clock) -> Facts:
    """Look at the box.

    Raises:
        PermissionError: a gateway runs, and this account may not ask it.
        OrderError: it runs and does not answer.
    """
    health = read_health(config.spool.path.parent)
    certificate = config.broker.cert_file
    return Facts(
        now_ms=clock.now_ms(),
        status=ask(config.spool.path.parent, "status"),
        certificate=str(certificate),
        certificate_ends_ms=_ends_ms(certificate),
        key_is_private=_private(config.broker.key_file),
        clock_synced=clock.discipline().synced,
        disk_free_bytes=health.disk_free_bytes,
        cpu_c=health.cpu_c,
        under_voltage=health.under_voltage,
        throttled=throttled(_said("vcgencmd", "get_throttled")),
        broker=_reached(config.broker.host, config.broker.port),
        ports=tuple(_ports(config)),
    )


def throttled(said: str) -> bool | None:
    """What ``vcgencmd get_throttled`` means: slower now, or since the start; None where it says nothing.

    Bits 1 to 3 are of now, 17 to 19 of the time since the start; 0 and 16 are the voltage.
    """
    word = said.partition("=")[2].strip()
    try:
        return bool(int(word, 16) & 0xE000E)
    except ValueError:
        return None


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _ends_ms(certificate: Path) -> int | None:
    with contextlib.suppress(EdgeError):
        return identity.validity(certificate).ends_ms
    return None


def _private(key: Path) -> bool:
    """True too where there is none: then the certificate is missing, which is said by itself."""
    try:
        return not key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except OSError:
        return True


def _reached(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=BROKER_S).close()
    except OSError as error:
        return f"{host}:{port}: {error}"
    return ""


def _ports(config: Config) -> Iterator[tuple[str, str]]:
    paths = [bus.device for bus in config.bus if isinstance(bus, RtuBus)]
    paths += [each.device for each in config.ultrasonic]
    paths += [each.device for each in config.bed_radar]
    for path in paths:
        if not Path(path).exists():
            yield path, "tidak ada / is not there"
        else:
            yield path, "" if os.access(path, os.R_OK | os.W_OK) else "tidak boleh dibuka / may not be opened"
