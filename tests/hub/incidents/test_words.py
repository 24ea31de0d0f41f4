"""What the duty desk reads."""

from dataclasses import replace

import pytest

from hub.incidents.words import Press, delay_label, text, title
from tests.hub.city import NOW, REGION

PRESS = Press(
    number=7,
    button="Tombol IGD",
    place="RS Contoh, meja perawat",
    call_back="021-555-0101",
    happened_ms=NOW,
    error_ms=5,
    delay_ms=50,
)


def test_the_first_words_say_that_nobody_has_verified_it_and_that_it_is_no_dispatch():
    assert title(PRESS).startswith("BELUM DIVERIFIKASI")
    assert text(REGION, PRESS).startswith("BELUM DIVERIFIKASI. Ini pemberitahuan, bukan perintah pengerahan.")
    assert "UNVERIFIED. This is a notice, not a dispatch." in text(REGION, PRESS)


def test_indonesian_comes_before_english():
    assert text(REGION, PRESS).index("ditekan") < text(REGION, PRESS).index("pressed")


def test_the_time_is_local_with_its_zone():
    assert "18-11-2026 18:06:40 WIB" in text(REGION, PRESS)
    assert "≈" not in text(REGION, PRESS)


def test_an_uncertain_time_says_so_and_a_missing_one_too():
    assert "≈ 18-11-2026" in text(REGION, replaced(error_ms=90_000))
    unknown = text(REGION, replaced(happened_ms=None))
    assert "waktu tidak diketahui" in unknown
    assert "time unknown" in unknown


@pytest.mark.parametrize(
    ("delay_ms", "label"),
    [
        (None, "KETERLAMBATAN TIDAK DIKETAHUI / DELAY UNKNOWN"),
        (0, ""),
        (59_999, ""),
        (60_000, "TERLAMBAT 00:01 / DELAYED 00:01"),
        (2 * 3600_000 + 13 * 60_000, "TERLAMBAT 02:13 / DELAYED 02:13"),
        (72 * 3600_000, "TERLAMBAT 72:00 / DELAYED 72:00"),
    ],
)
def test_a_late_press_carries_its_delay(delay_ms, label):
    assert delay_label(delay_ms) == label
    assert (f"[{label}]" in title(replaced(delay_ms=delay_ms))) == bool(label)


def test_other_buttons_are_named_and_make_it_critical():
    together = replaced(also=["Tombol Lobi"])
    assert "KRITIS" in title(together)
    assert "Tombol Lobi" in text(REGION, together)
    assert "KRITIS" not in title(PRESS)


def replaced(**changes):
    return replace(PRESS, **changes)
