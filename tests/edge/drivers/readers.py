"""A gateway's attendance side on a real spool, for the tests of readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contract.codec import decode_body
from contract.messages import EventBody
from edge.clock import Discipline
from edge.config import Attendance, Listen, Reader
from edge.drivers.attendance import Readers
from edge.drivers.attendance_push import PushServer
from edge.errors import CardError
from edge.spool import Quotas, Spool
from tests.edge.drivers.rigs import FakeClock

SECRET = "5f" * 32
SERIAL = "CQUJ201660042"
QUOTAS = Quotas(panic_bytes=64_000, event_bytes=4_000_000, telemetry_bytes=64_000, wal_bytes=1 << 20)


class Clock(FakeClock):
    """Disciplined, unless a test says otherwise."""

    synced = True

    def discipline(self) -> Discipline:
        return Discipline(self.synced)


def key_file(folder: Path, *, name: str = "2026a", secret: str = SECRET) -> Path:
    path = folder / "kota.key"
    path.write_text(f'id = "{name}"\nkey = "{secret}"\n')
    path.chmod(0o600)
    return path


class Store:
    """The event lane of a real spool, which can refuse, or die on a word."""

    def __init__(self, folder: Path, *, boot: str = "00000001") -> None:
        self.spool = Spool(str(folder / "spool.sqlite"), quotas=QUOTAS)
        self.spool.open(boot, 0)
        self.spool.append_sync(1, 1_790_000_000_000, 5, "ntp")
        self.room = 10_000
        self.refuse = False
        self.die: BaseException | None = None
        self.die_after: BaseException | None = None

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> object:
        if self.refuse:
            raise CardError("card", "a test refuses")
        if self.die:
            raise self.die
        appended = self.spool.append_events(events)
        if self.die_after:
            raise self.die_after
        return appended

    def event_room(self) -> int:
        return self.room

    def next_event_row(self) -> int:
        return self.spool.next_row("event")

    def event_body(self, row: int) -> bytes | None:
        return self.spool.body("event", row)

    def events(self) -> list[EventBody]:
        """Every event on the card."""
        found, row = [], 1
        while (body := self.spool.body("event", row)) is not None:
            found.append(decode_body(body))
            row += 1
        return found


class Site:
    """The readers of a gateway with everything behind them."""

    def __init__(
        self, folder: Path, *, boot: str = "00000001", secret: str = SECRET, **reader: object
    ) -> None:
        self.clock = Clock()
        self.reader = Reader(name="absen-lobi", serial=SERIAL, **reader)
        self.settings = Attendance(
            key_file=key_file(folder, secret=secret),
            zone="Asia/Jakarta",
            book=folder / "attendance.sqlite",
            listen=Listen(host="127.0.0.1", port=0),
        )
        self.store = Store(folder, boot=boot)
        self.readers = Readers(self.settings, [self.reader], clock=self.clock)
        self.server = PushServer(self.settings, self.readers, clock=self.clock)

    def close(self) -> None:
        self.readers.close()
        self.store.spool.close()
