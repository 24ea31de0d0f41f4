"""The state of the box itself, read from the kernel's files. A value that cannot be read is absent, never zero.

Sources: Linux thermal sysfs (millidegrees), the Raspberry Pi's ``rpi_volt`` hwmon driver (``in0_lcrit_alarm`` is 1 at
under-voltage; reading it, unlike the firmware's throttle word, clears nothing).
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Health:
    """What a heartbeat says of the box.

    Attributes:
        cpu_c: temperature of the processor in °C.
        under_voltage: whether the supply is below the board's limit now.
        disk_free_bytes: room on the file system that holds the spool.
    """

    cpu_c: float | None
    under_voltage: bool | None
    disk_free_bytes: int | None


def read_health(spool_folder: Path, sys_root: Path = Path("/sys")) -> Health:
    """Read the box's health; never raises."""
    return Health(
        cpu_c=_temperature(sys_root / "class/thermal/thermal_zone0/temp"),
        under_voltage=_under_voltage(sys_root / "class/hwmon"),
        disk_free_bytes=_disk_free(spool_folder),
    )


def _temperature(path: Path) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text()) / 1000
    return None


def _under_voltage(folder: Path) -> bool | None:
    with contextlib.suppress(OSError):
        for sensor in sorted(folder.iterdir()):
            with contextlib.suppress(OSError):
                if (sensor / "name").read_text().strip() == "rpi_volt":
                    return (sensor / "in0_lcrit_alarm").read_text().strip() == "1"
    return None


def _disk_free(folder: Path) -> int | None:
    with contextlib.suppress(OSError):
        usage = os.statvfs(folder)
        return usage.f_bavail * usage.f_frsize
    return None
