"""Telemetry frames as gateways send them, written by the contract's codec before anything is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from benchmarks.shape import Shape
from contract import codec
from contract.messages import DeviceColumn, TelemetryFrame

AGE_MS = 500
"""How old the records say they are: live, so that the rules judge them."""

VARIANTS = 8
"""Different sets of values that the frames of one group of devices take in turn."""

LEVEL_M = 0.512
"""What every river post shows: normal, so that no alarm writes into what is measured."""

BOOT = "b0000000-0000-4000-8000-000000000001"

Row = tuple[int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Sender:
    """A gateway of the region.

    Attributes:
        post: device and kind of its river post, which is in each of its frames; None where it has none.
    """

    gateway: str
    cell: int
    site: str
    post: tuple[str, str] | None


def frames(
    sender: Sender, shape: Shape, number: int, *, epoch: str, start_ms: int
) -> Iterator[TelemetryFrame]:
    """The first frames of a stream, its times going on from ``start_ms`` without a repeat."""
    random = Random(sender.gateway)
    groups = [_columns(sender, shape, group) for group in range(shape.groups)]
    rows = [[_rows(columns, shape, random) for _ in range(VARIANTS)] for columns in groups]
    for at in range(number):
        group = at % shape.groups
        yield TelemetryFrame(
            version=1,
            gateway=sender.gateway,
            epoch=epoch,
            boot=BOOT,
            first=at * shape.records + 1,
            n=shape.records,
            base_ms=start_ms + at * shape.step_ms,
            age_ms=AGE_MS,
            floor=1,
            devices=groups[group],
            rows=rows[group][at % VARIANTS],
        )


def payloads(sender: Sender, shape: Shape, number: int, *, epoch: str, start_ms: int) -> list[bytes]:
    """The same as bytes."""
    return [codec.encode(frame) for frame in frames(sender, shape, number, epoch=epoch, start_ms=start_ms)]


def _columns(sender: Sender, shape: Shape, group: int) -> tuple[DeviceColumn, ...]:
    first = group * shape.devices
    if shape.fields > 1:
        beds = tuple(f"bed_{bed:02d}" for bed in range(1, shape.fields + 1))
        columns = [DeviceColumn(f"panel-{first + at:04d}", "bed_panel", beds) for at in range(shape.devices)]
    else:
        columns = [
            DeviceColumn(f"cuaca-{first + at:04d}", "weather", ("temperature_c",))
            for at in range(shape.devices)
        ]
        if sender.post is not None:
            columns[0] = DeviceColumn(*sender.post, ("level_m",))
    return tuple(columns)


def _rows(columns: tuple[DeviceColumn, ...], shape: Shape, random: Random) -> tuple[Row, ...]:
    """The records of a frame: each device in turn, until there are enough, a moment apart."""
    apart_ms = shape.step_ms * len(columns) // shape.records
    return tuple(
        (at % len(columns), at // len(columns) * apart_ms, *_values(columns[at % len(columns)], random))
        for at in range(shape.records)
    )


def _values(column: DeviceColumn, random: Random) -> Iterator[int | float]:
    for quantity in column.quantities:
        if quantity == "level_m":
            yield LEVEL_M
        elif quantity == "temperature_c":
            yield round(random.uniform(22, 34), 2)
        else:
            yield random.randrange(2)
