"""Ranges behave as the sets of integers that they stand for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.ranges import Ranges

SPAN = st.tuples(st.integers(1, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def numbers(pairs):
    return {number for first, last in pairs for number in range(first, last + 1)}


@given(st.lists(st.tuples(st.booleans(), SPAN), max_size=40), SPAN)
def test_ranges_agree_with_a_set(steps, probe):
    ranges, reference = Ranges(), set()
    for add, (first, last) in steps:
        span = set(range(first, last + 1))
        if add:
            assert ranges.add(first, last) == len(span - reference)
            reference |= span
        else:
            ranges.remove(first, last)
            reference -= span
    asked = set(range(probe[0], probe[1] + 1))
    assert numbers(ranges) == reference
    assert ranges.count == len(reference)
    assert ranges.top == max(reference, default=0)
    assert ranges.covers(*probe) == (asked <= reference)
    assert numbers(ranges.missing(*probe)) == asked - reference
    assert numbers(ranges.overlap(*probe)) == asked & reference
    assert ranges.floor(probe[0]) == next(n for n in range(probe[0], 200) if n not in reference)
    missing, overlap = ranges.missing(*probe), ranges.overlap(*probe)
    assert ranges.first_gap(*probe) == (missing[0] if missing else None)
    assert ranges.first_overlap(*probe) == (overlap[0] if overlap else None)
    around = [pair for pair in ranges if pair[0] <= probe[0] <= pair[1]]
    assert ranges.pair_at(probe[0]) == (around[0] if around else None)
    pairs = ranges.pairs()
    assert all(a[1] + 1 < b[0] for a, b in pairwise(pairs)), "sorted, disjoint and merged"
    assert Ranges(reversed(pairs)) == ranges
    assert ranges.copy() == ranges


def test_copy_is_independent():
    ranges = Ranges([(1, 3)])
    ranges.copy().add(9, 9)
    assert ranges.pairs() == ((1, 3),)


def test_a_backward_range_is_refused():
    with pytest.raises(ValueError, match="runs backwards"):
        Ranges().add(3, 2)


def test_missing_of_an_empty_span_is_nothing():
    assert Ranges().missing(5, 4) == []
    assert Ranges().first_gap(5, 4) is None
    assert Ranges([(1, 9)]).first_overlap(5, 4) is None
