"""What frames look like: how many values, how many of them in one line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A sort of telemetry frames.

    Attributes:
        values: in a frame.
        fields: values of one record, and so of one line in InfluxDB.
        devices: of a frame; its records are shared out among them.
        groups: sets of devices that a gateway has; its frames take one after the other.
        step_ms: between the base times of two frames of a gateway.
    """

    name: str
    values: int
    fields: int
    devices: int
    groups: int
    step_ms: int

    @property
    def records(self) -> int:
        """Records of a frame."""
        return self.values // self.fields


FRAMES_100 = Shape("100", values=100, fields=1, devices=10, groups=31, step_ms=1000)
FRAMES_20 = Shape("20", values=20, fields=1, devices=10, groups=31, step_ms=200)
WIDE = Shape("wide", values=100, fields=10, devices=2, groups=16, step_ms=1000)

SHAPES = {shape.name: shape for shape in (FRAMES_100, FRAMES_20, WIDE)}
"""With the sixteen gateways of Kota Contoh each of them is about 5,000 fields of their own in InfluxDB."""
