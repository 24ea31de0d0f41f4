"""How every change by the API is made: with its audit row in one transaction, then told to who waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy import Connection

from hub.api import audit
from hub.api.access import Identity
from hub.api.services import Services

T = TypeVar("T")


async def change(
    hub: Services,
    who: Identity,
    action: str,
    subject: str,
    fn: Callable[[Connection], T],
    *,
    detail: Mapping[str, audit.Scalar] | None = None,
    topic: str | None = None,
) -> T:
    """Make a change and audit it, both or neither; then wake the notify worker and tell the event stream.

    Args:
        topic: of the update on the bus about the subject; None for none.
    """

    def both(conn: Connection) -> T:
        value = fn(conn)
        audit.record(conn, who.user.name, action, subject, detail, now_ms=hub.clock.now_ms())
        return value

    value = await hub.db.write(both, urgent=True)
    hub.notify.wake()
    if topic is not None:
        hub.bus.publish(topic, subject, {"action": action})
    return value
