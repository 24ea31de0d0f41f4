"""Telemetry records as InfluxDB line protocol."""

from __future__ import annotations

from contract.messages import TelemetryFrame


def encode(frame: TelemetryFrame, site: str) -> list[bytes]:
    """One line a record, in the order of the rows, without line ends; timestamps in nanoseconds.

    A record that has neither a value nor a quality has no line and is ``b""`` in the list (InfluxDB knows no
    line without fields), so that the list has an item for each row.

    The frame has passed accept: its kinds and quantities are known.
    """
    raise NotImplementedError
