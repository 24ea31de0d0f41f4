"""What people may ask of a running gateway: at the box by its own door, and from the room by commands.

An order answers with plain values. It reads and tells; what it changes is named in its docstring. Nothing here
configures anything, and nothing runs what was sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from contract.codec import decode_body
from contract.kinds import KINDS, Quality
from contract.topics import LANES
from edge.clock import Clock
from edge.errors import OrderError
from edge.health import Health
from edge.panic import Panic
from edge.pictures import Pictures
from edge.sampler import DeviceState, Sample, Sampler
from edge.spool import Spool
from edge.uplink import Uplink

MOST_PRESSES = 50
IDENTIFY_S = 30

Scalar = str | int | float | bool | None
Answer = dict[str, Any]


class Gateway(Protocol):
    """What orders ask of the gateway as a whole."""

    @property
    def clock(self) -> Clock: ...
    @property
    def sampler(self) -> Sampler: ...
    @property
    def spool(self) -> Spool: ...
    @property
    def uplink(self) -> Uplink | None: ...
    @property
    def panic(self) -> Panic: ...
    @property
    def pictures(self) -> Pictures: ...
    @property
    def buttons(self) -> tuple[str, ...]: ...
    @property
    def software(self) -> str: ...
    @property
    def config_hash(self) -> str: ...
    @property
    def link_trouble(self) -> str: ...
    def health(self) -> Health: ...
    def identify(self) -> bool: ...
    def restart(self, device: str) -> bool: ...


class Orders:
    """The orders of a gateway, by name."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._orders: dict[str, Callable[[Mapping[str, Scalar]], Awaitable[Answer]]] = {
            "read": self._read,
            "status": self._status,
            "presses": self._presses,
            "test": self._test,
            "identify": self._identify,
            "restart": self._restart,
            "diagnostics": self._diagnostics,
            "snapshot": self._snapshot,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """What may be ordered."""
        return tuple(self._orders)

    async def do(self, name: str, arguments: Mapping[str, Scalar]) -> Answer:
        """Carry an order out.

        Raises:
            OrderError: there is no such order, or it cannot be done as it was given.
        """
        order = self._orders.get(name)
        if order is None:
            known = ", ".join(self._orders)
            raise OrderError("unknown", f"perintah tidak dikenal / unknown order: {name}", f"one of {known}")
        return await order(arguments)

    async def _read(self, arguments: Mapping[str, Scalar]) -> Answer:
        """Ask a device now. What it says is a sample like any other: it is stored and sent too."""
        device, _, quantity = str(arguments.get("point", "")).partition(".")
        state = self._device(device)
        known = KINDS[state.kind].quantities
        if quantity and quantity not in known:
            raise OrderError("point", f"{device} has no quantity {quantity!r}", "one of " + ", ".join(known))
        await self._gateway.sampler.poll(device)
        state = self._device(device)
        if state.missed is not None:
            raise OrderError(state.missed.reason, state.missed.message, state.missed.hint)
        if state.sample is None:
            raise OrderError("resting", f"{device} is left alone after silences", "ask again in a minute")
        return self._said(state.sample, quantity)

    def _said(self, sample: Sample, quantity: str) -> Answer:
        units, bad = KINDS[sample.kind].quantities, dict(sample.quality)
        values = {
            name: {
                "value": value,
                "unit": units[name].unit,
                "quality": Quality(bad.get(at, Quality.GOOD)).name.lower(),
            }
            for at, (name, value) in enumerate(zip(sample.quantities, sample.values, strict=True))
            if quantity in ("", name)
        }
        age_ms = self._gateway.clock.mono_ms() - sample.mono_ms
        return {"device": sample.device, "kind": sample.kind, "age_ms": age_ms, "values": values}

    def _device(self, name: str) -> DeviceState:
        for state in self._gateway.sampler.states:
            if state.device == name:
                return state
        known = ", ".join(state.device for state in self._gateway.sampler.states)
        raise OrderError("device", f"no device is called {name!r}", f"one of {known}" if known else "")

    async def _presses(self, _: Mapping[str, Scalar]) -> Answer:
        """The newest presses that the card still has, newest first, with what is proven of each."""
        gateway = self._gateway
        newest = gateway.spool.next_row("panic") - 1
        found = []
        for row in range(newest, max(0, newest - MOST_PRESSES), -1):
            body = gateway.spool.body("panic", row)
            if body is None:
                break
            event = decode_body(body)
            found.append(
                {
                    "id": event.id,
                    "device": event.device,
                    "t_ms": gateway.spool.time_ms("panic", row),
                    "received": gateway.spool.pending("panic", row, row) is None,
                }
            )
        return {"presses": found}

    async def _test(self, arguments: Mapping[str, Scalar]) -> Answer:
        """Send a test of the way from a button to the hub. It raises nothing."""
        device = str(arguments.get("device", ""))
        if device not in self._gateway.buttons:
            known = ", ".join(self._gateway.buttons)
            raise OrderError(
                "device", f"no panic button is called {device!r}", f"one of {known}" if known else ""
            )
        actor = str(arguments.get("actor", "teknisi"))
        return {"event": self._gateway.panic.test(device, self._gateway.clock.mono_ms(), actor)}

    async def _identify(self, _: Mapping[str, Scalar]) -> Answer:
        """Blink every lamp for a while, so that somebody finds the box. Then they show again what is proven."""
        if not self._gateway.identify():
            raise OrderError("no_lamps", "tidak ada lampu / this gateway has no lamps", "see [[lights]]")
        return {"seconds": IDENTIFY_S}

    async def _restart(self, arguments: Mapping[str, Scalar]) -> Answer:
        """Close the line of a device and open it anew, as after a change of its cable. Others on it wait shortly."""
        device = str(arguments.get("device", ""))
        self._device(device)
        if not self._gateway.restart(device):
            raise OrderError(
                "no_line", f"{device} has no line of its own to open anew", "only lines can be restarted"
            )
        return {"device": device}

    async def _snapshot(self, arguments: Mapping[str, Scalar]) -> Answer:
        """Send a picture that is kept here to the hub, by HTTPS."""
        return {"bytes": await self._gateway.pictures.send(str(arguments.get("file", "")))}

    async def _diagnostics(self, _: Mapping[str, Scalar]) -> Answer:
        """What somebody wants to know who cannot come: all that is not well, and the numbers around it."""
        status = await self._status({})
        sick = [one for one in status.pop("devices") if one["down"] or one["reason"]]
        usage = self._gateway.spool.usage(self._gateway.clock.mono_ms())
        return {
            **status,
            "ring_h": usage.ring_h,
            "spool_bytes": usage.spool_bytes,
            "devices": len(self._gateway.sampler.states),
            "dropped": self._gateway.sampler.dropped,
            "sick": {one["device"]: f"{one['reason']}: {one['text']}" for one in sick},
        }

    async def _status(self, _: Mapping[str, Scalar]) -> Answer:
        """How everything stands. Changes nothing."""
        gateway, now_ms = self._gateway, self._gateway.clock.mono_ms()
        discipline, health, uplink = gateway.clock.discipline(), gateway.health(), gateway.uplink
        return {
            "software": gateway.software,
            "config": gateway.config_hash,
            "clock_synced": discipline.synced,
            "disk_free_bytes": health.disk_free_bytes,
            "cpu_c": health.cpu_c,
            "under_voltage": health.under_voltage,
            "connected": uplink is not None and uplink.connected,
            "reached": uplink is not None and uplink.reached,
            "flow": "open" if uplink is None else uplink.flow,
            "refused_version": "" if uplink is None else uplink.refused_version,
            "undecodable": 0 if uplink is None else uplink.undecodable,
            "trouble": gateway.link_trouble,
            "lanes": self._lanes(now_ms),
            "lost_untold": sum(loss.last - loss.first + 1 for loss in gateway.spool.losses()),
            "devices": [_standing(state, now_ms) for state in gateway.sampler.states],
        }

    def _lanes(self, now_ms: int) -> Answer:
        spool = self._gateway.spool
        usage, accounts = spool.usage(now_ms), spool.accounts(now_ms)
        return {
            lane: {
                "waiting": usage.lane_unsettled[lane],
                "bytes": usage.lane_bytes[lane],
                "oldest_age_ms": accounts[lane].oldest_age_ms,
                "refused": usage.refused[lane],
                "lost": usage.lost[lane],
                "untimed": spool.next_row(lane) - spool.end(lane),
            }
            for lane in LANES
        }


def _standing(state: DeviceState, now_ms: int) -> Answer:
    return {
        "device": state.device,
        "kind": state.kind,
        "down": state.down,
        "age_ms": None if state.sample is None else now_ms - state.sample.mono_ms,
        "reason": "" if state.missed is None else state.missed.reason,
        "text": "" if state.missed is None else state.missed.message,
        "hint": "" if state.missed is None else state.missed.hint,
    }
