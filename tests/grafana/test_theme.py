"""A city's looks: read strictly, its pictures as data in every dashboard, its colours never those of levels."""

import shutil

import pytest

from contract.strict_toml import TomlError
from grafana import build, style, theme
from grafana import city as cities


@pytest.fixture
def profile(tmp_path):
    shutil.copytree(build.PROFILE, tmp_path / "kota")
    return tmp_path / "kota"


def boards(profile):
    return build.dashboards(cities.read(profile, build.GENERATED_AT_MS))


def test_the_citys_colour_motto_and_pictures_are_on_every_wall(profile):
    for dashboard in boards(profile).values():
        head = dashboard["panels"][0]["options"]["content"]
        assert "#2fb3a0" in head
        assert "warga tenang" in head
        assert head.count("data:image/svg+xml;base64,") == 2
        assert "<script" not in head


def test_a_profile_without_looks_looks_like_siaga(profile):
    (profile / "theme.toml").unlink()
    head = boards(profile)["siaga-ringkasan"]["panels"][0]["options"]["content"]
    assert "<img" not in head


def test_what_a_profile_says_is_text(profile):
    place = profile / "theme.toml"
    place.write_text(place.read_text().replace("warga tenang", "<b onclick=x>"))
    assert "&lt;b onclick=x&gt;" in boards(profile)["siaga-ringkasan"]["panels"][0]["options"]["content"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('accent = "red; background: url(x)"', TomlError),
        ('logo = "../../../etc/passwd.svg"', TomlError),
        ('logo = "missing.svg"', theme.PictureError),
        ('logo = "page.svg"', theme.PictureError),
        ('logo = "large.svg"', theme.PictureError),
        ('colour = "#000000"', TomlError),
    ],
)
def test_what_cannot_be_used_is_refused(profile, line, error):
    (profile / "page.svg").write_text("<html></html>")
    (profile / "large.svg").write_text("<svg>" + " " * theme.MOST_BYTES)
    (profile / "theme.toml").write_text(line + "\n")
    with pytest.raises(error):
        theme.read(profile)


def test_levels_look_the_same_in_every_city_and_on_the_hubs_pages(profile):
    sheet = (build.HERE.parent / "hub" / "console" / "assets" / "siaga.css").read_text()
    for name, colour in zip(("critical", "high", "medium", "low", "muted"), style.PALETTE, strict=True):
        assert f"--{name}: {colour};" in sheet
