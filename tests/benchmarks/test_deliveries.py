"""The benchmark of deliveries, for a moment: that it still measures something. So short a run is not judged."""

from benchmarks.aims import AIMS
from benchmarks.parts import PARTS


async def test_first_push_and_fifty_recipients_are_measured(tmp_path):
    found = {"deliveries": await PARTS["deliveries"].load()(tmp_path, quick=True)}
    figures = [aim.figure(found) for aim in AIMS if aim.path.startswith("deliveries.")]
    assert len(figures) == 5
    assert all(figure and figure > 0 for figure in figures)
