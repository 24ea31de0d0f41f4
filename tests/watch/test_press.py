"""The test press as the contract reads it, and which receipt is its own."""

import pytest

from contract import codec
from contract.messages import Receipt
from contract.topics import WATCH
from watch.press import KIND, pressed

EPOCH = "00000000000000aa"
PRESS = pressed(epoch=EPOCH, boot="b0000000-0000-4000-8000-000000000001", seq=7, event_id="0" * 32, wall_ms=1)


def receipt(**other) -> bytes:
    said = {"inc": (1, 5), "epoch": EPOCH, "lane": "panic", "ranges": ((7, 7),), "flow": "open"}
    return codec.encode(Receipt(version=1, **(said | other)))


def test_it_is_a_press_of_the_watch_that_says_that_it_is_a_test():
    frame = codec.decode_frame("panic", PRESS.payload)
    assert (frame.gateway, frame.first, frame.n, frame.again) == (WATCH, 7, 1, False)
    body = codec.decode_body(bytes(frame.events[0].body))
    assert (body.kind, body.data) == (KIND, {"test": True})


def test_its_own_receipt_settles_it():
    assert PRESS.settled_by(receipt())
    assert PRESS.settled_by(receipt(ranges=((1, 3), (5, 9))))


@pytest.mark.parametrize(
    "payload",
    [
        receipt(epoch="00000000000000bb"),
        receipt(lane="event"),
        receipt(ranges=((1, 6), (8, 9))),
        receipt(ranges=()),
        receipt(ranges=(), refused=((7, 7, "body"),)),
        b"",
        b"\xff\x00",
        b"{}",
    ],
    ids=["another life", "another lane", "others", "none", "refused", "empty", "bytes", "nothing"],
)
def test_no_other_word_does(payload):
    assert not PRESS.settled_by(payload)
