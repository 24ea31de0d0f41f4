"""Receipts: gathered per stream, panics first, small enough for a frame."""

from contract import codec
from contract.messages import MAX_FRAME_BYTES, Receipt
from hub.ingest.ledger import Noted, StreamKey
from hub.ingest.receipts import RANGES_AT_ONCE, Receipts, flow_receipt, hello
from tests.hub.ingest.frames import EPOCH, GATEWAY

INC = (2, 2**52 - 1)
PANIC = StreamKey(GATEWAY, EPOCH, "panic")
TELEMETRY = StreamKey(GATEWAY, EPOCH, "telemetry")


def test_frames_that_commit_together_are_answered_together_and_panics_first():
    receipts = Receipts(INC)
    receipts.commit(TELEMETRY, [(5, 9)])
    receipts.commit(TELEMETRY, [(1, 4)], [(10, 10, "type")])
    receipts.commit(PANIC, [(1, 1)])

    panic, telemetry = list(receipts.take("hold"))
    assert panic == (PANIC, Receipt(inc=INC, epoch=EPOCH, lane="panic", ranges=((1, 1),), flow="hold"))
    assert telemetry[1].ranges == ((1, 9),)
    assert [(one.first, one.last, one.reason) for one in telemetry[1].refused] == [(10, 10, "type")]
    assert not receipts
    assert list(receipts.take("open")) == []


def test_losses_are_told_as_the_gateway_told_them():
    receipts = Receipts(INC)
    receipts.note(Noted(TELEMETRY, ((1, 2), (3, 4)), False))
    receipts.note(Noted(PANIC, (), True))

    (_, panic), (_, telemetry) = receipts.take("open")
    assert telemetry.noted == ((1, 2), (3, 4))
    assert (panic.closed, panic.noted, panic.ranges) == (True, (), ())
    assert not telemetry.closed


def test_the_widest_receipt_fits_a_frame_and_says_everything():
    receipts = Receipts(INC)
    top = 2**53
    ranges = [(top - 2 * n, top - 2 * n) for n in range(2 * RANGES_AT_ONCE)]
    receipts.commit(TELEMETRY, ranges, [(*one, "x" * 64) for one in ranges], new_epoch=True)
    receipts.note(Noted(TELEMETRY, tuple(ranges), True))

    said = [receipt for _, receipt in receipts.take("open")]
    assert all(len(codec.encode(receipt)) < MAX_FRAME_BYTES for receipt in said)
    assert sorted(one for receipt in said for one in receipt.ranges) == sorted(ranges)
    assert [receipt.closed for receipt in said] == [False, True]
    for receipt in said:
        assert codec.decode_receipt(codec.encode(receipt)) == receipt


def test_flow_and_hello_say_what_they_are_told():
    assert flow_receipt(INC, "hold").ranges == ()
    said = hello(INC, (), flow="open", hub_ms=7, echo_ms=3, echo_boot="b0b0b0b0")
    assert codec.decode(type(said), codec.encode(said)) == said
