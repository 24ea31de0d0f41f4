"""A gateway's configuration: every kind of mistake is told with its line, its path and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract.strict_toml import TomlError
from edge.config import Config, RtuBus, TcpBus, load

CASES = Path(__file__).parent / "config_cases"
EXAMPLE = Path(__file__).parents[2] / "firmware_configs" / "gateway.example.toml"

# Appended to the cases that are about something else.
BASE = """
[gateway]
id = "kota-pos-01"
cell = 7
site = "pos"

[broker]
host = "hub"
ca_file = "ca.pem"
cert_file = "cert.pem"
key_file = "key.pem"
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text if "[gateway]" in text else text + BASE)
    return file


@pytest.mark.parametrize("case", sorted(CASES.glob("*.toml")), ids=lambda case: case.stem)
def test_each_mistake_is_told_at_its_line(case: Path, tmp_path: Path):
    """A line with ``#! text`` is reported with that text; no other line is reported."""
    text = case.read_text()
    expected = {
        number: line.split("#!")[1].strip()
        for number, line in enumerate(text.splitlines(), 1)
        if "#!" in line
    }
    file = write(tmp_path, text)

    with pytest.raises(TomlError) as caught:
        load(file)

    reports: dict[int, list[str]] = {}
    for report in str(caught.value).splitlines():
        found = re.match(rf"{re.escape(str(file))}:(\d+): (.*)", report)
        assert found, report
        reports.setdefault(int(found[1]), []).append(found[2])
    assert set(reports) == set(expected), str(caught.value)
    for number, wanted in expected.items():
        assert any(text.startswith(wanted) for text in reports[number]), reports[number]


def test_the_cases_without_their_mistakes_would_load(tmp_path: Path):
    """The negative twin: the file that the cases are appended to has no mistake of its own."""
    config = load(write(tmp_path, ""))
    assert config.gateway.id == "kota-pos-01"
    assert config.device == ()


def test_the_example_loads_and_shows_every_key():
    config = load(EXAMPLE)
    text = EXAMPLE.read_text()
    for struct in (Config, type(config.gateway), type(config.broker), type(config.spool), TcpBus, RtuBus):
        for name in struct.__struct_fields__:
            assert re.search(rf"^(\[+)?{name}\b", text, re.M), (
                f"{struct.__name__}.{name} is not in the example"
            )
    for table in (type(config.device[0]), type(config.contact[0]), type(config.lights[0])):
        for name in table.__struct_fields__:
            assert re.search(rf"\b{name}\b", text), f"{table.__name__}.{name} is not in the example"


def test_paths_are_relative_to_the_file(tmp_path: Path):
    config = load(write(tmp_path, ""))
    assert config.broker.ca_file == tmp_path.resolve() / "ca.pem"
    assert config.spool.path == tmp_path.resolve() / "spool.sqlite"


def test_an_instrument_of_the_site_comes_before_the_shipped_one(tmp_path: Path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "xm9505_rain.toml").write_text(
        'title = "ours"\nsources = ["bench"]\nline = "x"\n'
        '[[point]]\nquantity = "level_m"\nunit = "m"\ntable = "holding"\naddress = 0\ntype = "u16"\n'
    )
    text = 'instruments = ["own"]\n[[bus]]\nlink = "tcp"\nname = "l"\nhost = "h"\n' + (
        '[[device]]\nname = "d"\nkind = "pressure_probe"\ninstrument = "xm9505_rain"\nbus = "l"\nunit = 1\n'
    )
    assert load(write(tmp_path, text)).instruments == (tmp_path.resolve() / "own",)
    with pytest.raises(TomlError, match="xm9505_rain gives tips, which a pressure_probe has not"):
        load(write(tmp_path, text.replace('instruments = ["own"]\n', "")))


def test_a_broken_instrument_is_told_with_its_own_file_and_line(tmp_path: Path):
    (tmp_path / "ours.toml").write_text('title = "x"\nsources = ["y"]\nline = "z"\nponit = 3\n')
    text = 'instruments = ["."]\n[[bus]]\nlink = "tcp"\nname = "l"\nhost = "h"\n' + (
        '[[device]]\nname = "d"\nkind = "river_post"\ninstrument = "ours"\nbus = "l"\nunit = 1\n'
    )
    with pytest.raises(TomlError, match=r"gateway.toml:9: device\[0\].instrument: .*ours.toml:4: ponit"):
        load(write(tmp_path, text))


def test_a_file_that_is_not_there_is_said_plainly(tmp_path: Path):
    with pytest.raises(TomlError, match="No such file"):
        load(tmp_path / "none.toml")
