"""The spool under any order of calls, crashes and failing cards, against a model that is only sets.

Every accepted record is still to be sent, settled, or declared lost; a number names one body for ever.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contract.messages import HaveStream
from contract.ranges import Ranges
from contract.topics import LANES
from edge.errors import CardError, DiskFull, PanicLaneFull
from edge.spool import Quotas, Spool
from tests.edge.spooling import THOROUGH, FailingCard, Sampled, event, hexes

QUOTAS = Quotas(
    panic_bytes=16 * 1024, event_bytes=16 * 1024, telemetry_bytes=24 * 1024, wal_bytes=1024 * 1024
)
NOW = 1_790_000_000_000


class SpoolMachine(RuleBasedStateMachine):
    """Calls in any order; after each, what the spool says is compared with what it has promised."""

    @initialize()
    def begin(self):
        self.home = Path(tempfile.mkdtemp(prefix="siaga-spool-"))
        self.folder = self.home / "0"
        self.folder.mkdir()
        self.random_hex = hexes()
        self.boots = 0
        self.folders = 0
        self.mono = 0
        self.numbers = 0
        # By lane: body of every name ever given, and which names are to be sent, settled or lost.
        self.named = {lane: {} for lane in LANES}
        self.waiting = {lane: set() for lane in LANES}
        self.settled = {lane: set() for lane in LANES}
        self.again = {lane: set() for lane in LANES}
        self.noted = {lane: set() for lane in LANES}
        self.ring_cut = False
        self.times = {}
        self.open()

    def open(self, *, new_boot=True):
        if new_boot:
            self.boots += 1
            self.mono = 0
        self.card = FailingCard()
        self.spool = Spool(
            str(self.folder / "spool.db"), quotas=QUOTAS, card=self.card, random_hex=self.random_hex
        )
        opening = self.spool.open(f"{self.boots:08x}", self.mono)
        assert opening.state in ("fresh", "reopened")

    def teardown(self):
        if hasattr(self, "spool"):
            self.spool.close()
            shutil.rmtree(self.home)

    def attempt(self, fail_at, error, act):
        """Do it on a card that may fail; None if it did."""
        if fail_at:
            self.card.fail(fail_at, error)
        try:
            return act()
        except PanicLaneFull:
            self.card.fail_at = None
            assert self.spool.usage(self.mono).lane_bytes["panic"] > QUOTAS.panic_bytes - 10_000
            return None
        except CardError:
            assert self.card.fail_at is None, "it failed without being told to"
            return None
        finally:
            self.card.fail_at = None

    FAIL = st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    ERROR = st.sampled_from([CardError, DiskFull])

    def accept(self, lane, appended, bodies):
        if appended is None:
            return
        for seq, body in enumerate(bodies, appended.first):
            name = (appended.epoch, seq)
            assert name not in self.named[lane], "a number is given once"
            self.named[lane][name] = body
            self.waiting[lane].add(name)
        assert appended.last == appended.first + len(bodies) - 1
        seqs = sorted(seq for epoch, seq in self.named[lane] if epoch == appended.epoch)
        assert seqs == list(range(1, appended.last + 1)), "dense"

    @rule(fail=FAIL, error=ERROR, pad=st.sampled_from([0, 0, 900, 5000]))
    def press(self, fail, error, pad):
        self.numbers += 1
        self.mono += 7
        body = event(self.numbers, pad=pad)
        appended = self.attempt(fail, error, lambda: self.spool.append_panic(self.mono, body))
        self.accept("panic", appended, [body])

    @rule(fail=FAIL, error=ERROR, n=st.integers(1, 12), pad=st.sampled_from([0, 0, 600]))
    def happen(self, fail, error, n, pad):
        self.mono += 7
        bodies = [event(self.numbers + at + 1, pad=pad) for at in range(n)]
        self.numbers += n
        appended = self.attempt(
            fail, error, lambda: self.spool.append_events([(self.mono, body) for body in bodies])
        )
        self.accept("event", appended, bodies)

    @rule(fail=FAIL, error=ERROR, n=st.integers(1, 200), device=st.sampled_from("ab"))
    def measure(self, fail, error, n, device):
        self.mono += 7
        first = self.numbers
        self.numbers += n
        values = [float(first + at) for at in range(n)]
        group = [Sampled(device, (value,), self.mono + at) for at, value in enumerate(values)]
        appended = self.attempt(fail, error, lambda: self.spool.append_samples(group))
        self.mono += n
        self.accept("telemetry", appended, [b"[[%s]]" % repr(value).encode() for value in values])

    @rule(step=st.sampled_from([0, 0, 50_000, -50_000]))
    def synchronise(self, step):
        self.mono += 3
        self.spool.append_sync(self.mono, NOW + self.boots * 10**7 + self.mono + step, 20, "hub")

    @rule(lane=st.sampled_from(LANES), low=st.integers(1, 20), n=st.integers(0, 60), refused=st.booleans())
    def settle(self, lane, low, n, refused):
        epoch = self.spool.accounts(self.mono)[lane].epoch
        self.spool.settle(lane, epoch, [(low, low + n)], refused=refused)
        names = {(epoch, seq) for seq in range(low, low + n + 1)}
        self.settled[lane] |= names & self.waiting[lane]
        self.waiting[lane] -= names
        self.again[lane] -= names

    @precondition(lambda self: any(self.waiting.values()))
    @rule(lane=st.sampled_from(LANES))
    def settle_everything(self, lane):
        for epoch in {epoch for epoch, _ in self.named[lane]}:
            self.spool.settle(lane, epoch, [(1, 2**40)])
        self.settled[lane] |= self.waiting[lane]
        self.waiting[lane].clear()
        self.again[lane].clear()

    def old_epochs(self):
        """(lane, epoch) of every epoch that was left."""
        accounts = self.spool.accounts(self.mono)
        return sorted(
            {
                (lane, epoch)
                for lane in LANES
                for epoch, _ in self.named[lane]
                if epoch != accounts[lane].epoch
            }
        )

    @precondition(lambda self: self.old_epochs())
    @rule()
    def settle_an_old_epoch(self):
        """A late receipt of an epoch that was left settles nothing but what is wanted again."""
        for lane, epoch in self.old_epochs():
            self.spool.settle(lane, epoch, [(1, 2**40)])
            self.again[lane] = {name for name in self.again[lane] if name[0] != epoch}

    @precondition(lambda self: any(self.waiting.values()))
    @rule()
    def new_epochs(self):
        for lane in LANES:
            self.new_epoch(lane)

    def new_epoch(self, lane):
        old = self.spool.accounts(self.mono)[lane].epoch
        assert self.spool.new_epoch(lane, old, "conflict")
        new = self.spool.accounts(self.mono)[lane].epoch
        moved = sorted(self.waiting[lane], key=lambda name: name[1])
        assert all(epoch == old for epoch, _ in moved)
        [closed] = [each for each in self.spool.closed() if (each.lane, each.epoch) == (lane, old)]
        told = Ranges(closed.moved)
        assert all(seq in told for _, seq in moved)
        assert closed.next == 1 + sum(epoch == old for epoch, _ in self.named[lane])
        self.waiting[lane] = set()
        for seq, name in enumerate(moved, 1):
            self.named[lane][new, seq] = self.named[lane][name]
            self.waiting[lane].add((new, seq))
        self.spool.forget_closed(lane, old)

    @precondition(lambda self: self.settled["panic"] or self.settled["event"])
    @rule(have=st.sampled_from(["nothing", "everything", "odd"]))
    def recall(self, have):
        streams = []
        for lane in LANES[:2]:
            for epoch in {epoch for epoch, _ in self.named[lane]}:
                seqs = [seq for name, seq in self.settled[lane] if name == epoch]
                if have == "odd":
                    seqs = [seq for seq in seqs if seq % 2]
                if have != "nothing":
                    streams.append(HaveStream(lane, epoch, Ranges((seq, seq) for seq in seqs).pairs()))
            lacking = {
                name
                for name in self.settled[lane]
                if have == "nothing" or (have == "odd" and not name[1] % 2)
            }
            self.again[lane] = lacking & self.still_stored(lane)
        assert self.spool.recall(streams) == []

    def still_stored(self, lane):
        """Settled names that the ring still has; what it may drop early is told by ring_h."""
        if not self.ring_cut:
            self.ring_cut = self.spool.usage(self.mono).ring_h < 72
        if not self.ring_cut:
            return self.settled[lane]
        state = self.spool._lanes[lane]
        return {
            name
            for first, last in state.ring()
            for row in range(first, last + 1)
            if (name := tuple(state.name(row)))
        }

    @precondition(lambda self: self.spool.losses())
    @rule(lane=st.sampled_from(LANES))
    def note_losses(self, lane):
        for loss in self.spool.losses():
            if loss.lane == lane:
                self.noted[lane] |= {(loss.epoch, seq) for seq in range(loss.first, loss.last + 1)}
                self.spool.forget_losses(lane, loss.epoch, [(loss.first, loss.last)])

    @rule(hours=st.sampled_from([0, 0, 1]))
    def tick(self, hours):
        self.mono += hours * 3_600_000
        self.spool.tick(self.mono)

    @rule(new_boot=st.booleans())
    def restart(self, new_boot):
        self.spool.close()
        for lane in LANES:
            self.again[lane].clear()
        self.open(new_boot=new_boot)

    @rule(new_boot=st.booleans())
    def crash(self, new_boot):
        """As kill -9: the files as they are at this moment, without what was only in memory."""
        self.folders += 1
        copy = self.home / str(self.folders)
        shutil.copytree(self.folder, copy)
        self.spool.close()
        shutil.rmtree(self.folder)
        self.folder = copy
        self.open(new_boot=new_boot)
        for lane in LANES:
            self.again[lane].clear()
        # A sample's receipt may be forgotten with the memory: it is sent once more.
        found = set(self.found("telemetry"))
        forgotten = found & self.settled["telemetry"]
        self.settled["telemetry"] -= forgotten
        self.waiting["telemetry"] |= forgotten

    def found(self, lane):
        """{name: (body, again)} of all that the spool would send, whether or not it has a time yet."""
        state = self.spool._lanes[lane]
        found, low = {}, 1
        while (run := state.pending(low, state.top)) is not None:
            low = run[1] + 1
            first = run[0]
            while first <= run[1]:
                last = min(run[1], state.run_end(first))
                rows = self.spool._read(self.spool._db, lane, first, last, 2**30)
                assert len(rows) == last - first + 1
                for at, row in enumerate(rows):
                    found[tuple(state.name(first + at))] = (row.body, first + at in state.again)
                first = last + 1
        return found

    @invariant()
    def nothing_is_lost_silently(self):
        told = {lane: set(self.noted[lane]) for lane in LANES}
        for loss in self.spool.losses():
            told[loss.lane] |= {(loss.epoch, seq) for seq in range(loss.first, loss.last + 1)}
        for lane in LANES:
            found = self.found(lane)
            wanted = {name for name, (_, again) in found.items() if again}
            assert wanted <= self.again[lane]
            if wanted != self.again[lane]:
                assert self.spool.usage(self.mono).ring_h < 72, "what has left the ring early is told"
                self.again[lane] = wanted
            fresh = {name for name, (_, again) in found.items() if not again}
            assert fresh <= self.waiting[lane], "nothing comes back from the dead"
            missing = self.waiting[lane] - fresh
            assert missing <= told[lane], "what is neither to be sent nor settled is declared lost"
            assert not (lane == "panic" and missing), "a press is never evicted"
            self.waiting[lane] = fresh
            assert all(body == self.named[lane][name] for name, (body, _) in found.items()), (
                "one number, one body"
            )
            assert not fresh & told[lane], "what is still to be sent is not told as lost"

    @invariant()
    def the_account_is_true(self):
        for lane, account in self.spool.accounts(self.mono).items():
            assert account.next == 1 + sum(epoch == account.epoch for epoch, _ in self.named[lane])
            waiting = {seq for epoch, seq in self.waiting[lane] | self.again[lane] if epoch == account.epoch}
            assert account.floor == min(waiting, default=account.next), (
                lane,
                account,
                waiting,
                self.again[lane],
            )
            settled = Ranges(account.settled)
            assert all(seq not in settled for seq in waiting)
            assert (account.oldest_age_ms is None) == (not self.waiting[lane])

    @invariant()
    def quotas_are_kept(self):
        usage = self.spool.usage(self.mono)
        assert all(usage.lane_bytes[lane] <= QUOTAS.of(lane) for lane in LANES)
        assert 0 <= usage.ring_h <= 72
        for lane in LANES:
            assert usage.lane_unsettled[lane] == len(self.waiting[lane])

    @invariant()
    def times_do_not_change(self):
        for lane in LANES:
            state = self.spool._lanes[lane]
            end = self.spool.end(lane)
            for row in (1, state.top // 2, state.top):
                if not 1 <= row < end or row in state.gone:
                    continue
                stored = self.spool._read(self.spool._db, lane, row, row, 2**30)
                stamp = self.spool.at(state.boot_of(row), stored[0].mono_ms)
                if stamp is None:
                    assert lane == "panic"
                    continue
                assert self.times.setdefault((lane, row), stamp) == stamp


SpoolMachine.TestCase.settings = THOROUGH
test_spool_machine = SpoolMachine.TestCase
