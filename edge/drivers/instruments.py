"""What an instrument's registers mean: one TOML file for each, with the page of the manual that it came from.

A new meter is a new file in ``firmware_configs/instruments``, and no code. Addresses are as the manual prints
them; `address_base` says whether it counts from 0, as the wire does, or from 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from contract import strict_toml
from contract.kinds import KINDS
from contract.strict_toml import Mistake, MistakesError, closest
from edge.points import Limits

SHIPPED = Path(__file__).resolve().parents[2] / "firmware_configs" / "instruments"
"""The instruments that come with Siaga; beside the packages both in a checkout and in an installed wheel."""

Table = Literal["coil", "discrete", "holding", "input"]
RegisterType = Literal["bit", "u16", "i16", "u32", "i32", "f32"]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
Address = Annotated[int, Meta(ge=0, le=65536)]

REGISTERS: Mapping[str, int] = {"bit": 1, "u16": 1, "i16": 1, "u32": 2, "i32": 2, "f32": 2}
"""How many addresses a value of each type takes."""

UNITS = {quantity.name: quantity.unit for kind in KINDS.values() for quantity in kind.quantities.values()}

DERIVED_DIGITS = 6


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the file."""


class Register(Part, frozen=True, kw_only=True):
    """Where a number stands and how it is written."""

    table: Table
    address: Address
    type: RegisterType
    word_order: WordOrder = "ABCD"
    """Order of the bytes on the wire; ABCD is big-endian, as the standard says."""

    def __post_init__(self) -> None:
        bits = self.table in ("coil", "discrete")
        if bits != (self.type == "bit"):
            instead = 'type = "bit"' if bits else "u16, i16, u32, i32 or f32"
            raise MistakesError(Mistake(f"a {self.table} is no {self.type}", ("type",), instead))

    @property
    def width(self) -> int:
        """How many addresses it takes."""
        return REGISTERS[self.type]


class Identity(Register, frozen=True, kw_only=True):
    """A register that tells whether the right instrument, set up rightly, is at this address."""

    one_of: Annotated[tuple[int, ...], Meta(min_length=1)]
    meaning: Annotated[str, Meta(min_length=1)]
    """What is wrong, and what to do, when it holds anything else."""


class InvalidBits(Part, frozen=True, kw_only=True):
    """A status register that says that the value means nothing now."""

    address: Address
    mask: Annotated[int, Meta(ge=1, le=65535)]


