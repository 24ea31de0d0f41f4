"""What people do to the watch of the command room, each audited."""

from __future__ import annotations

from hub.api.access import Identity
from hub.api.changes import change
from hub.api.services import Services
from hub.shifts import watch


async def take(hub: Services, who: Identity, *, expected: int | None, heard: bool) -> int:
    """Take the watch over; the number of the new shift. The escalation of what is unanswered may go another way now.

    Raises:
        hub.shifts.watch.ShiftError: somebody else has meanwhile.
    """
    now_ms = hub.clock.now_ms()
    name = " / ".join(hub.directory().roster.shift_names(now_ms))
    return await change(
        hub,
        who,
        "shift.take",
        f"shift/{expected}" if expected is not None else "shift",
        lambda conn: watch.take(
            conn, who.user.name, expected=expected, name=name, heard=heard, now_ms=now_ms
        ),
        detail={"heard": heard},
    )


async def join(hub: Services, who: Identity) -> None:
    """Be on watch too.

    Raises:
        hub.shifts.watch.ShiftError: there is no shift yet.
    """
    now_ms, name = hub.clock.now_ms(), who.user.name
    await change(hub, who, "shift.join", name, lambda conn: watch.join(conn, name, now_ms=now_ms))


async def leave(hub: Services, who: Identity) -> None:
    """Be on watch no longer.

    Raises:
        hub.shifts.watch.ShiftError: they are not.
    """
    now_ms, name = hub.clock.now_ms(), who.user.name
    await change(hub, who, "shift.leave", name, lambda conn: watch.leave(conn, name, now_ms=now_ms))


async def hear(hub: Services, who: Identity) -> None:
    """They hear the alarms.

    Raises:
        hub.shifts.watch.ShiftError: they are not on watch.
    """
    now_ms, name = hub.clock.now_ms(), who.user.name
    await change(hub, who, "shift.hear", name, lambda conn: watch.hear(conn, name, now_ms=now_ms))


async def note(hub: Services, who: Identity, line: str, at: str) -> None:
    """Leave a line to the next shift, with the time of day and the name before it.

    Raises:
        hub.shifts.watch.ShiftError: there is no shift, or nothing is said.
    """
    said = line.strip()
    whole = f"{at} {who.user.full_name or who.user.name}: {said}" if said else ""
    await change(hub, who, "shift.note", who.user.name, lambda conn: watch.note(conn, who.user.name, whole))


async def add_item(hub: Services, who: Identity, text: str) -> None:
    """Write down what is to be done.

    Raises:
        hub.shifts.watch.ShiftError: nothing is said.
    """
    now_ms, name = hub.clock.now_ms(), who.user.name
    await change(hub, who, "shift.item", name, lambda conn: watch.add_item(conn, name, text, now_ms=now_ms))


async def finish_item(hub: Services, who: Identity, item: int) -> None:
    """It is done.

    Raises:
        hub.shifts.watch.ShiftError: there is no such item.
    """
    now_ms, name = hub.clock.now_ms(), who.user.name
    await change(
        hub,
        who,
        "shift.item_done",
        f"item/{item}",
        lambda conn: watch.finish_item(conn, name, item, now_ms=now_ms),
    )
