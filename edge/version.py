"""Which version of Siaga this is, and whether it was to be replaced by now."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

_NAME, _SUFFIX = "siaga-", ".dist-info"


def software_version(places: Iterable[str] | None = None) -> str:
    """The version of the installed distribution; "unknown" where none is installed.

    It stands in the name of the folder that pip leaves beside the packages. importlib.metadata would find it too, and
    costs 1.3 MB of a gateway's memory.

    Args:
        places: folders to look in; None looks where modules come from.
    """
    for place in sys.path if places is None else places:
        for found in Path(place).glob(f"{_NAME}*{_SUFFIX}"):
            return found.name.removeprefix(_NAME).removesuffix(_SUFFIX)
    return "unknown"


def left_behind_ms(now_ms: int, prefix: str = sys.prefix) -> int | None:
    """For how long the running version has been expired, in ms; None while it has not.

    Whoever can keep newer versions away keeps a gateway weak, and this shows it. None too for a version that was
    installed by hand: it has no manifest.
    """
    from contract.upgrade import MANIFEST, UpgradeError, decode

    try:
        expires_ms = decode((Path(prefix) / MANIFEST).read_bytes()).expires_ms
    except (OSError, UpgradeError):
        return None
    return now_ms - expires_ms if now_ms > expires_ms else None
