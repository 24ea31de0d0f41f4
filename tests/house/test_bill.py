"""The bill of materials names what is installed, and nothing is left out."""

import json
import re
from pathlib import Path

import pytest

from checks.bill import LockError, bill, python_parts

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("role", ["edge", "hub"])
def test_every_pin_of_the_lock_is_in_the_bill_with_its_hashes(role):
    lock = (ROOT / "requirements" / f"{role}.txt").read_text(encoding="utf-8")
    pins = {
        f"pkg:pypi/{name.lower()}@{version}"
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    }
    parts = [one for one in bill(role)["components"] if one["purl"].startswith("pkg:pypi/")]
    assert {one["purl"] for one in parts} == pins
    assert len(parts) == len(pins) > 10
    hashes = [digest["content"] for one in parts for digest in one["hashes"]]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:(\w+)", lock))


def test_scripts_of_others_are_in_the_hubs_and_not_in_the_gateways():
    assert {one["name"] for one in bill("hub")["components"]} >= {"htmx.org", "uplot"}
    assert not any(one["purl"].startswith("pkg:npm/") for one in bill("edge")["components"])


def test_the_same_locks_give_the_same_bill():
    assert json.dumps(bill("edge")) == json.dumps(bill("edge"))
    assert bill("edge")["serialNumber"] != bill("hub")["serialNumber"]


@pytest.mark.parametrize(
    "line", ["httpx\n", "httpx==0.28.1\n", "httpx @ file:///x --hash=sha256:" + "0" * 64]
)
def test_a_lock_that_does_not_say_what_is_installed_makes_no_bill(line):
    with pytest.raises(LockError):
        list(python_parts(line))
