"""The guides taken apart: code blocks by their mark, tables, commands, and words in backticks."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GUIDES = ("operator.md", "technician.md", "integrator.md", "administrator.md")

_FENCE = re.compile(r"^```(?P<mark>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?<![\w./-])(?:\S*/)?(siaga-(?:edge|hub|provision|watch|demo))(?= |$)(.*)")


@dataclass(frozen=True)
class Block:
    """A code block: the words behind its fence, its text, and its line in the page."""

    page: str
    line: int
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@cache
def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    found = []
    for match in _FENCE.finditer(text(page)):
        line = text(page).count("\n", 0, match.start()) + 1
        found.append(Block(page, line, match["mark"].strip(), match["text"]))
    return found


def marked(mark: str, *pages: str) -> list[Block]:
    """Every block of that mark, such as ``toml hub``."""
    found = [block for page in pages or GUIDES for block in blocks(page) if block.mark == mark]
    assert found, f"no block is marked {mark!r}"
    return found


def prose(page: str) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", text(page))


def words(page: str) -> set[str]:
    """What stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


def section(page: str, heading: str) -> str:
    """From a heading to the next one of its rank or above."""
    start = re.search(rf"^(#+) {re.escape(heading)}$", text(page), re.MULTILINE)
    assert start, f"{page} has no heading {heading!r}"
    rest = text(page)[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(part: str) -> list[list[str]]:
    """Every table row of a piece of a page, its cells without white space; heads and rules are left out."""
    found = []
    lines = part.splitlines()
    for at, line in enumerate(lines):
        following = lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("|") and not line.startswith("| ---") and not following.startswith("| ---"):
            found.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return found


def first_words(part: str, column: int = 0) -> set[str]:
    """The words in backticks of one column of the tables of a piece."""
    return {word for row in rows(part) for word in re.findall(r"`([^`]+)`", row[column])}


def commands(page: str) -> list[tuple[str, list[str]]]:
    """Each call of a console script in a code block: the program and its arguments."""
    found = []
    for block in blocks(page):
        if block.mark not in ("sh", "ini"):
            continue
        for line in re.sub(r"\\\n\s*", " ", block.text).splitlines():
            match = _COMMAND.search(line.partition(" #")[0].removeprefix("ExecStart="))
            if match and not line.startswith(("systemctl ", "# ")):
                found.append((match[1], shlex.split(match[2])))
    return found


def inline_commands(page: str) -> list[tuple[str, list[str]]]:
    """Each console script named in backticks with what follows it there."""
    matches = (
        re.fullmatch(r"(siaga-(?:edge|hub|provision|watch|demo))((?: [^`]+)?)", word) for word in words(page)
    )
    return [(match[1], shlex.split(match[2])) for match in matches if match]
