"""
A walk-forward once more, in the event engine: the figures that are reported.

Every test window is a backtest of its own, of the choice that was made before it, with the capital
that the window before left.
"""

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_core.domain.money import Money
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.equity_statistics import EquityFigures, EquityStatistics
from algopioneer_strategies.research.event_run import run_events
from algopioneer_strategies.research.grid_spec import GridMarket
from algopioneer_strategies.research.walk_forward import WalkForward, bars_of_test

__all__ = ["Confirmation", "confirm"]


@frozen(eq=False)
class Confirmation:
    """What the event engine says of a walk-forward."""

    ts_ns: NDArray[np.int64]
    """Closes from the first test window on."""
    equity: NDArray[np.float64]
    """At each of them, in quote currency."""
    final_capital: Money
    figures: EquityFigures
    """Of that equity; exposure and buy-and-hold are not counted here."""
    first_leg: tuple[RoundTrip, ...]
    """The first leg of every round trip."""
    z: NDArray[np.float64]
    """What the strategy saw at each of the closes; NaN where nothing was traded."""
    hedge_ratio: NDArray[np.float64]

    @property
    def returns(self) -> NDArray[np.float64]:
        """From close to close."""
        found: NDArray[np.float64] = self.equity[1:] / self.equity[:-1] - 1.0
        return found


def confirm(
    walk: WalkForward, joint: JointColumns, market: GridMarket, *, capital: Money
) -> Confirmation:
    """
    Trade every choice of *walk* in the event engine.

    Args:
        walk: Made over the same bars with the same market.
        joint: The bars.
        market: What fills cost.
        capital: Cash before the first test window, in quote currency.
    """
    cash, trips = capital, list[RoundTrip]()
    columns = np.full((3, len(joint)), np.nan)
    equity, z, hedge_ratio = columns
    for each in walk.folds:
        start, stop = each.fold.test
        equity[start:stop] = float(cash)
        if each.choice is None or cash <= 0:
            continue
        first, _ = bars_of_test(each.choice.cell, each.fold)
        run = run_events(each.choice.cell, joint.slice(first, stop), market, capital=cash)
        cash = run.result.final_capital
        equity[start:stop] = float(cash)  # from a ruin on
        for column, made in ((equity, run.equity), (z, run.z), (hedge_ratio, run.hedge_ratio)):
            column[start : first + len(made)] = made[start - first :]
        trips.extend(run.first_leg)
    equity, z, hedge_ratio = columns[:, walk.first_bar :]
    ts_ns = joint.ts_ns[walk.first_bar :]
    return Confirmation(
        ts_ns, equity, cash, _figures(ts_ns, equity, capital, cash), tuple(trips), z, hedge_ratio
    )


def _figures(
    ts_ns: NDArray[np.int64], equity: NDArray[np.float64], before: Money, after: Money
) -> EquityFigures:
    statistics = EquityStatistics(initial_capital=before)
    statistics.add(ts_ns, equity, np.ones(len(equity)), np.zeros(len(equity), np.bool_))
    return statistics.finish(after)
