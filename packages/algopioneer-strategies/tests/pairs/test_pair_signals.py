"""Rolling z-scores of arrays are exact where it counts."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from algopioneer_core.domain.errors import DataError
from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_strategies.hedge import Hedge
from algopioneer_strategies.pair_signals import PairSignals, PairThresholds, pair_signals
from algopioneer_strategies.zscore import Level, RollingZ

WIDE = st.integers(-(2**44), 2**44)
NARROW = st.integers(2**44, 2**44 + 3)


def signals_of(units: list[int], window: int, **levels: Any) -> PairSignals:
    """Return the signals of spreads in units of 1."""
    found = pair_signals(
        np.array(units, np.int64),
        unit=1.0,
        window=window,
        first=window - 1,
        thresholds=PairThresholds(
            **{"entry": Level(Decimal(1)), "exit": Level(Decimal(0))} | levels
        ),
        size=SpreadSize(fraction=Decimal(1)),
        hedge=Hedge(10**9),
    )
    assert found is not None
    return found


@given(
    st.lists(WIDE, min_size=1, max_size=80) | st.lists(NARROW, min_size=1, max_size=80),
    st.integers(2, 12),
)
def test_z_of_arrays_is_z_of_single_bars(units: list[int], window: int) -> None:
    """Also for windows of which nothing but the last bits varies, far away from zero."""
    rolling = RollingZ(window)
    one_by_one = [rolling.take(unit) for unit in units]
    z = signals_of(units, window).z.tolist()
    for mine, expected in zip(z, one_by_one, strict=True):
        if expected is None:
            assert math.isnan(mine)
        else:
            assert mine == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("window", [2, 60, 777, 20_000])
def test_z_of_a_long_array_is_z_of_single_bars(window: int) -> None:
    """Over many blocks, and with a window that is longer than what is computed at a time."""
    steps = np.random.Generator(np.random.PCG64(6)).integers(-(2**30), 2**30, 40_000)
    units = np.cumsum(steps).tolist()
    rolling = RollingZ(window)
    one_by_one = np.array([rolling.take(unit) for unit in units], np.float64)
    np.testing.assert_allclose(signals_of(units, window).z, one_by_one, rtol=0, atol=1e-9)


@given(st.lists(st.integers(0, 3), min_size=8, max_size=60), st.integers(2, 8))
def test_levels_that_are_met_exactly_are_not_exceeded(units: list[int], window: int) -> None:
    """With a level at a z that occurs (1 and -1 do often), every array is exact."""
    signals = signals_of(units, window, stop=Level(Decimal(1)))
    for bar in range(window - 1, len(units)):
        values = units[bar + 1 - window : bar + 1]
        mean = Fraction(sum(values), window)
        variance = sum(((value - mean) ** 2 for value in values), Fraction(0)) / window
        square = (values[-1] - mean) ** 2
        assert signals.stop[bar] == (variance > 0 and square > variance)
        assert signals.calm[bar] == (variance > 0 and square < variance)
        assert signals.leave_long[bar] == (variance > 0 and values[-1] > mean)
        assert signals.leave_short[bar] == (variance > 0 and values[-1] < mean)


@pytest.mark.parametrize(
    ("level", "above"), [("1.41421356237309504880", True), ("1.41421356237309504881", False)]
)
def test_floats_that_are_off_by_a_bit_do_not_decide(level: str, above: bool) -> None:
    """One spread of three that differs has a z of sqrt(2), which lies between the levels."""
    signals = signals_of([0, 0, 1, 1, 1, 0], 3, stop=Level(Decimal(level)))
    assert signals.stop.tolist() == [False, False, above, False, False, above]


def test_too_large_spreads_are_declined() -> None:
    """Sums that may not fit into 63 bits are left to the engine that counts without limit."""
    found = pair_signals(
        np.array([2**61, 0, 1]),
        unit=1.0,
        window=2,
        first=1,
        thresholds=PairThresholds(entry=Level(Decimal(1)), exit=Level(Decimal(0))),
        size=SpreadSize(fraction=Decimal(1)),
        hedge=Hedge(10**9),
    )
    assert found is None


def test_arrays_of_different_lengths_are_refused() -> None:
    """A walk could not tell which bar is meant."""
    two, three = np.zeros(2, np.bool_), np.zeros(3, np.bool_)
    with pytest.raises(DataError, match="leave_long differs in length"):
        PairSignals(
            enter_long=two,
            enter_short=two,
            leave_long=three,
            leave_short=two,
            stop=two,
            calm=two,
            z=np.zeros(2),
            spread=np.zeros(2),
            size=SpreadSize(fraction=Decimal(1)),
            hedge_ratio=Decimal(1),
        )
