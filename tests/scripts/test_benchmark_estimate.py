from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.benchmark.estimate import coverage, estimate, percentile, ratio

VALUES = st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1, max_size=60)


def test_five_values_are_needed_for_an_interval_of_nine_tenths() -> None:
    assert coverage(5, 0) == pytest.approx(1 - 2 / 32)
    assert coverage(4, 0) == pytest.approx(1 - 2 / 16)


def test_a_table_of_the_sign_test_gives_the_same_bounds() -> None:
    """For 20 values the sixth lowest and the sixth highest cover the median with 95.9 %."""
    found = estimate([float(value) for value in range(1, 21)], level=0.95)
    assert (found.low, found.high) == (6, 15)
    assert found.level == pytest.approx(0.9586, abs=1e-4)


def test_the_order_of_the_values_does_not_matter() -> None:
    assert estimate([3.0, 1.0, 2.0]) == estimate([1.0, 2.0, 3.0])


def test_few_values_give_their_whole_range_and_its_low_level() -> None:
    found = estimate([2.0, 1.0, 4.0])
    assert (found.median, found.low, found.high, found.level, found.count) == (2, 1, 4, 0.75, 3)


def test_a_single_value_is_known_with_no_certainty() -> None:
    assert estimate([7.0]).level == 0


def test_nothing_measured_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        estimate([])


def test_a_ratio_is_taken_pair_by_pair() -> None:
    """Of the sums it would be 111/37 = 3."""
    assert ratio([100.0, 10.0, 1.0], [25.0, 10.0, 2.0]).median == 1


def test_pairs_that_do_not_match_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


@given(VALUES)
def test_the_median_lies_within_its_interval(values: list[float]) -> None:
    found = estimate(values)
    assert min(values) <= found.low <= found.median <= found.high <= max(values)


@given(VALUES, st.sampled_from([0.5, 0.8, 0.9, 0.99]))
def test_the_level_asked_for_is_reached_or_nothing_is_left_out(values: list[float], level: float) -> None:
    found = estimate(values, level=level)
    assert found.level >= level or (found.low, found.high) == (min(values), max(values))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 5), (0.95, 10), (0.99, 10), (1.0, 10)])
def test_a_percentile_is_a_value_that_occurred(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(10, 0, -1)], share) == expected
