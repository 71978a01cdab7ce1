import math
import statistics
from decimal import Decimal
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from algopioneer_core.history.columns import CHUNK_BARS
from algopioneer_core.simulation.equity_statistics import EquityFigures, EquityStatistics

MINUTE = 60_000_000_000
DAY = 86_400_000_000_000
YEAR = 365.25


def figures_of(
    equity: list[float],
    *,
    closes: list[float] | None = None,
    exposed: list[bool] | None = None,
    final: Decimal | None = None,
    calendar: float | None = None,
) -> EquityFigures:
    """Return the figures of daily bars; the first equity is the initial capital."""
    count = len(equity)
    accumulator = EquityStatistics(
        initial_capital=Decimal(equity[0]), calendar_bars_per_year=calendar
    )
    accumulator.add(
        np.arange(count, dtype=np.int64) * DAY,
        np.array(equity, np.float64),
        np.array(closes or [1.0] * count, np.float64),
        np.array(exposed or [False] * count, np.bool_),
    )
    return accumulator.finish(Decimal(equity[-1]) if final is None else final)


def test_figures_of_three_days_by_hand() -> None:
    """Returns of +10 %, -10 % and +20 %."""
    figures = figures_of(
        [100, 110, 99, 118.8],
        closes=[50, 60, 55, 45],
        exposed=[False, True, True, False],
        final=Decimal("118.8"),
    )
    mean, deviation = 0.2 / 3, math.sqrt((0.01 + 0.01 + 0.04 - 0.04 / 3) / 2)
    assert figures.return_pct == pytest.approx(18.8, abs=1e-12)
    assert figures.buy_and_hold_return_pct == pytest.approx(-10)
    assert figures.cagr_pct == pytest.approx((1.188 ** (YEAR / 3) - 1) * 100)
    assert figures.bars_per_year == pytest.approx(YEAR)
    assert figures.volatility_pct == pytest.approx(deviation * math.sqrt(YEAR) * 100)
    assert figures.sharpe_ratio == pytest.approx(mean / deviation * math.sqrt(YEAR))
    assert figures.sortino_ratio == pytest.approx(mean / math.sqrt(0.01 / 3) * math.sqrt(YEAR))
    assert figures.drawdown.depth_pct == pytest.approx(10)
    assert figures.cagr_pct is not None
    assert figures.calmar_ratio == pytest.approx(figures.cagr_pct / 10)
    assert figures.exposure_pct == 50.0


def test_the_return_comes_from_exact_money() -> None:
    """The final capital counts, not the float beside it."""
    assert figures_of([100, 120, 110], final=Decimal(133)).return_pct == 33.0


def test_a_calendar_replaces_the_counted_bars() -> None:
    """252 trading days annualise when they are given."""
    counted, given_ = figures_of([100, 101, 99]), figures_of([100, 101, 99], calendar=252)
    assert counted.sharpe_ratio is not None
    assert given_.bars_per_year == 252
    assert given_.sharpe_ratio == pytest.approx(counted.sharpe_ratio * math.sqrt(252 / YEAR))


def test_constant_equity_has_no_ratios() -> None:
    """Without deviation or drawdown there is nothing to divide by; volatility is a true zero."""
    figures = figures_of([100, 100, 100, 100])
    assert (
        figures.sharpe_ratio,
        figures.sortino_ratio,
        figures.calmar_ratio,
    ) == (None, None, None)
    assert (figures.volatility_pct, figures.cagr_pct, figures.return_pct) == (0.0, 0.0, 0.0)


def test_equal_returns_have_no_sharpe_ratio() -> None:
    """What rounding leaves of no deviation is not taken for one."""
    figures = figures_of([100 * 1.1**day for day in range(9)])
    assert figures.sharpe_ratio is None
    assert figures.sortino_ratio is None


def test_gains_alone_have_no_sortino_or_calmar_ratio() -> None:
    """No loss, no downside; the Sharpe ratio stands."""
    figures = figures_of([100, 101, 103, 104])
    assert figures.sharpe_ratio is not None
    assert figures.sortino_ratio is None
    assert figures.calmar_ratio is None


@pytest.mark.parametrize("equity", [[100.0], [100.0, 90.0]])
def test_fewer_than_two_returns_have_no_deviation(equity: list[float]) -> None:
    """One return says nothing about how returns vary."""
    figures = figures_of(equity)
    assert figures.volatility_pct is None
    assert figures.sharpe_ratio is None
    assert figures.sortino_ratio is None


def test_one_bar_has_no_year() -> None:
    """No time has passed."""
    figures = figures_of([100])
    assert figures.cagr_pct is None
    assert figures.bars_per_year is None


