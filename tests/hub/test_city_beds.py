"""What is shown of beds: what is not known is never free."""

import pytest

from hub.city.beds import STALE_S, PanelWords, hospitals, wards
from hub.series.errors import Unavailable
from tests.hub.city import NOW, REGION

KEY = ("gw-rs-1", "panel-1")


def ward(row, *, unheard=()):
    panels = {} if row is None else {KEY: {"time": NOW - 2000, **row}}
    (found,) = wards(REGION, panels, unheard, NOW)
    return found


def test_free_taken_and_unknown_are_all_beds():
    found = ward({"bed_01": 1, "bed_02": 0})
    assert (found.free, found.taken, found.unknown, found.stale) == (1, 1, 0, False)
    assert [bed.taken for bed in found.beds] == [True, False]


@pytest.mark.parametrize("value", [None, 2, -1, "0"])
def test_an_input_that_says_nothing_sensible_is_unknown(value):
    found = ward({"bed_01": value, "bed_02": 0})
    assert (found.free, found.taken, found.unknown) == (1, 0, 1)


def test_a_stale_ward_keeps_its_last_beds_and_counts_none_as_free():
    for found in (
        ward({"bed_01": 0, "bed_02": 0}, unheard={"gw-rs-1"}),
        ward({"time": NOW - 20_000, "bed_01": 0, "bed_02": 0}, unheard={"gw-rs-1/panel-1"}),
        ward({"time": NOW - STALE_S * 1000 - 1, "bed_01": 0, "bed_02": 0}),
    ):
        assert (found.free, found.taken, found.unknown, found.stale) == (0, 0, 2, True)
        assert [bed.taken for bed in found.beds] == [False, False]
    assert not ward({"bed_01": 0, "bed_02": 0}, unheard={"gw-rs-1/panel-1"}).stale
    assert not ward({"time": NOW - STALE_S * 1000, "bed_01": 0, "bed_02": 0}).stale


def test_a_ward_that_was_never_heard_has_no_age():
    found = ward(None)
    assert (found.t_ms, found.age_ms, found.unknown, found.stale) == (None, None, 2, True)


def test_a_hospital_says_how_many_are_unknown_beside_what_it_knows():
    known, silent = ward({"bed_01": 0, "bed_02": 1}), ward({"bed_01": 0, "bed_02": 0}, unheard={"gw-rs-1"})
    (found,) = hospitals(REGION, [known, silent])
    assert (found.total, found.free, found.taken, found.unknown, found.age_ms) == (4, 1, 1, 2, 2000)
    (found,) = hospitals(REGION, [silent])
    assert (found.free, found.unknown, found.age_ms) == (0, 2, None)


class Series:
    """InfluxDB that counts how often it is asked, and can be away."""

    def __init__(self):
        self.asked, self.error = 0, None

    async def query(self, q, params=None):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return [{"time": NOW, "gateway": "gw-rs-1", "device": "panel-1", "bed_01": 1}]


async def test_one_question_for_all_panels_and_its_answer_is_remembered():
    series = Series()
    words = PanelWords(series)
    assert words.remembered == {}
    assert (await words.ask(NOW))[KEY]["bed_01"] == 1
    assert series.asked == 1
    series.error = Unavailable("gone")
    with pytest.raises(Unavailable):
        await words.ask(NOW)
    assert words.remembered[KEY]["bed_01"] == 1


async def test_without_influxdb_nothing_is_known():
    with pytest.raises(Unavailable):
        await PanelWords(None).ask(NOW)
