"""Senders of 433 MHz that rtl_433 hears. A node's id is ``{model}/{id}``, or ``{model}/{id}/{channel}``.

Such senders have fixed codes that anybody can record and send again, and nobody notices when one is taken away: good
for weather, and for a button only beside a better one. Run it with ``-M time:iso:utc:tz``.
"""

from __future__ import annotations

from edge.drivers.nodes.said import Said, flat, moment_ms, table


class Rtl433:
    """``rtl_433/{host}/events`` with a JSON object for every frame of every sender around."""

    def filters(self, node: str) -> tuple[str, ...]:
        """All senders come on one topic."""
        return ("rtl_433/+/events",)

    def read(self, node: str, topic: str, payload: bytes) -> Said | None:
        """Fields as in the JSON, and ``battery_low`` from its ``battery_ok``.

        Raises:
            UnreadableError: no JSON object.
        """
        parts = topic.split("/")
        if len(parts) != 3 or parts[0] != "rtl_433" or parts[2] != "events":
            return None
        told = table(payload)
        names = [str(told[name]) for name in ("model", "id", "channel") if name in told]
        if node not in ("/".join(names), "/".join(names[:2])):
            return None
        fields = flat(told)
        whole = told.get("battery_ok")
        if isinstance(whole, int | float):
            fields["battery_low"] = int(whole < 0.5)
        return Said(fields, t_ms=moment_ms(told.get("time")))