class Point(Register, frozen=True, kw_only=True):
    """One quantity that the instrument measures: ``value = raw * scale + offset``."""

    quantity: str
    unit: str
    """Of the value after scaling; must be the quantity's own."""
    scale: float = 1.0
    offset: float = 0.0
    decimals_at: Address | None = None
    """Register (of the same table) with the number of decimals: the value is divided by 10 to its power."""
    invalid: tuple[int, ...] = ()
    """Raw codes, as unsigned numbers, by which the instrument says that it has no value."""
    invalid_bits: InvalidBits | None = None
    counter: bool = False
    """Counts up, rolls over at its type's end and starts again at a reset; becomes a count that only grows."""
    min: float | None = None
    max: float | None = None
    max_step: Annotated[float, Meta(gt=0)] | None = None
    stuck_s: Annotated[float, Meta(gt=0)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_quantity(self.quantity, self.unit)
        if self.counter and self.type not in ("u16", "u32"):
            raise MistakesError(Mistake("a counter counts up from 0", ("type",), "u16 or u32"))


class Run(Part, frozen=True, kw_only=True):
    """Bits at consecutive addresses, each a quantity of its own."""

    table: Literal["coil", "discrete"]
    address: Address
    quantities: Annotated[tuple[str, ...], Meta(min_length=1, max_length=2000)]

    def points(self) -> Iterator[Point]:
        """The same as points."""
        for at, quantity in enumerate(self.quantities):
            yield Point(table=self.table, address=self.address + at, type="bit", quantity=quantity, unit="")


class Setting(Part, frozen=True, kw_only=True):
    """A number that the site has to give, such as a mounting height."""

    name: str
    unit: str
    min: float
    max: float
    meaning: str
    default: float | None = None
    """None: it must be given."""


class Derived(Part, frozen=True, kw_only=True):
    """A quantity computed from another: ``value = source * factor + offset + setting``."""

    quantity: str
    unit: str
    source: str
    factor: float = 1.0
    offset: float = 0.0
    setting: str | None = None
    min: float | None = None
    max: float | None = None
    max_step: Annotated[float, Meta(gt=0)] | None = None
    stuck_s: Annotated[float, Meta(gt=0)] | None = None

    def __post_init__(self) -> None:
        _check_quantity(self.quantity, self.unit)

    def of(self, source: float, settings: Mapping[str, float]) -> float:
        """The quantity for a value of its source, rounded to what no instrument resolves."""
        setting = settings[self.setting] if self.setting is not None else 0.0
        return round(source * self.factor + self.offset + setting, DERIVED_DIGITS)


class Instrument(Part, frozen=True, kw_only=True):
    """An instrument as its file describes it."""

    title: str
    sources: Annotated[tuple[str, ...], Meta(min_length=1, description="the manual and its page")]
    line: str
    """How it is wired and set when it leaves the factory, for people: "RS-485, 9600 8N1, unit 1"."""
    notes: str = ""
    address_base: Literal[0, 1] = 0
    max_gap: Annotated[int, Meta(ge=0, le=120)] = 0
    """Registers between two wanted ones that may be read along. 0 where the manual does not promise that
    they exist: one that does not makes the whole request fail."""
    max_count: Annotated[int, Meta(ge=1, le=2000)] = 2000
    """Most registers or bits that it answers at once; the protocol's own limits hold anyway."""
    identity: tuple[Identity, ...] = ()
    setting: tuple[Setting, ...] = ()
    point: tuple[Point, ...] = ()
    run: tuple[Run, ...] = ()
    derived: tuple[Derived, ...] = ()

    def __post_init__(self) -> None:
        mistakes = list(self._mistakes())
        if mistakes:
            raise MistakesError(*mistakes)

    @property
    def points(self) -> tuple[Point, ...]:
        """Every point, those of runs too."""
        return (*self.point, *(point for run in self.run for point in run.points()))

    @property
    def quantities(self) -> tuple[str, ...]:
        """What it gives, derived quantities last."""
        return (*(point.quantity for point in self.points), *(each.quantity for each in self.derived))

    def limits(self, given: Mapping[str, float] | None = None) -> dict[str, Limits]:
        """What is plausible of each quantity, by the instrument's own range.

        A derived quantity has no wider range than its source: a distance in the blind zone is no level.

        Args:
            given: the device's settings, for what is derived with them.
        """
        limits = {point.quantity: _limits(point) for point in self.points}
        settings = self.settings(given or {})
        for each in self.derived:
            own, source = _limits(each), limits[each.source]
            low, high = sorted(each.of(end, settings) for end in (source.low, source.high))
            limits[each.quantity] = replace(own, low=max(own.low, low), high=min(own.high, high))
        return limits

    def settings(self, given: Mapping[str, float]) -> dict[str, float]:
        """The settings with their defaults."""
        return {
            each.name: given.get(each.name, each.default if each.default is not None else 0.0)
            for each in self.setting
        }

    def _mistakes(self) -> Iterator[Mistake]:
        if not self.points:
            yield Mistake("an instrument without a point", (), "a [[point]] or [[run]]")
        seen: set[str] = set()
        for name in self.quantities:
            if name in seen:
                yield Mistake(f"quantity {name!r} is given twice", (), "each quantity once")
            seen.add(name)
        measured = [point.quantity for point in self.points]
        settings = [setting.name for setting in self.setting]
        for at, each in enumerate(self.derived):
            if each.source not in measured:
                text = f"no point measures {each.source!r}"
                yield Mistake(text, ("derived", at, "source"), closest(each.source, measured))
            if each.setting is not None and each.setting not in settings:
                text = f"no setting is called {each.setting!r}"
                yield Mistake(text, ("derived", at, "setting"), closest(each.setting, settings))
        yield from self._addresses()

    def _addresses(self) -> Iterator[Mistake]:
        for table in ("identity", "point", "run"):
            for at, each in enumerate(getattr(self, table)):
                width = len(each.quantities) if isinstance(each, Run) else each.width
                first = each.address - self.address_base
                if first < 0 or first + width > 65536:
                    text = f"address {each.address} is outside the wire's 0 to 65535"
                    yield Mistake(text, (table, at, "address"), f"an address from {self.address_base}")


class Library:
    """Finds instrument files by name: in the given folders, then among the shipped ones."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = (*folders, SHIPPED)
        self._loaded: dict[str, Instrument] = {}

    def names(self) -> list[str]:
        """Every instrument there is."""
        return sorted({file.stem for folder in self._folders for file in folder.glob("*.toml")})

    def load(self, name: str) -> Instrument:
        """The instrument of that name; read once.

        Raises:
            LookupError: there is none.
            TomlError: its file has mistakes.
        """
        if name not in self._loaded:
            files = (folder / f"{name}.toml" for folder in self._folders)
            file = next((file for file in files if file.is_file()), None)
            if file is None:
                raise LookupError(name)
            self._loaded[name] = strict_toml.load(file, Instrument)
        return self._loaded[name]

    def check(
        self, name: str, settings: Mapping[str, float], kind: str, wanted: Sequence[str], taken: set[str]
    ) -> Iterator[Mistake]:
        """What is wrong with a device's use of an instrument, with paths from the table that names it.

        Args:
            wanted: the only quantities that the device wants; empty for all.
            taken: quantities that other instruments of the device give; this one's are added.
        """
        try:
            instrument = self.load(name)
        except LookupError:
            known = self.names()
            text = f"no instrument is called {name!r}"
            instead = closest(name, known) if difflib.get_close_matches(name, known) else _folder_hint(known)
            yield Mistake(text, ("instrument",), instead)
            return
        except strict_toml.TomlError as error:
            yield Mistake(f"instrument {name!r} has mistakes: {error}", ("instrument",))
            return
        yield from _check_settings(instrument, name, settings)
        for quantity in instrument.quantities:
            if wanted and quantity not in wanted:
                continue
            if quantity not in KINDS[kind].quantities:
                kinds = [each.name for each in KINDS.values() if quantity in each.quantities]
                text = f"{name} gives {quantity}, which a {kind} has not"
                yield Mistake(text, ("instrument",), f"kind = {' or '.join(kinds)}, or quantities = [...]")
            elif quantity in taken:
                text = f"{quantity} comes from two instruments of the device"
                yield Mistake(text, ("instrument",), "a device of its own for one of them")
            taken.add(quantity)


def _folder_hint(known: Sequence[str]) -> str:
    return "one of " + ", ".join(known)


def _check_settings(instrument: Instrument, name: str, given: Mapping[str, float]) -> Iterator[Mistake]:
    known = {setting.name: setting for setting in instrument.setting}
    for key, value in given.items():
        setting = known.get(key)
        if setting is None:
            instead = closest(key, known) if known else "nothing: it has no settings"
            yield Mistake(f"{name} has no setting {key!r}", ("settings", key), instead)
        elif not setting.min <= value <= setting.max:
            text = f"{value:g} {setting.unit} is not plausible for {key}"
            instead = f"a number from {setting.min:g} to {setting.max:g}: {setting.meaning}"
            yield Mistake(text, ("settings", key), instead)
    for key, setting in known.items():
        if setting.default is None and key not in given:
            instead = f"settings = {{ {key} = … }}: {setting.meaning}, in {setting.unit}"
            yield Mistake(f"{name} needs the setting {key!r}", ("settings",), instead)


def _check_quantity(quantity: str, unit: str) -> None:
    if quantity not in UNITS:
        text = f"no device kind has a quantity {quantity!r}"
        raise MistakesError(Mistake(text, ("quantity",), closest(quantity, UNITS)))
    if unit != UNITS[quantity]:
        text = f"{quantity} is in {UNITS[quantity]!r}, not in {unit!r}"
        instead = f'unit = "{UNITS[quantity]}", and the scale that makes it so'
        raise MistakesError(Mistake(text, ("unit",), instead))


def _limits(each: Point | Derived) -> Limits:
    low = float("-inf") if each.min is None else each.min
    high = float("inf") if each.max is None else each.max
    return Limits(low, high, each.max_step, each.stuck_s)
