"""Spreads of an array are those of single bars, whatever the array's logarithm does last."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from algopioneer_strategies.spread import LOG_UNITS, log_price, log_units, spread_units

TICKS = st.lists(st.tuples(st.integers(1, 2**62), st.integers(1, 2**62)), min_size=1, max_size=50)


def one_by_one(a: list[int], b: list[int], beta: float, decimals: tuple[int, int]) -> list[int]:
    """Return the spreads bar by bar."""
    return [
        log_units(log_price(x, decimals[0]) - beta * log_price(y, decimals[1]))
        for x, y in zip(a, b, strict=True)
    ]


@given(TICKS, st.floats(0.01, 10), st.tuples(st.integers(0, 18), st.integers(0, 18)))
def test_arrays_give_the_integers_of_single_bars(
    ticks: list[tuple[int, int]], beta: float, decimals: tuple[int, int]
) -> None:
    """Any prices, on any grid, at any beta."""
    a, b = (list(leg) for leg in zip(*ticks, strict=True))
    units = spread_units((np.array(a), decimals[0]), (np.array(b), decimals[1]), beta)
    assert units is not None
    assert units.tolist() == one_by_one(a, b, beta, decimals)


@pytest.mark.parametrize("ulps", [-4, -1, 0, 1, 4])
def test_last_bits_of_the_arrays_logarithm_do_not_matter(ulps: int) -> None:
    """A logarithm that is 4 units off in the last place gives the same spreads all the same."""
    draws = np.random.Generator(np.random.PCG64(8)).integers(1, 10**7, (2, 50_000))
    a, b = draws[0], draws[1]

    def sloppy(prices: NDArray[np.float64]) -> NDArray[np.float64]:
        logs: NDArray[np.float64] = np.log(prices)
        return np.asarray(logs + ulps * np.spacing(np.abs(logs)), np.float64)

    expected = one_by_one(a.tolist(), b.tolist(), 0.9, (2, 2))
    units = spread_units((a, 2), (b, 2), 0.9, sloppy)
    assert units is not None
    assert units.tolist() == expected
    if abs(ulps) == 4:  # without the second look some would differ
        prices = sloppy(a / 100.0) - 0.9 * sloppy(b / 100.0)
        assert (np.rint(prices * LOG_UNITS) != np.array(expected)).any()


def test_a_spread_is_rounded_half_to_even() -> None:
    """Exactly between two units, the even one is taken."""
    assert [log_units(half * 2.0**-41) for half in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]


def test_spreads_too_large_for_integers_are_declined() -> None:
    """A beta that makes spreads overflow is left to the engine that counts without limit."""
    prices = np.array([100, 101])
    assert spread_units((prices, 0), (prices, 0), 1e9) is None


def test_no_bars_have_no_spreads() -> None:
    """An empty array is an answer, not an error."""
    nothing = np.zeros(0, np.int64)
    units = spread_units((nothing, 2), (nothing, 2), 1.0)
    assert units is not None
    assert len(units) == 0


def test_the_logarithm_is_that_of_the_price() -> None:
    """Ticks and decimals make the price whose logarithm is taken."""
    assert log_price(12_345, 2) == math.log(123.45)
