from pathlib import Path

import pytest

from provisioning.cli import main


def test_a_city_is_provisioned_by_hand(tmp_path, capsys):
    ca = tmp_path / "ca"
    assert main(["ca", str(ca), "--name", "Kota Contoh"]) == 0
    assert main(["server", str(ca), "broker", "broker.contoh.example", "10.0.0.1"]) == 0
    assert main(["hub", str(ca)]) == 0
    assert main(["gateway", str(ca), "pos-duga-01", "rs-kota-01"]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert all(path.exists() for path in written)
    assert len(written) == 1 + 2 + 4 + 4
    issued = ca / "issued" / "broker"
    files = [
        "--certificate",
        str(issued / "cert.pem"),
        "--key",
        str(issued / "key.pem"),
        "--ca",
        str(ca / "ca.pem"),
    ]
    assert main(["broker", str(tmp_path / "etc"), *files, "--gateway", "pos-duga-01:07"]) == 0
    assert "siaga/1/07/pos-duga-01/up/#" in (tmp_path / "etc" / "acl").read_text()
    conf = (tmp_path / "etc" / "mosquitto.conf").read_text()
    assert f"certfile {issued / 'cert.pem'}\n" in conf


@pytest.mark.parametrize("call", [["gateway", "CA", "hub"], ["ca", "CA", "--name", "x"], ["hub", "/nowhere"]])
def test_a_refusal_says_why_and_what_next(tmp_path, capsys, call):
    main(["ca", str(tmp_path), "--name", "Kota Contoh"])
    assert main([str(tmp_path) if part == "CA" else part for part in call]) == 1
    said = capsys.readouterr().err
    assert said.startswith("siaga-provision: ")
    assert said.strip().endswith(")")


@pytest.mark.parametrize("text", ["pos-duga-01", "pos-duga-01:x", "pos-duga-01:64", "hub:1"])
def test_a_gateway_without_a_good_cell_or_name_enters_no_acl(tmp_path, capsys, text):
    files = ["--certificate", "c", "--key", "k", "--ca", "a"]
    assert main(["broker", str(tmp_path), *files, "--gateway", text]) == 1
    assert not (tmp_path / "acl").exists()
