"""The page docs/devices.md, made from the drivers' quality files and the instruments' files.

    python -m checks.devices     writes it anew

A quality file (``edge/drivers/quality/*.toml``) says of one driver what is proven, by which test, and what only real
hardware can prove.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from contract import strict_toml
from edge.drivers.instruments import SHIPPED, Library

ROOT = Path(__file__).resolve().parents[1]
QUALITY = ROOT / "edge" / "drivers" / "quality"
PAGE = ROOT / "docs" / "devices.md"

HEAD = """# Devices / Perangkat

What gateways can read, where it was taken from, and what is proven of it. This page is made from
`edge/drivers/quality/` and `firmware_configs/instruments/` by `python -m checks.devices`; a test says when it is out
of date.

*Proven* means: by a test that runs with every change, against a peer that speaks the real protocol over the real
transport. *Needs hardware* is what no test of ours can prove. An instrument without a register map that can be
trusted is not shipped.
"""


EXEMPT = "exempt:"


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that holds, and the test that would fail if it did not."""

    what: str
    test: str


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a driver."""

    title: str
    modules: tuple[str, ...]
    """Its files in ``edge/drivers``."""
    configured_by: str
    transport: str
    peer: str
    """What stands for the device in tests."""
    contract: tuple[str, ...]
    """Where the suite of all drivers (tests/suites/driver_suite.py) runs over it; or ``exempt:`` and why it cannot."""
    sources: tuple[str, ...]
    proven: tuple[Proof, ...]
    needs_hardware: tuple[str, ...]
    not_done: tuple[str, ...]


def qualities() -> dict[str, Quality]:
    """Every quality file by its name."""
    return {path.stem: strict_toml.load(path, Quality) for path in sorted(QUALITY.glob("*.toml"))}


def page() -> str:
    """The page as it should be."""
    known = qualities()
    parts = [HEAD, "## Drivers / Penggerak\n", _drivers(known), *(_driver(each) for each in known.values())]
    return "\n".join([*parts, "## Instruments / Instrumen\n", _instruments()])


def _drivers(known: dict[str, Quality]) -> str:
    rows = [
        "| driver | by | in `gateway.toml` | proven | needs hardware |",
        "| --- | --- | --- | --- | --- |",
    ]
    for quality in known.values():
        cells = [
            f"[{quality.title}](#{_slug(quality.title)})",
            quality.transport,
            f"`{quality.configured_by}`",
            str(len(quality.proven)),
            str(len(quality.needs_hardware)),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _driver(quality: Quality) -> str:
    lines = [f"### {quality.title}\n"]
    lines.append(
        f"Code: {', '.join(f'`edge/drivers/{name}`' for name in quality.modules)}. Peer: {quality.peer}.\n"
    )
    lines.append("| proven | by |\n| --- | --- |")
    suites = " ".join(f"`{one}`" for one in quality.contract if not one.startswith(EXEMPT))
    if suites:
        lines.append(f"| the contract of all drivers | {suites} |")
    lines += [f"| {proof.what} | `{proof.test}` |" for proof in quality.proven]
    reasons = [one.removeprefix(EXEMPT).strip() for one in quality.contract if one.startswith(EXEMPT)]
    for title, items in (
        ("Not under the contract of all drivers, because", reasons),
        ("Sources", quality.sources),
        ("Needs hardware", quality.needs_hardware),
        ("Not done", quality.not_done),
    ):
        if items:
            lines += [f"\n{title}:\n", *(f"- {item}" for item in items)]
    return "\n".join(lines) + "\n"


def _instruments() -> str:
    rows = [
        "None was read on the real thing: their registers come from the sources named, and the decoding is tested.\n",
        "| file | instrument | line | quantities | sources |",
        "| --- | --- | --- | --- | --- |",
    ]
    library = Library()
    for path in sorted(SHIPPED.glob("*.toml")):
        instrument = library.load(path.stem)
        names = _names(instrument.quantities)
        sources = "<br>".join(instrument.sources)
        rows.append(f"| `{path.stem}` | {instrument.title} | {instrument.line} | {names} | {sources} |")
    return "\n".join(rows) + "\n"


def _names(quantities: tuple[str, ...]) -> str:
    shown = [f"`{name}`" for name in quantities]
    return ", ".join(shown) if len(shown) <= 8 else f"{shown[0]} to {shown[-1]}"


def _slug(title: str) -> str:
    return "".join(
        "-" if letter == " " else letter for letter in title.lower() if letter.isalnum() or letter in " -_"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
