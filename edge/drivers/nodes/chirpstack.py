"""LoRaWAN nodes at ChirpStack v4, by its MQTT integration in JSON. A node's id is its devEui."""

from __future__ import annotations

from edge.drivers.nodes.said import Said, flat, moment_ms, table


class ChirpStack:
    """``application/{application}/device/{devEui}/event/{up|join|status|…}``."""

    def filters(self, node: str) -> tuple[str, ...]:
        """Uplinks, and the battery that the node tells now and then."""
        return (f"application/+/device/{node}/event/up", f"application/+/device/{node}/event/status")

    def read(self, node: str, topic: str, payload: bytes) -> Said | None:
        """Fields as in the JSON, the codec's under ``object``; and ``rssi`` and ``snr`` of the best receiver.

        Raises:
            UnreadableError: no JSON.
        """
        parts = topic.split("/")
        if len(parts) != 6 or parts[3].lower() != node.lower():
            return None
        told = table(payload)
        fields = flat({name: one for name, one in told.items() if name not in ("rxInfo", "txInfo")})
        fields |= _best(told.get("rxInfo"))
        # An uplink that was sent again, or that came by several receivers, has one id.
        key = f"{parts[5]} {told.get('deduplicationId') or told.get('fCnt') or ''}"
        return Said(fields, key="" if key.endswith(" ") else key, t_ms=moment_ms(told.get("time")))


def _best(receivers: object) -> dict[str, float | str | None]:
    heard = [
        one
        for one in (receivers if isinstance(receivers, list) else [])
        if isinstance(one, dict) and _number(one.get("rssi")) is not None
    ]
    if not heard:
        return {}
    best = max(heard, key=lambda one: one["rssi"])
    return {"rssi": _number(best["rssi"]), "snr": _number(best.get("snr"))}


def _number(value: object) -> float | None:
    """As decibels: JSON has integers that no float can hold."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e6 else None
