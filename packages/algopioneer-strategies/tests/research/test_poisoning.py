"""The future is replaced by noise: what was decided before must not change, and leaks must show."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.grid import cell_trades
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.grid_trades import WAIT
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule
from algopioneer_strategies.research.pair_bars import pair_bars
from algopioneer_strategies.research.poisoning import Decision, Decisions, first_leak, poisoned
from algopioneer_strategies.research.screen import ScreenRule, screen
from algopioneer_strategies.research.universe import AlignedCloses
from algopioneer_strategies.research.walk_forward import (
    WalkForwardRule,
    bars_of_test,
    folds,
    walk_forward,
)

BARS, SPLIT, WINDOW, ENTRY = 420, 220, 20, 1.5
HOUR = 3_600_000_000_000
RULE = WalkForwardRule(formation=200, test=50, embargo=20)
MARKET = GridMarket(fee=Decimal("0.0005"), slippage=Decimal("0.0002"))
SPEC = GridSpec(
    windows=(15, 30),
    entries=(Decimal(1), Decimal("1.6")),
    exits=(Decimal(0), Decimal("0.5")),
    hedges=tuple(
        PairsConfig(hedge=method, kalman_r=Decimal("0.0001"))
        for method in (HedgeMethod.FITTED, HedgeMethod.OLS, HedgeMethod.KALMAN)
    ),
)
SCREEN = ScreenRule(lags=LagRule(LagCriterion.FIXED, 1))
Prices = NDArray[np.float64]
Decider = Callable[[Prices], Decisions]


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Return three symbols, of which the first two belong together; four decimals."""
    generator = np.random.Generator(np.random.PCG64(11))
    logs = 4.0 + np.cumsum(0.01 * generator.standard_normal((3, BARS)), axis=1)
    spread, steps = np.zeros(BARS), 0.01 * generator.standard_normal(BARS)
    for bar in range(1, BARS):
        spread[bar] = 0.85 * spread[bar - 1] + steps[bar]
    logs[1] = 0.5 + 0.9 * logs[0] + spread
    found: Prices = np.exp(logs).round(4)
    return found


def leak(decide: Decider, prices: Prices, boundaries: list[int]) -> Any:
    """Poison after each boundary, with a seed of its own."""
    return first_leak(decide, prices, boundaries, np.random.Generator(np.random.PCG64(3)))


def boundaries() -> list[int]:
    """Return the last bar of every formation window, embargo and test window."""
    found = {SPLIT - 1}
    for fold in folds(BARS, RULE):
        found |= {fold.formation[1] - 1, fold.test[0] - 1, fold.test[0], fold.test[1] - 1}
    return sorted(bar for bar in found if bar < BARS - 1)


def search(prices: Prices) -> Decisions:
    """Return everything that screen, walk-forward and trades decide, dated."""
    times = np.arange(1, BARS + 1, dtype=np.int64) * HOUR
    closes = AlignedCloses(("A", "B", "C"), HOUR, times, np.log(prices))
    screened = screen(closes.between(0, SPLIT), SCREEN)
    found: dict[Any, Decision] = {
        "screen": Decision(SPLIT - 1, tuple(screened.every_pair())),
        "survivors": Decision(SPLIT - 1, tuple(screened.survivors)),
    }
    for pair in screened.survivors:
        joint = pair_bars(closes, pair.leg1, pair.leg2)
        walk = walk_forward(SPEC, joint, MARKET, RULE)
        for number, each in enumerate(walk.folds):
            name = (pair.leg1, pair.leg2, number)
            choice = each.choice
            chosen = choice and (choice.cell, choice.sharpe)
            found[*name, "choice"] = Decision(each.fold.formation[1] - 1, chosen)
            for bar, value in enumerate(each.equity.tolist()):
                found[*name, "equity", bar] = Decision(each.fold.test[0] + bar, value)
            if choice is None:
                continue
            start, stop = bars_of_test(choice.cell, each.fold)
            trades = cell_trades(
                [choice.cell], joint.slice(start, stop), first=each.fold.test[0] - start
            )
            for signal, out, side in zip(trades.signal, trades.out, trades.side, strict=True):
                entry = start + int(signal)
                found[*name, "entry", entry] = Decision(entry, float(side))
                if out < stop - start:
                    found[*name, "exit", entry] = Decision(start + int(out) - WAIT, int(out))
    return found


