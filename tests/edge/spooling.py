"""What the tests of the spool share: small quotas, bodies, samples, and a card that fails on command."""

import os
from dataclasses import dataclass
from itertools import count

from hypothesis import settings

from contract.codec import encode_body
from contract.messages import EventBody
from edge.errors import CardError, DiskFull
from edge.spool import Quotas, Spool
from edge.sqlite import FileCard

EXAMPLES = int(os.environ.get("SIAGA_EXAMPLES", "30"))
"""Examples of each property test; a long run sets it higher."""

THOROUGH = settings(max_examples=EXAMPLES, deadline=None, stateful_step_count=40)

SMALL = Quotas(
    panic_bytes=64 * 1024, event_bytes=64 * 1024, telemetry_bytes=128 * 1024, wal_bytes=1024 * 1024
)

BOOT_A, BOOT_B, BOOT_C = "aaaaaaaa", "bbbbbbbb", "cccccccc"


@dataclass(frozen=True)
class Sampled:
    """A sample as the sampler makes it."""

    device: str
    values: tuple[float | int | None, ...]
    mono_ms: int
    kind: str = "river_post"
    quantities: tuple[str, ...] = ("level_m",)
    quality: tuple[tuple[int, int], ...] = ()


def event(number, kind="panic_press", pad=0):
    """Body of an event that can be told from every other."""
    return encode_body(EventBody(id=f"{number:032x}", kind=kind, device="tombol-1", data={"pad": "x" * pad}))


def samples(n, mono_ms, *, device="pos-1", first=0):
    """Samples of one device, 10 ms apart."""
    return [Sampled(device, (float(first + at),), mono_ms + 10 * at) for at in range(n)]


def hexes():
    """Random bytes that are not random: each call gives new ones, and the same in every run."""
    numbers = count(1)
    return lambda n_bytes: f"{next(numbers):0{2 * n_bytes}x}"


def opened(path, *, boot=BOOT_A, mono_ms=0, quotas=SMALL, card=None, random_hex=None):
    """A spool, open."""
    spool = Spool(str(path), quotas=quotas, card=card, random_hex=random_hex or hexes())
    spool.open(boot, mono_ms)
    return spool


def bodies(spool, lane):
    """{(epoch, seq): body} of everything in a lane that is still to be sent."""
    found, low = {}, 1
    while (run := spool.read_run(lane, low, 2**40, 60_000)) is not None:
        for at, row in enumerate(run.rows):
            found[run.epoch, run.first + at] = row.body
        low = run.last_row + 1
    return found


class FailingCard(FileCard):
    """A card whose next writes fail: the n-th statement from now that matches raises, once."""

    def __init__(self):
        self.fail_at = None
        self.error = CardError
        self.statements = 0

    def fail(self, at, error=CardError):
        """Let the at-th statement from now fail (1 is the next)."""
        self.statements, self.fail_at, self.error = 0, at, error

    def open(self, name):
        return _FailingDatabase(super().open(name), self)


class _FailingDatabase:
    def __init__(self, inner, card):
        self.inner = inner
        self.card = card

    def _count(self, sql):
        if sql == "ROLLBACK":
            return
        self.card.statements += 1
        if self.card.statements == self.card.fail_at:
            self.card.fail_at = None
            raise self.card.error("test", f"planted at {sql[:20]!r}")

    def execute(self, sql, params=()):
        self._count(sql)
        return self.inner.execute(sql, params)

    def execute_many(self, sql, params):
        self._count(sql)
        self.inner.execute_many(sql, params)

    def close(self):
        self.inner.close()


FULL = DiskFull
