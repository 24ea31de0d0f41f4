"""Modbus units as they behave on a wire: registers, bits, faults, and a log of what each has answered.

Written from the MODBUS Application Protocol Specification V1.1b3, apart from the gateway's client, so that the two
check each other. Only the reading functions 1 to 4 exist; everything else is answered with exception 1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Table = Literal["coil", "discrete", "holding", "input"]
FaultKind = Literal["none", "silent", "exception", "garbage", "slow"]

FUNCTIONS: dict[int, Table] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a unit.

    Attributes:
        kind: ``silent`` never answers; ``exception`` answers each request with `code`; ``garbage`` answers random
            bytes; ``slow`` answers rightly after `delay_s`.
        code: exception code for ``exception``.
        delay_s: seconds before a ``slow`` answer.
        data: bytes of a ``garbage`` answer.
    """

    kind: FaultKind = "none"
    code: int = DEVICE_FAILURE
    delay_s: float = 0.0
    data: bytes = b"\xde\xad\xbe\xef\x00\x01"


@dataclass(frozen=True, slots=True)
class Answered:
    """One read that a unit has answered with values: what a gateway can have seen.

    Attributes:
        time_ms: UTC wall clock when the answer went out.
        unit, function, address, count: of the request.
        values: registers (0..65535) or bits (0, 1), in address order.
    """

    time_ms: int
    unit: int
    function: int
    address: int
    count: int
    values: tuple[int, ...]


OnAnswered = Callable[[Answered], None]


@dataclass(slots=True)
class Unit:
    """A Modbus unit. Values may be set at any time; an address that was never set does not exist.

    Attributes:
        coil, discrete: bits by 0-based address.
        holding, input: registers by 0-based address.
        fault: what is wrong with it now.
    """

    coil: dict[int, int] = field(default_factory=dict)
    discrete: dict[int, int] = field(default_factory=dict)
    holding: dict[int, int] = field(default_factory=dict)
    input: dict[int, int] = field(default_factory=dict)
    fault: Fault = Fault()

    def set_bits(self, table: Literal["coil", "discrete"], address: int, bits: Iterable[int | bool]) -> None:
        """Set consecutive bits."""
        self._table(table).update({address + at: int(bool(bit)) for at, bit in enumerate(bits)})

    def set_registers(
        self, table: Literal["holding", "input"], address: int, registers: Iterable[int]
    ) -> None:
        """Set consecutive registers. A negative number is stored as its two's complement."""
        self._table(table).update({address + at: word & 0xFFFF for at, word in enumerate(registers)})

    def set_f32(
        self, table: Literal["holding", "input"], address: int, value: float, order: str = "ABCD"
    ) -> None:
        """Set two registers to a 32-bit float in that byte order (ABCD, CDAB, BADC, DCBA)."""
        plain = struct.pack(">f", value)
        data = bytes(plain["ABCD".index(letter)] for letter in order)
        self.set_registers(table, address, struct.unpack(">HH", data))

    def _table(self, name: Table) -> dict[int, int]:
        tables: dict[Table, dict[int, int]] = {
            "coil": self.coil,
            "discrete": self.discrete,
            "holding": self.holding,
            "input": self.input,
        }
        return tables[name]

    def answer(self, pdu: bytes) -> tuple[bytes, tuple[int, int, int, tuple[int, ...]] | None]:
        """The answer to a request, and (function, address, count, values) where it carries values."""
        function = pdu[0] if pdu else 0
        if self.fault.kind == "exception":
            return bytes((function | 0x80, self.fault.code)), None
        if function not in FUNCTIONS:
            return bytes((function | 0x80, ILLEGAL_FUNCTION)), None
        if len(pdu) != 5:
            return bytes((function | 0x80, ILLEGAL_VALUE)), None
        address, count = struct.unpack(">HH", pdu[1:])
        if not 1 <= count <= (2000 if function <= 2 else 125):
            return bytes((function | 0x80, ILLEGAL_VALUE)), None
        table = self._table(FUNCTIONS[function])
        try:
            values = tuple(table[at] for at in range(address, address + count))
        except KeyError:
            return bytes((function | 0x80, ILLEGAL_ADDRESS)), None
        data = _pack_bits(values) if function <= 2 else struct.pack(f">{count}H", *values)
        return bytes((function, len(data))) + data, (function, address, count, values)


def _pack_bits(bits: tuple[int, ...]) -> bytes:
    packed = bytearray((len(bits) + 7) // 8)
    for at, bit in enumerate(bits):
        packed[at // 8] |= bit << (at % 8)
    return bytes(packed)