def test_ruin_on_the_last_bar_keeps_the_ratios_but_not_the_growth() -> None:
    """The last return is a loss of everything; growth from nothing is undefined."""
    figures = figures_of([100, 120, -10])
    assert figures.sharpe_ratio is not None
    assert figures.sharpe_ratio < 0
    assert figures.cagr_pct is None
    assert figures.calmar_ratio is None
    assert figures.return_pct == pytest.approx(-110)


def test_returns_on_nothing_are_undefined() -> None:
    """A run that goes on after ruin has no ratios rather than infinite ones."""
    figures = figures_of([100, 0, 0, 5])
    assert figures.volatility_pct is None
    assert figures.sharpe_ratio is None


def test_a_run_without_bars_is_refused() -> None:
    """There is nothing to state."""
    with pytest.raises(ValueError, match="without bars"):
        EquityStatistics(initial_capital=Decimal(1)).finish(Decimal(1))


def test_the_dictionary_has_plain_values_and_texts_for_times() -> None:
    """Times are text, undefined figures None."""
    keys = figures_of([100, 90, 100]).as_dict()
    assert keys["max_drawdown_trough"] == "1970-01-02T00:00:00Z"
    assert keys["max_drawdown_recovery"] == "1970-01-03T00:00:00Z"
    assert keys["max_drawdown_seconds"] == 172_800.0
    assert figures_of([1, 2]).as_dict()["max_drawdown_peak"] is None


@given(st.lists(st.floats(10, 1_000), min_size=3, max_size=60))
def test_ratios_equal_the_standard_library(equity: list[float]) -> None:
    """Mean, deviation and downside from `statistics` give the same ratios."""
    returns = [after / before - 1 for before, after in pairwise(equity)]
    mean, deviation = statistics.fmean(returns), statistics.stdev(returns)
    downside = math.sqrt(statistics.fmean(min(change, 0.0) ** 2 for change in returns))
    figures = figures_of(equity)
    root = math.sqrt(YEAR)
    assert figures.volatility_pct == pytest.approx(deviation * root * 100, abs=1e-9)
    if deviation > 1e-9:
        assert figures.sharpe_ratio == pytest.approx(mean / deviation * root, abs=1e-6)
    if downside > 1e-9:
        assert figures.sortino_ratio == pytest.approx(mean / downside * root, abs=1e-6)


Columns = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]


def _walk(count: int, seed: int) -> Columns:
    draw = Generator(PCG64(seed))
    equity = 10_000 * np.exp(np.cumsum(draw.normal(0, 1e-4, count)))
    times = np.arange(count, dtype=np.int64) * MINUTE
    return times, equity, equity / 3, draw.random(count) > 0.5


def _between(columns: Columns, start: int, stop: int) -> Columns:
    times, equity, close, exposed = columns
    return times[start:stop], equity[start:stop], close[start:stop], exposed[start:stop]


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 90_000), min_size=1, max_size=6))
def test_figures_do_not_depend_on_how_bars_are_handed_over(seed: int, sizes: list[int]) -> None:
    """Bit for bit: the accumulator makes its own chunks."""
    count = 2 * CHUNK_BARS + 4_321
    columns = _walk(count, seed)
    whole = EquityStatistics(initial_capital=Decimal(10_000))
    whole.add(*columns)
    pieces = EquityStatistics(initial_capital=Decimal(10_000))
    starts = [0, *accumulate(sizes), count]
    for start, stop in pairwise(min(start, count) for start in starts):
        pieces.add(*_between(columns, start, stop))
    assert whole.finish(Decimal(11_000)) == pieces.finish(Decimal(11_000))


def test_the_caller_may_reuse_its_arrays() -> None:
    """Bars that wait for their chunk are copied."""
    columns = _walk(1_000, 1)
    kept = EquityStatistics(initial_capital=Decimal(10_000))
    kept.add(*columns)
    expected = EquityStatistics(initial_capital=Decimal(10_000))
    expected.add(*_walk(1_000, 1))
    for column in columns:
        column[:] = 1
    assert expected.finish(Decimal(10_000)) == kept.finish(Decimal(10_000))


def test_chunks_joined_equal_one_sum() -> None:
    """Three chunks give the deviation of all returns at once."""
    _, equity, _, _ = columns = _walk(3 * CHUNK_BARS, 5)
    accumulator = EquityStatistics(initial_capital=Decimal(10_000))
    accumulator.add(*columns)
    returns = np.diff(equity) / equity[:-1]
    volatility = returns.std(ddof=1) * math.sqrt(YEAR * 1_440) * 100
    assert accumulator.finish(Decimal(10_000)).volatility_pct == pytest.approx(volatility)
