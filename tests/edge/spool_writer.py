"""A process that appends for ever and prints each promise after its commit; it is there to be killed.

python -m tests.edge.spool_writer PATH BOOT
"""

import sys

from edge.spool import Spool
from tests.edge.spooling import SMALL, event, samples


def main() -> None:
    path, boot = sys.argv[1:]
    spool = Spool(path, quotas=SMALL)
    spool.open(boot, 0)
    spool.append_sync(1, 1_790_000_000_000, 5, "ntp")
    start = spool.accounts(0)["panic"].next
    for at in range(start, start + 1_000_000):
        for given in (
            spool.append_panic(at, event(at)),
            spool.append_events([(at, event(at + 10**9)), (at, event(at + 10**10))]),
            spool.append_samples(samples(3, 10 + at * 100, first=at * 10)),
        ):
            print(given.lane, given.epoch, given.first, given.last, at, flush=True)
        if at % 5 == 0:
            for lane, account in spool.accounts(at).items():
                # Said first: it may be killed between the two.
                print("settled", lane, account.epoch, max(1, account.next - 20), flush=True)
                spool.settle(lane, account.epoch, [(1, max(1, account.next - 20))])


if __name__ == "__main__":
    main()