@pytest.mark.slow
def test_nothing_that_was_decided_knew_the_future(prices: Prices) -> None:
    """From the screen to the trades, at every boundary of the walk-forward."""
    decided = search(prices)
    assert len([what for what in decided if "entry" in what]) > 12  # type: ignore[operator]  # names
    assert len(boundaries()) >= 12
    assert leak(search, prices, boundaries()) is None


# --- a zoo of leaks ------------------------------------------------------------------------------


def rolling(values: NDArray[np.float64], window: int = WINDOW) -> NDArray[np.float64]:
    """Return z of each bar against the window that ends with it; NaN while it fills."""
    windows = sliding_window_view(values, window)
    z = (values[window - 1 :] - windows.mean(axis=1)) / windows.std(axis=1)
    return np.concatenate((np.full(window - 1, np.nan), z))


def slope(prices: Prices) -> float:
    """Return the least-squares slope of the first leg's logarithm on the second's."""
    y, x = np.log(prices[0]), np.log(prices[1])
    return float(np.cov(y, x)[0, 1] / x.var(ddof=1))


def decisions(z: NDArray[np.float64], entry: float = ENTRY) -> Decisions:
    """Return the side of each bar: 1 below the band, -1 above it, 0 inside."""
    sides = (z < -entry).astype(int) - (z > entry)
    return {bar: Decision(bar, int(side)) for bar, side in enumerate(sides)}


def spread(prices: Prices, beta: float = 0.9) -> NDArray[np.float64]:
    """Return the spread at a hedge ratio."""
    found: NDArray[np.float64] = np.log(prices[0]) - beta * np.log(prices[1])
    return found


def honest(prices: Prices) -> Decisions:
    """A hedge ratio that was known before, a window that ends with the bar."""
    return decisions(rolling(spread(prices)))


def honest_refit(prices: Prices) -> Decisions:
    """A hedge ratio fitted on the first bars, and used behind them."""
    z = rolling(spread(prices, slope(prices[:, :SPLIT])))
    z[: SPLIT - 1] = np.nan
    return decisions(z)


def honest_threshold(prices: Prices) -> Decisions:
    """A threshold from the past: a part of the largest |z| so far."""
    z = np.nan_to_num(rolling(spread(prices)))
    return decisions(z / np.maximum(0.7 * np.maximum.accumulate(np.abs(z)), ENTRY), 1.0)


def full_sample_hedge(prices: Prices) -> Decisions:
    """The hedge ratio of all bars."""
    return decisions(rolling(spread(prices, slope(prices))))


def full_sample_z(prices: Prices) -> Decisions:
    """Mean and deviation of all bars."""
    values = spread(prices)
    return decisions((values - values.mean()) / values.std())


