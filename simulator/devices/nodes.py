"""Nodes of six networks as they look at the local broker: what ChirpStack, Zigbee2MQTT, Tasmota, ESPHome, rtl_433 and
Shelly publish, written from their documentation, apart from the gateway's readers.

Each is a table of what to publish: (topic, payload, retained).
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import uuid
from dataclasses import dataclass, field
from typing import Protocol

Message = tuple[str, str, bool]


class FakeNode(Protocol):
    """A node with a thermometer and a button."""

    id: str

    def measures(self, temperature_c: float | None, humidity_pct: float | None) -> list[Message]:
        """It tells what it measures."""

    def press(self) -> list[Message]:
        """Its button is pressed."""

    def there(self, there: bool) -> list[Message]:
        """Its network says whether it is within reach; nothing where the network does not know."""


@dataclass
class FakeChirpStack:
    """A LoRaWAN node with a codec."""

    id: str = "a84041ffff1e2d3c"
    count: int = 0

    def uplink(self, told: dict[str, object], *, again: bool = False, age_s: float = 0) -> Message:
        """An uplink; `again`: the last one a second time."""
        self.count += not again
        at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age_s)
        body = {
            "deduplicationId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.id} {self.count}")),
            "time": at.isoformat(timespec="microseconds"),
            "deviceInfo": {
                "tenantId": str(uuid.UUID(int=1)),
                "applicationId": str(uuid.UUID(int=2)),
                "deviceProfileName": "uji",
                "deviceName": "simpul",
                "devEui": self.id,
                "tags": {},
            },
            "devAddr": "00189440",
            "dr": 2,
            "fCnt": self.count,
            "fPort": 2,
            "confirmed": True,
            "data": base64.b64encode(b"\x01\x02").decode(),
            "object": told,
            "rxInfo": [
                {"gatewayId": "0016c001f153a14c", "rssi": -97, "snr": 6.5},
                {"gatewayId": "0016c001f153a14d", "rssi": -111, "snr": -3.0},
            ],
        }
        return f"application/{uuid.UUID(int=2)}/device/{self.id}/event/up", json.dumps(body), False

    def battery(self, level_pct: float) -> Message:
        """The answer to the network's question for its state."""
        body = {"deviceInfo": {"devEui": self.id}, "margin": 12, "batteryLevel": level_pct}
        return f"application/{uuid.UUID(int=2)}/device/{self.id}/event/status", json.dumps(body), False

    def measures(self, temperature_c: float | None, humidity_pct: float | None) -> list[Message]:
        """By its codec."""
        return [self.uplink({"temp": temperature_c, "hum": humidity_pct})]

    def press(self) -> list[Message]:
        """An uplink, which is sent again because no acknowledgement came."""
        return [self.uplink({"pressed": True}), self.uplink({"pressed": True}, again=True)]

    def there(self, there: bool) -> list[Message]:
        """ChirpStack does not know."""
        return []


@dataclass
class FakeZigbee:
    """A node behind Zigbee2MQTT."""

    id: str = "zigbee2mqtt/tombol_taman"

    def measures(self, temperature_c: float | None, humidity_pct: float | None) -> list[Message]:
        """Its exposes."""
        body = {"temperature": temperature_c, "humidity": humidity_pct, "battery": 97, "linkquality": 120}
        return [(self.id, json.dumps(body), False)]

    def press(self) -> list[Message]:
        """With the Home Assistant integration on, it comes twice, and the empty action behind it."""
        pressed = {"action": "single", "battery": 97, "linkquality": 120}
        return [
            (self.id, json.dumps(pressed), False),
            (f"{self.id}/action", "single", False),
            (self.id, json.dumps({**pressed, "action": ""}), False),
        ]

    def there(self, there: bool) -> list[Message]:
        """Retained."""
        return [(f"{self.id}/availability", json.dumps({"state": "online" if there else "offline"}), True)]


