"""A signature's drawing is numbers in a box, and becomes a path that holds nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.commissioning.strokes import HEIGHT, LONGEST_TEXT, WIDTH, StrokesError, check_strokes, path

POINTS = st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT))


@given(st.lists(st.lists(POINTS, min_size=1, max_size=20), max_size=10))
def test_a_drawing_comes_out_as_it_went_in(strokes):
    text = "_".join("-".join(f"{x}.{y}" for x, y in stroke) for stroke in strokes)
    drawn = path(check_strokes(text))
    assert re.findall(r"\d+", drawn) == [str(n) for stroke in strokes for point in stroke for n in point]
    assert drawn.count("M") == len(strokes)


@given(st.text())
def test_any_text_is_a_drawing_or_refused(text):
    try:
        drawn = path(check_strokes(text))
    except StrokesError:
        return
    assert re.fullmatch(r"[ML0-9 ]*", drawn, re.ASCII)


@pytest.mark.parametrize(
    "text", ["1001.5", "5.301", '1.1"/>', "1.1-", "_1.1", "1.1 2.2", "١.١", "1.1_" * LONGEST_TEXT]
)
def test_what_leaves_the_box_or_is_none_is_refused(text):
    with pytest.raises(StrokesError):
        check_strokes(text)
