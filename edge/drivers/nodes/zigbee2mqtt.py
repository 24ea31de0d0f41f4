"""Zigbee nodes at Zigbee2MQTT. A node's id is its topic: ``zigbee2mqtt/NAME``."""

from __future__ import annotations

from edge.drivers.nodes.said import Said, UnreadableError, flat, moment_ms, table, text


class Zigbee2Mqtt:
    """``{id}`` with a JSON object, ``{id}/availability``, and ``{id}/action`` where that is switched on."""

    def filters(self, node: str) -> tuple[str, ...]:
        """The three of them."""
        return (node, f"{node}/availability", f"{node}/action")

    def read(self, node: str, topic: str, payload: bytes) -> Said | None:
        """Fields as in the JSON; ``action`` also from its own topic.

        Raises:
            UnreadableError: it is not as Zigbee2MQTT writes.
        """
        if topic == node:
            told = table(payload)
            return Said(flat(told), t_ms=moment_ms(told.get("last_seen")))
        if topic == f"{node}/action":
            return Said({"action": text(payload)})
        if topic == f"{node}/availability":
            return Said(there=_there(payload))
        return None


def _there(payload: bytes) -> bool:
    # A plain word in old versions, an object since 1.17.
    word = table(payload).get("state") if payload.startswith(b"{") else text(payload)
    if word not in ("online", "offline"):
        raise UnreadableError(f"availability {word!r}")
    return word == "online"
