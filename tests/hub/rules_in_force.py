"""One rule of the small city, in force, on a file of its own."""

from functools import cache
from pathlib import Path

from hub.rules import book
from hub.rules.book import Book
from tests.hub.city import REGION

FILE = """\
[[rule]]
id = "sering-putus"
title_id = "Sering putus"
title_en = "Lost often"
kind = "count"
events = ["device_down"]
at_least = 5
window_s = 3600
reason_id = "{device} putus {count} kali."
reason_en = "{device} was lost {count} times."
advice = "/gateways"
"""


@cache
def _book() -> Book:
    return book.parse(FILE, REGION, "rules.toml")


class Rules:
    """What the pages need of ``hub.ingest.ruling.Ruling``; nobody judges anything by it."""

    mistakes = ()

    def __init__(self, folder: Path) -> None:
        self.path = folder / "rules.toml"
        self.path.write_text(FILE)
        self.book = _book()

    async def look(self) -> None:
        """Take the file into force now."""
        self.book = book.read(self.path, REGION)
