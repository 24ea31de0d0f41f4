"""Finds in the tracked files what must never be in them.

A secret in a commit stays there for ever; the address of a package host ties every city to it; a folder of
somebody's machine works on that machine only; a note to oneself is an issue nobody opened. A line that must
look like one of these says why in a comment with the words `tracked: allowed`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ALLOWED = "tracked: " + "allowed"


@dataclass(frozen=True)
class Rule:
    """What a line may not contain, and what to do instead."""

    name: str
    pattern: re.Pattern[str]
    instead: str


@dataclass(frozen=True)
class Finding:
    """A line of a file that breaks a rule; line 0 is the file's name itself."""

    path: str
    line: int
    rule: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}; {self.instead}"


RULES = (
    Rule(
        "private key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        "make keys at set-up or in the test that needs them",
    ),
    Rule(
        "access token",
        re.compile(
            r"\b(?:AKIA[0-9A-Z]{16}"
            r"|gh[pousr]_[A-Za-z0-9]{36}"
            r"|github_pat_[A-Za-z0-9_]{40}"
            r"|glpat-[A-Za-z0-9_-]{20}"
            r"|xox[abprs]-[A-Za-z0-9-]{10}"
            r"|sk_live_[A-Za-z0-9]{16}"
            r"|AIza[A-Za-z0-9_-]{35}"
            r"|\d{8,10}:AA[A-Za-z0-9_-]{33}"
            r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.)"
        ),
        "revoke it, and read it from the environment or a file outside the repository",
    ),
    Rule(
        "password or token in the source",
        re.compile(
            r"(?i)\b\w*(?:password|passwd|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']"
            r"(?=[^\"']*\d)[A-Za-z0-9+/_=-]{20,}[\"']"
        ),
        "read it from the environment or a file outside the repository",
    ),
    Rule(
        "password in an address",
        re.compile(r"[a-z][a-z0-9+]*://[^\s/:@{}$<>\"']+:[^\s/@{}$<>\"']{3,}@[a-z0-9]"),
        "keep the password apart from the address",
    ),
    Rule(
        "address of a package host",
        re.compile(
            r"(?i)://[^\s/\"']*(?:pypi|pythonhosted|npmjs|yarnpkg|debian\.|jsdelivr|unpkg|cdnjs)"
            r"|--(?:extra-)?index-url|--find-link[s]|\"resolved\"\s*:|^\s*registry\s*="
        ),
        "name the package only; whoever installs it says where from",
    ),
    Rule(
        "folder of somebody's machine",
        re.compile(r"(?<![\w.~$}*-])/(?:root|work|workspace|Users|home/(?!pi\b|siaga\b)[a-z]\w*)/"),
        "use a path relative to the project, or one given by the caller",
    ),
    Rule(
        "unfinished work",
        re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
        "finish it, or open an issue and leave the line out",
    ),
)

# Names that only a key, a database or a settings file with secrets has.
SECRET_FILE = re.compile(r"(?:^|/)(?:\.env|id_rsa|id_ed25519|.*\.(?:key|p12|pfx|sqlite3?))$")


def tracked_files(root: Path) -> list[str]:
    """The paths that git has under version control, relative to `root`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True, timeout=60
    )
    return [path for path in listed.stdout.split("\0") if path]


def findings_in(root: Path, paths: list[str]) -> Iterator[Finding]:
    """What breaks a rule in these files. A file that has gone or is not text is passed over."""
    for path in paths:
        if SECRET_FILE.search(path):
            yield Finding(path, 0, "file that holds secrets or data", "take it out of the repository")
        try:
            text = (root / path).read_bytes().decode()
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            continue
        yield from _findings_in_text(path, text)


def _findings_in_text(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        if ALLOWED in line:
            continue
        for rule in RULES:
            if rule.pattern.search(line):
                yield Finding(path, number, rule.name, rule.instead)


def check(root: Path) -> int:
    """Print every finding under `root`; 0 when there is none."""
    paths = tracked_files(root)
    findings = list(findings_in(root, paths))
    for finding in findings:
        print(finding)
    print(f"{len(paths)} tracked files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(check(Path.cwd()))
