"""``make audit`` asks about every library that is locked, and what it could not ask about is no "nothing known"."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def recipe() -> list[str]:
    """The words of the command of ``make audit``."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    block = text.partition("\naudit:")[2].partition("\n.PHONY")[0]
    (line,) = [line for line in block.replace("\\\n", " ").splitlines() if "pip-audit" in line]
    return shlex.split(line.replace("$(", "").replace(")", ""))


def pins(path: Path) -> set[str]:
    """name==version of a lock."""
    return set(re.findall(r"^([A-Za-z0-9._-]+==[^\s;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_pin_of_every_lock_is_asked_about():
    words = recipe()
    asked = [ROOT / words[at + 1] for at, word in enumerate(words) if word == "-r"]
    assert set().union(*map(pins, asked)) == set().union(*map(pins, (ROOT / "requirements").glob("*.txt")))
    assert not pins(ROOT / "requirements" / "dev.txt") <= pins(ROOT / "requirements" / "edge.txt")


def test_what_cannot_be_asked_about_is_a_failure_and_nothing_is_installed():
    words = recipe()
    assert {"--strict", "--disable-pip", "--require-hashes"} <= set(words)
    assert any(re.fullmatch(r"pip-audit==[\d.]+", word) for word in words)
