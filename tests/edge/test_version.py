"""The version that a gateway tells is the installed one."""

from importlib.metadata import version

from edge.version import software_version


def test_it_is_the_version_of_the_installed_distribution():
    assert software_version() == version("siaga")


def test_a_checkout_that_is_not_installed_has_none(tmp_path):
    (tmp_path / "siagalain-1.0.dist-info").mkdir()
    (tmp_path / "file").touch()
    assert software_version([str(tmp_path), str(tmp_path / "file"), str(tmp_path / "nothing")]) == "unknown"
