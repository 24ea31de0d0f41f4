"""The box as a device: what wears, heats, starves or misleads it, in one sample a minute.

Everything is read from the kernel's files. What this board does not have has no value, and is not called good.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from contract.kinds import Quality
from edge.clock import Clock
from edge.drivers.base import Reading, Value
from edge.health import read_health

QUANTITIES = (
    "cpu_c",
    "disk_free_mb",
    "memory_free_mb",
    "load",
    "under_voltage",
    "throttled",
    "clock_synced",
    "clock_error_ms",
    "card_written_mb",
    "card_wear_pct",
)
MODEM = "modem_signal_pct"
MODEM_S = 10.0

SLOWED = 0xE
"""Bits of the firmware's word of what is so now: its frequency is capped, it is throttled, it is near too hot."""

SECTOR_BYTES = 512
WRITTEN_FIELD = 6
"""Of ``/sys/block/*/stat``: sectors written since the start."""

WEAR_STEP_PCT = 10
"""An eMMC tells its wear in steps of so much; 0xB is beyond its life. SD cards tell nothing."""


class BoxDriver:
    """This machine."""

    kind = "site_health"

    def __init__(
        self,
        device: str,
        folder: Path,
        *,
        clock: Clock,
        modem: str | None = None,
        root: Path = Path("/"),
        mmcli: str | Path = "mmcli",
    ) -> None:
        """
        Args:
            folder: on the file system whose room counts: the spool's.
            modem: ModemManager's number of a modem to ask for its signal; None: there is none.
            root: where ``sys`` and ``proc`` are.
        """
        self.device = device
        self.quantities = (*QUANTITIES, MODEM) if modem is not None else QUANTITIES
        self._folder = folder
        self._clock = clock
        self._modem = modem
        self._root = root
        self._mmcli = mmcli

    async def poll(self) -> Reading:
        """Read all of it. Never missed: what cannot be read is absent."""
        values: dict[str, Value] = {**self._now()}
        if self._modem is not None:
            values[MODEM] = await self._signal(self._modem)
        quality = {name: Quality.INVALID for name, value in values.items() if value is None}
        return Reading(self.device, values, self._clock.mono_ms(), quality)

    def _now(self) -> Mapping[str, Value]:
        health = read_health(self._folder, self._root / "sys")
        discipline = self._clock.discipline()
        free = health.disk_free_bytes
        disk = self._disk()
        return {
            "cpu_c": health.cpu_c,
            "disk_free_mb": None if free is None else round(free / 1e6, 1),
            "memory_free_mb": self._memory_mb(),
            "load": round(os.getloadavg()[0], 2),
            "under_voltage": None if health.under_voltage is None else int(health.under_voltage),
            "throttled": self._throttled(),
            "clock_synced": int(discipline.synced),
            "clock_error_ms": discipline.error_ms if discipline.synced else None,
            "card_written_mb": None if disk is None else _written_mb(disk),
            "card_wear_pct": None if disk is None else _wear_pct(disk),
        }

    def _memory_mb(self) -> float | None:
        with contextlib.suppress(OSError):
            found = re.search(r"^MemAvailable:\s+(\d+) kB$", (self._root / "proc/meminfo").read_text(), re.M)
            return None if found is None else round(int(found[1]) * 1024 / 1e6, 1)
        return None

    def _throttled(self) -> int | None:
        for path in sorted((self._root / "sys/devices/platform").glob("soc*/soc*firmware/get_throttled")):
            with contextlib.suppress(OSError, ValueError):
                return int(bool(int(path.read_text(), 16) & SLOWED))
        return None

    def _disk(self) -> Path | None:
        """The block device under the spool, as ``/sys/block/mmcblk0``."""
        with contextlib.suppress(OSError):
            number = self._folder.stat().st_dev
            place = (self._root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve(strict=True)
            return place.parent if (place / "partition").exists() else place
        return None

    async def _signal(self, modem: str) -> int | None:
        """Signal of the modem in per cent, as ModemManager says it; 0 where it has no network."""
        try:
            process = await asyncio.create_subprocess_exec(
                self._mmcli,
                "-m",
                modem,
                "-J",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError:
            return None
        try:
            async with asyncio.timeout(MODEM_S):
                said, _ = await process.communicate()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return signal_pct(said)


def signal_pct(said: bytes) -> int | None:
    """What ``mmcli -J`` says of the signal; its numbers are texts, and ``--`` is none."""
    try:
        value = json.loads(said)["modem"]["generic"]["signal-quality"]["value"]
        return min(100, max(0, int(value)))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _written_mb(disk: Path) -> float | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return round(int((disk / "stat").read_text().split()[WRITTEN_FIELD]) * SECTOR_BYTES / 1e6, 1)
    return None


def _wear_pct(disk: Path) -> float | None:
    """The worse of the two estimates that an eMMC makes."""
    with contextlib.suppress(OSError, ValueError):
        steps = [int(word, 16) for word in (disk / "device/life_time").read_text().split()]
        told = [step for step in steps if step]
        return float(min(110, max(told) * WEAR_STEP_PCT)) if told else None
    return None
