"""Frames as a gateway sends them, and a store to commit them to."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from sqlalchemy import Connection

from contract import codec
from contract.messages import DeviceColumn, EventBody, EventFrame, EventRecord, TelemetryFrame
from contract.topics import Lane, topic
from hub.ingest.accept import Registered, Verdict, accept
from hub.ingest.events import StoredEvent

NOW_MS = 1_790_000_000_000
GATEWAY = "rsud-01"
EPOCH = "00000000000000aa"
BOOT = "b0000000-0000-4000-8000-000000000001"
GATEWAYS = {
    GATEWAY: Registered(GATEWAY, 3, "rsud"),
    "pos-07": Registered("pos-07", 7, "katulampa", 60.0),
}


def event_id(number: int) -> str:
    return f"{number:032x}"


def body(number: int, *, kind: str = "panic_press", device: str = "tombol-1", **data: Any) -> bytes:
    return codec.encode_body(EventBody(id=event_id(number), kind=kind, device=device, data=data))


def event_frame(
    *bodies: bytes,
    first: int = 1,
    epoch: str = EPOCH,
    gateway: str = GATEWAY,
    base_ms: int | None = NOW_MS - 1500,
    age_ms: int | None = 1000,
    again: bool = False,
) -> bytes:
    return codec.encode(
        EventFrame(
            version=1,
            gateway=gateway,
            epoch=epoch,
            boot=BOOT,
            first=first,
            n=len(bodies),
            base_ms=base_ms,
            age_ms=age_ms,
            floor=1,
            again=again,
            events=tuple(EventRecord(100 * at, 5, msgspec.Raw(one)) for at, one in enumerate(bodies)),
        )
    )


POST = DeviceColumn("duga-1", "river_post", ("level_m", "tips"))


def telemetry_frame(
    *rows: tuple[int | float | None, ...],
    devices: tuple[DeviceColumn, ...] = (POST,),
    first: int = 1,
    epoch: str = EPOCH,
    boot: str = BOOT,
    gateway: str = GATEWAY,
    base_ms: int = NOW_MS - 5000,
    age_ms: int | None = 5000,
    live: bool = False,
) -> bytes:
    return codec.encode(
        TelemetryFrame(
            version=1,
            gateway=gateway,
            epoch=epoch,
            boot=boot,
            first=first,
            n=len(rows),
            base_ms=base_ms,
            age_ms=age_ms,
            floor=1,
            devices=devices,
            rows=rows,
            live=live,
        )
    )


def edited(frame: bytes, **fields: Any) -> bytes:
    """The frame with other fields than a codec would write."""
    document = json.loads(frame)
    document.update(fields)
    return json.dumps(document).encode()


def judged(
    payload: bytes,
    lane: Lane,
    *,
    gateway: str = GATEWAY,
    cell: int = 3,
    retained: bool = False,
    now_ms: int = NOW_MS,
) -> Verdict:
    return accept(
        topic(cell, gateway, f"up/{lane}"), payload, retained=retained, received_ms=now_ms, gateways=GATEWAYS
    )


class Recorder:
    """Consequences that only remember, and fail when told to."""

    def __init__(self) -> None:
        self.panics: list[StoredEvent] = []
        self.events: list[StoredEvent] = []
        self.error: Exception | None = None

    def panic(self, conn: Connection, event: StoredEvent) -> None:
        if self.error is not None:
            raise self.error
        self.panics.append(event)

    def event(self, conn: Connection, event: StoredEvent) -> None:
        self.events.append(event)
