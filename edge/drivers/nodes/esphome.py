"""Devices with ESPHome over MQTT. A node's id is its topic prefix."""

from __future__ import annotations

from edge.drivers.nodes.said import Said, UnreadableError, text

PARTS = ("binary_sensor", "sensor", "text_sensor", "switch")


class EspHome:
    """``{id}/status``, and ``{id}/{part}/{object}/state`` with a plain word or number."""

    def filters(self, node: str) -> tuple[str, ...]:
        """Its presence, and the states of its parts."""
        return (f"{node}/status", f"{node}/+/+/state")

    def read(self, node: str, topic: str, payload: bytes) -> Said | None:
        """One field, named ``{part}.{object}``. ``nan`` is its word for no value.

        Raises:
            UnreadableError: it is not as ESPHome writes.
        """
        if not topic.startswith(f"{node}/"):
            return None
        rest = topic.removeprefix(f"{node}/").split("/")
        if rest == ["status"]:
            word = text(payload)
            if word not in ("online", "offline"):
                raise UnreadableError(f"status {word!r}")
            return Said(there=word == "online")
        if len(rest) == 3 and rest[0] in PARTS and rest[2] == "state":
            word = text(payload)
            return Said({f"{rest[0]}.{rest[1]}": None if word.lower() in ("nan", "unknown", "") else word})
        return None
