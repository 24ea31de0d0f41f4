"""Devices with Tasmota. A node's id is its topic, as its console shows it under ``Topic``."""

from __future__ import annotations

from edge.drivers.nodes.said import Said, UnreadableError, flat, table, text


class Tasmota:
    """``tele/{id}/LWT``, ``tele/{id}/SENSOR``, ``tele/{id}/STATE``, ``stat/{id}/RESULT``."""

    def filters(self, node: str) -> tuple[str, ...]:
        """What is read of them."""
        return (f"tele/{node}/LWT", f"tele/{node}/SENSOR", f"tele/{node}/STATE", f"stat/{node}/RESULT")

    def read(self, node: str, topic: str, payload: bytes) -> Said | None:
        """Fields as in the JSON.

        Raises:
            UnreadableError: it is not as Tasmota writes.
        """
        prefix, _, rest = topic.partition("/")
        of, _, leaf = rest.rpartition("/")
        if of != node:
            return None
        if (prefix, leaf) == ("tele", "LWT"):
            word = text(payload)
            if word not in ("Online", "Offline"):
                raise UnreadableError(f"LWT {word!r}")
            return Said(there=word == "Online")
        if (prefix, leaf) in (("tele", "SENSOR"), ("tele", "STATE"), ("stat", "RESULT")):
            return Said(flat(table(payload)))
        return None
