"""The spool, whole."""

from __future__ import annotations

from edge.spool.accepting import Accepting
from edge.spool.hearing import Hearing
from edge.spool.keeping import Housekeeping
from edge.spool.opening import Opened
from edge.spool.telling import Telling


class Spool(Opened, Accepting, Telling, Hearing, Housekeeping):
    """Three lanes of records on the card. Synchronous; one caller at a time; reads no clock.

    CardError means that nothing was changed. CorruptCard means: call `quarantine`.

    Each of its rooms is a file: opening, accepting, room (made on a full card), sending, hearing (what the hub
    says), telling (what the beat says) and keeping; all stand on state.
    """
