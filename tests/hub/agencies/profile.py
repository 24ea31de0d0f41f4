"""The directory of Kota Contoh, read once for the tests that ask it."""

from functools import cache
from pathlib import Path

from hub.agencies.directory import Directory
from hub.agencies.reading import read, texts_of
from hub.region import Region, load

KOTA_CONTOH = Path(__file__).resolve().parents[3] / "profiles" / "kota-contoh"


@cache
def region() -> Region:
    """Kota Contoh."""
    return load(KOTA_CONTOH)


@cache
def directory() -> Directory:
    """Its directory."""
    return read(texts_of(KOTA_CONTOH), region())