def centred_window(prices: Prices) -> Decisions:
    """A window that has the bar in its middle."""
    return decisions(np.roll(rolling(spread(prices)), -WINDOW // 2))


def smoothed_both_ways(prices: Prices) -> Decisions:
    """A filter without delay, run forwards and backwards."""
    values = spread(prices)
    for _ in range(2):
        for bar in range(1, BARS):
            values[bar] = 0.8 * values[bar - 1] + 0.2 * values[bar]
        values = values[::-1].copy()
    return decisions(rolling(values))


def unfinished_bar(prices: Prices) -> Decisions:
    """The close of a bar that is not over."""
    return decisions(np.roll(rolling(spread(prices)), -1))


def open_stamps_taken_for_closes(prices: Prices) -> Decisions:
    """One leg a bar ahead of the other."""
    return decisions(rolling(spread(np.stack((prices[0], np.roll(prices[1], -1))))))


def threshold_from_the_future(prices: Prices) -> Decisions:
    """A level that is exceeded by one bar in ten, of all bars."""
    z = rolling(spread(prices))
    return decisions(z, float(np.nanquantile(np.abs(z), 0.9)))


def best_window_of_all(prices: Prices) -> Decisions:
    """Parameters that were chosen on the bars they are traded on."""
    z = {window: rolling(spread(prices), window) for window in range(10, 60, 5)}
    change = np.diff(spread(prices), append=np.nan)
    gain = {
        window: np.nansum(np.where(each < -ENTRY, change, 0) - np.where(each > ENTRY, change, 0))
        for window, each in z.items()
    }
    return decisions(z[max(gain, key=lambda window: gain[window])])


def scaled_by_the_last_price(prices: Prices) -> Decisions:
    """Prices in units of what they are at the end."""
    y, x = prices[:2] / prices[:2, -1:]
    return decisions(rolling(y - 0.9 * x))


def filled_backwards(prices: Prices) -> Decisions:
    """A missing price is taken from the next bar that has one."""
    values = prices.copy()
    for bar in range(BARS - 2, -1, -1):
        values[:, bar] = np.where(np.isnan(values[:, bar]), values[:, bar + 1], values[:, bar])
    return decisions(rolling(spread(values)))


def partner_chosen_on_all(prices: Prices) -> Decisions:
    """The partner that correlates best, over all bars."""
    changes = np.corrcoef(np.diff(np.log(prices), axis=1))
    partner = 1 if changes[0, 1] > changes[0, 2] else 2
    chosen = rolling(spread(prices[[0, partner]]))
    return {**decisions(chosen), "partner": Decision(SPLIT, partner)}


def exits_at_the_best_price(prices: Prices) -> Decisions:
    """A trade is left where it turns out to have been best."""
    values = spread(prices)
    z = rolling(values)
    entries = np.flatnonzero(z < -ENTRY)
    return {int(bar): Decision(int(bar), float(values[bar : bar + 10].max())) for bar in entries}


HONEST = [honest, honest_refit, honest_threshold]
LEAKS = [
    full_sample_hedge,
    full_sample_z,
    centred_window,
    smoothed_both_ways,
    unfinished_bar,
    open_stamps_taken_for_closes,
    threshold_from_the_future,
    best_window_of_all,
    scaled_by_the_last_price,
    filled_backwards,
    partner_chosen_on_all,
    exits_at_the_best_price,
]


def with_gaps(prices: Prices) -> Prices:
    """Return the prices, one in seven of the second leg missing."""
    found = prices.copy()
    found[1, 2::7] = np.nan
    return found


@pytest.mark.parametrize("decide", LEAKS)
def test_a_planted_leak_is_caught(prices: Prices, decide: Decider) -> None:
    """Each of them, by at least one boundary; its place is told."""
    data = with_gaps(prices) if decide is filled_backwards else prices
    found = leak(decide, data, list(range(100, BARS - 1, 7)))
    assert found is not None
    assert found.bar <= found.poisoned_after
    assert f"after bar {found.poisoned_after}" in str(found)


@pytest.mark.parametrize("decide", HONEST)
def test_an_honest_decision_is_no_false_alarm(prices: Prices, decide: Decider) -> None:
    """At any boundary."""
    assert leak(decide, prices, list(range(30, BARS - 1, 13))) is None


def test_a_search_that_saw_everything_is_caught(prices: Prices) -> None:
    """The same search, with a screen of all bars, or choices that were made a fold too late."""

    def screened_on_all(prices: Prices) -> Decisions:
        times = np.arange(1, BARS + 1, dtype=np.int64) * HOUR
        closes = AlignedCloses(("A", "B", "C"), HOUR, times, np.log(prices))
        return {"screen": Decision(SPLIT - 1, tuple(screen(closes, SCREEN).every_pair()))}

    def chosen_late(prices: Prices) -> Decisions:
        found = search(prices)
        return {
            what: each._replace(bar=each.bar - RULE.test) if "choice" in what else each  # type: ignore[operator]  # names
            for what, each in found.items()
        }

    for decide in (screened_on_all, chosen_late):
        assert leak(decide, prices, boundaries()) is not None


def test_poison_leaves_the_past_and_what_is_missing(prices: Prices) -> None:
    """Only prices after the boundary change, all of them, and none appears where none was."""
    data = with_gaps(prices)
    found = poisoned(data, 200, np.random.Generator(np.random.PCG64(1)))
    assert np.array_equal(found[:, :201], data[:, :201], equal_nan=True)
    assert np.array_equal(np.isnan(found), np.isnan(data))
    future = found[:, 201:]
    assert (future[~np.isnan(future)] > 0).all()
    assert (future != data[:, 201:]).mean() > 0.99
