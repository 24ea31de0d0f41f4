"""Buckets of parts make the bucket of the whole, however the parts are cut."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.rollups.buckets import Bucket, merged, of, read

VALUES = st.floats(-1e9, 1e9) | st.integers(0, 2**53).map(float)


def alike(one: Bucket, other: Bucket, scale: float) -> bool:
    """The same but for the rounding of a sum of values of that size."""
    exact = (one.count, one.low, one.high, one.last) == (other.count, other.low, other.high, other.last)
    return exact and math.isclose(one.total, other.total, rel_tol=1e-9, abs_tol=1e-9 * max(1.0, scale))


@given(st.lists(st.lists(VALUES, min_size=1, max_size=8), min_size=1, max_size=30))
def test_however_values_are_cut_the_whole_has_their_count_sum_and_ends(parts):
    flat = [value for part in parts for value in part]
    whole = merged(of(part) for part in parts)
    assert whole is not None
    assert alike(whole, of(flat), math.fsum(map(abs, flat)))
    assert whole.low <= whole.mean <= whole.high


@given(st.lists(VALUES, min_size=3, max_size=30), st.data())
def test_parts_of_parts_are_parts(values, data):
    buckets = [of([value]) for value in values]
    cut = data.draw(st.integers(1, len(values) - 1))
    pair = [merged(buckets[:cut]), merged(buckets[cut:])]
    found = merged(part for part in pair if part is not None)
    assert found is not None
    assert alike(found, of(values), math.fsum(map(abs, values)))


def test_of_nothing_there_is_no_bucket():
    assert merged([]) is None
    assert read([None] * 5) is None
    assert read([0, None, None, None, None]) is None


def test_all_but_the_count_are_floats_whatever_the_values_were():
    found = read([2, 0, 0.5, 1, 1])
    assert found is not None
    assert (
        found.fields("bed_01") == "bed_01_count=2i,bed_01_min=0.0,bed_01=0.5,bed_01_max=1.0,bed_01_last=1.0"
    )


@pytest.mark.parametrize("values", [[0.1] * 3, [0.1, 0.1, 0.1000000001]])
def test_a_mean_is_never_outside_of_its_values(values):
    found = of(values)
    assert found.low <= found.mean <= found.high
