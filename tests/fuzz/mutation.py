"""Damaged copies of sound inputs, from a seed: the same seed, the same bytes, whatever the hash seed is."""

from collections.abc import Callable, Sequence
from random import Random

ODD = (
    b"",
    b"\0",
    b"\xff" * 4,
    b"\x80",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\r\n",
    b"\t",
    b"%00",
    b"..%2f",
    b"NaN",
    b"-0",
    b"1e999",
    b"9" * 40,
    b"null",
    b"true",
    b"[" * 200,
    b"{" * 200,
    b'"',
    b"'",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"<script>",
    b"'; DROP TABLE users;--",
    b"=",
    b"&",
    b"#",
    b"A" * 5000,
)
"""What has hurt parsers elsewhere."""

MOST = 80_000
"""Bytes of an input; above the largest frame and the largest request."""


class Mutator:
    """Makes inputs out of sound ones: most with a few damages, a few out of nothing, a few sound."""

    def __init__(self, seeds: Sequence[bytes], seed: int) -> None:
        assert seeds
        self._seeds = seeds
        self._random = Random(seed)

    def next(self) -> bytes:
        """The next input."""
        random = self._random
        kind = random.random()
        if kind < 0.03:
            return random.choice(self._seeds)
        if kind < 0.1:
            return random.randbytes(random.choice((1, 4, 8, 64, 1000)))
        data = bytearray(random.choice(self._seeds))
        for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
            random.choice(_DAMAGES)(data, random, self._seeds)
        return bytes(data[:MOST])


def _flip(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _insert(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    data[at:at] = random.choice(ODD)


def _replace(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    data[at : at + random.randint(1, 20)] = random.choice(ODD)


def _cut(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    del data[at : at + random.choice((1, 2, 8, 64, len(data)))]


def _repeat(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    at = random.randint(0, len(data))
    part = data[at : at + random.choice((1, 4, 30))]
    data[at:at] = part * random.choice((1, 2, 50))


def _splice(data: bytearray, random: Random, seeds: Sequence[bytes]) -> None:
    other = random.choice(seeds)
    at = random.randint(0, len(data))
    data[at:] = other[random.randint(0, len(other)) :]


def _number(data: bytearray, random: Random, _: Sequence[bytes]) -> None:
    digits = [at for at, byte in enumerate(data) if 0x30 <= byte <= 0x39]
    if digits:
        at = random.choice(digits)
        data[at : at + 1] = random.choice(
            (b"-1", b"0", b"4294967296", b"18446744073709551616", b"0.5", b"1e400")
        )


Damage = Callable[[bytearray, Random, Sequence[bytes]], None]

_DAMAGES: tuple[Damage, ...] = (_flip, _overwrite, _insert, _replace, _cut, _repeat, _splice, _number)