@dataclass
class FakeTasmota:
    """A device with Tasmota and an AM2301."""

    id: str = "tasmota_4F2A10"

    def measures(self, temperature_c: float | None, humidity_pct: float | None) -> list[Message]:
        """The periodic report."""
        body = {
            "Time": "2026-11-22T10:00:00",
            "AM2301": {"Temperature": temperature_c, "Humidity": humidity_pct, "DewPoint": 20.1},
            "TempUnit": "C",
        }
        return [(f"tele/{self.id}/SENSOR", json.dumps(body), False)]

    def press(self) -> list[Message]:
        """With SetOption73 1."""
        return [(f"stat/{self.id}/RESULT", '{"Button1":{"Action":"SINGLE"}}', False)]

    def there(self, there: bool) -> list[Message]:
        """The last will, retained."""
        return [(f"tele/{self.id}/LWT", "Online" if there else "Offline", True)]


@dataclass
class FakeEspHome:
    """A device with ESPHome; its states are retained, as is its default."""

    id: str = "pos-satpam"

    def measures(self, temperature_c: float | None, humidity_pct: float | None) -> list[Message]:
        """Two sensors; ``nan`` is no value."""
        pairs = (("humidity", humidity_pct), ("temperature", temperature_c))
        return [
            (f"{self.id}/sensor/{name}/state", "nan" if value is None else str(value), True)
            for name, value in pairs
        ]

    def press(self) -> list[Message]:
        """Pressed and let go."""
        topic = f"{self.id}/binary_sensor/button/state"
        return [(topic, "ON", True), (topic, "OFF", True)]

    def there(self, there: bool) -> list[Message]:
        """Birth and will, retained."""
        return [(f"{self.id}/status", "online" if there else "offline", True)]


@dataclass
class FakeRtl433:
    """A weather sensor of 433 MHz and a remote, with a neighbour's sensor between."""

    id: str = "Bresser-5in1/1234"
    code: str = "Generic-Remote/777"

    def measures(self, temperature_c: float | None, humidity_pct: float | None) -> list[Message]:
        """One frame of ours, one of somebody else's."""
        model, number = self.id.split("/")
        ours = {"model": model, "id": int(number), "battery_ok": 1}
        ours |= {"temperature_C": temperature_c, "humidity": humidity_pct, "mic": "CRC"}
        theirs = {**ours, "id": 99, "temperature_C": 99.0}
        return [self._event(theirs), self._event(ours)]

    def press(self) -> list[Message]:
        """A remote repeats its frame."""
        model, number = self.code.split("/")
        return [self._event({"model": model, "id": int(number), "cmd": 4})] * 4

    def there(self, there: bool) -> list[Message]:
        """Nobody knows."""
        return []

    def _event(self, body: dict[str, object]) -> Message:
        at = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S}+0000"
        return "rtl_433/pos-1/events", json.dumps({"time": at, **body}), False


@dataclass
class FakeShelly:
    """A Shelly of the second generation with an input and a thermometer."""

    id: str = "shellyplusi4-a8032ab1fe78"
    ts: float = field(default=1795313874.5)

    def measures(self, temperature_c: float | None, humidity_pct: float | None) -> list[Message]:
        """Full states of two components."""
        return [
            (f"{self.id}/status/humidity:0", json.dumps({"id": 0, "rh": humidity_pct}), False),
            (
                f"{self.id}/status/temperature:0",
                json.dumps({"id": 0, "tC": temperature_c, "tF": None}),
                False,
            ),
        ]

    def press(self) -> list[Message]:
        """Down, up, and what it was."""
        return [self._event(name) for name in ("btn_down", "btn_up", "single_push")]

    def there(self, there: bool) -> list[Message]:
        """The last will, retained."""
        return [(f"{self.id}/online", "true" if there else "false", True)]

    def _event(self, name: str) -> Message:
        self.ts = round(self.ts + 0.1, 2)
        body = {
            "src": self.id,
            "dst": f"{self.id}/events",
            "method": "NotifyEvent",
            "params": {
                "ts": self.ts,
                "events": [{"component": "input:0", "id": 0, "event": name, "ts": self.ts}],
            },
        }
        return f"{self.id}/events/rpc", json.dumps(body), False
