"""What the hub knows of the devices of a frame, kept because a gateway sends the same ones again and again."""

from __future__ import annotations

import re

from contract.kinds import KINDS, QUALITY_SUFFIX
from contract.messages import DeviceColumn

_SPECIAL = re.compile(r"[, =]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\%]")

_KEPT = 1024
_KEPT_DEVICES = 16
_KEPT_QUANTITIES = 64
"""So many tables are kept, of frames with at most so many devices and quantities together; larger ones are made
anew for each frame. A gateway that sends other names each time fills at most 30 MB."""


def escape(name: str) -> str:
    """A tag's value, a tag's key or a field's key as line protocol writes it.

    Commas, spaces and equals signs have an escape of their own. A newline has none, and a backslash at the end would
    eat the separator behind it; these, other control characters and the percent sign are written ``%0A``, so that two
    names stay two.
    """
    return _SPECIAL.sub(r"\\\g<0>", _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name))


class Column:
    """What is the same in every line of a device: its series and the names and types of its fields."""

    __slots__ = ("fields", "good", "quality", "series")

    def __init__(self, site: str, gateway: str, column: DeviceColumn) -> None:
        quantities = KINDS[column.kind].quantities
        tags = (("device", column.device), ("gateway", gateway), ("site", site))
        named = "".join(f",{key}={escape(value)}" for key, value in tags if value)
        suffixes = ["i" if quantities[name].type == "int" else "" for name in column.quantities]
        self.series = f"{escape(column.kind)}{named} ".encode()
        self.fields = [
            (f"{name}=".encode(), suffix.encode())
            for name, suffix in zip(column.quantities, suffixes, strict=True)
        ]
        self.quality = [f"{name}{QUALITY_SUFFIX}=".encode() for name in column.quantities]
        whole = ",".join(
            f"{name}=%b{suffix}" for name, suffix in zip(column.quantities, suffixes, strict=True)
        )
        self.good = self.series.replace(b"%", b"%%") + whole.encode() + b" %b"
        """The whole line of a record with every value and nothing to say of their quality: values, then time."""


class Table:
    """The devices of a frame, by alias.

    Attributes:
        faults: why no row of a device can be taken, None where they can.
        integers: where in a row of a device only an integer may be.
        columns: how its lines are written; None for a kind or a quantity that the table of kinds does not have.
        good: the templates of its whole lines, where every device has one and equally many values, else None.
        values: how many values each row has then.
        sound: no device has a fault.
        has_integers: some device has a quantity that only an integer may be.
    """

    __slots__ = ("columns", "faults", "good", "has_integers", "integers", "sound", "values")

    def __init__(self, site: str, gateway: str, devices: tuple[DeviceColumn, ...]) -> None:
        self.faults = tuple(map(_fault, devices))
        self.integers = tuple(map(_integer_places, devices, self.faults))
        self.sound = not any(self.faults)
        self.has_integers = any(self.integers)
        self.columns = [Column(site, gateway, one) if _in_kinds(one) else None for one in devices]
        self.values = len(devices[0].quantities) if devices else 0
        self.good: list[bytes] | None = None
        if all(len(one.quantities) == self.values for one in devices) and None not in self.columns:
            self.good = [column.good for column in self.columns if column is not None]


_known: dict[tuple[str, str, tuple[DeviceColumn, ...]], Table] = {}


def table(site: str, gateway: str, devices: tuple[DeviceColumn, ...]) -> Table:
    """The table of a frame's devices."""
    key = (site, gateway, devices)
    found = _known.get(key)
    if found is None:
        found = Table(site, gateway, devices)
        if len(devices) <= _KEPT_DEVICES and sum(len(one.quantities) for one in devices) <= _KEPT_QUANTITIES:
            if len(_known) >= _KEPT:
                del _known[next(iter(_known))]
            _known[key] = found
    return found


def _in_kinds(column: DeviceColumn) -> bool:
    kind = KINDS.get(column.kind)
    return kind is not None and all(name in kind.quantities for name in column.quantities)


def _fault(column: DeviceColumn) -> str | None:
    if not column.device.isprintable() or column.device.endswith("\\"):
        return "device"
    if column.kind not in KINDS:
        return "kind"
    if not _in_kinds(column) or len(set(column.quantities)) != len(column.quantities):
        return "quantity"
    return None


def _integer_places(column: DeviceColumn, fault: str | None) -> tuple[int, ...]:
    if fault is not None:
        return ()
    quantities = KINDS[column.kind].quantities
    return tuple(at + 2 for at, name in enumerate(column.quantities) if quantities[name].type == "int")
