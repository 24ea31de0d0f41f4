"""Shelly devices, of the second generation and later and of the first. A node's id is its topic prefix.

The second generation tells events on ``{id}/events/rpc`` and states on ``{id}/status/{component}``; the first tells
plain values below ``shellies/{name}``, which is its prefix.
"""

from __future__ import annotations

from collections.abc import Mapping

from edge.drivers.nodes.said import Said, Scalar, UnreadableError, flat, table, text


class Shelly:
    """Fields are named by component: ``input:0.event``, ``input:0.state``; of the first ``input_event.0.event``."""

    def filters(self, node: str) -> tuple[str, ...]:
        """Presence, and all else of both generations. No two overlap: a broker may send such a message twice."""
        return (f"{node}/online", f"{node}/+/+")

    def read(self, node: str, topic: str, payload: bytes) -> Said | None:
        """What it says.

        Raises:
            UnreadableError: it is not as a Shelly writes.
        """
        if not topic.startswith(f"{node}/"):
            return None
        rest = topic.removeprefix(f"{node}/").split("/")
        if rest == ["online"]:
            word = text(payload)
            if word not in ("true", "false"):
                raise UnreadableError(f"online {word!r}")
            return Said(there=word == "true")
        if rest == ["events", "rpc"]:
            return _notified(table(payload))
        if len(rest) == 2 and rest[0] == "status":
            return Said(flat(table(payload), rest[1]))
        if len(rest) == 2 and rest[0] in ("input_event", "sensor", "input"):
            return _first(rest[0], rest[1], payload)
        return None


def _notified(told: Mapping[str, object]) -> Said | None:
    params = told.get("params")
    if not isinstance(params, dict):
        raise UnreadableError("no params")
    if told.get("method") == "NotifyEvent":
        fields: dict[str, Scalar] = {}
        key = ""
        events = params.get("events")
        for event in events if isinstance(events, list) else []:
            if isinstance(event, dict) and isinstance(event.get("component"), str):
                fields |= flat(event, str(event["component"]))
                key += f" {event['component']} {event.get('ts')} {event.get('event')}"
        return Said(fields, key=key)
    if told.get("method") in ("NotifyStatus", "NotifyFullStatus"):
        return Said(flat({name: one for name, one in params.items() if name != "ts"}))
    return None


def _first(part: str, name: str, payload: bytes) -> Said:
    if payload.startswith(b"{"):
        told = table(payload)
        count = told.get("event_cnt")
        key = "" if count is None else f"{part} {name} {count}"
        return Said(flat(told, f"{part}.{name}"), key=key)
    return Said({f"{part}.{name}": text(payload)})
