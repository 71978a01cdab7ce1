"""
What a pair that survived the screen is worth: grid, walk-forward, event engine, and the odds.

The bars are cut once, at a *split*. The screen saw those before it and nothing else. On them the
grid is searched, which says how much searching was done (trials, probability of overfitting,
deflated Sharpe ratio); behind it lie the test windows of the walk-forward, whose equity is the
headline. The parameters to trade next are then chosen by the same rule on the latest bars.
"""

import math
from typing import Final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.money import Money
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.pairs_config import PairsConfig
from algopioneer_strategies.research.confirmation import Confirmation, confirm
from algopioneer_strategies.research.grid import GridResult
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec
from algopioneer_strategies.research.overfitting import (
    Deflation,
    Overfitting,
    ReturnShape,
    deflate,
    effective_trials,
    minimum_track_record,
    overfitting_probability,
    probabilistic_sharpe,
)
from algopioneer_strategies.research.walk_forward import (
    WalkForward,
    WalkForwardRule,
    decide,
    formation_grid,
    walk_forward,
)

__all__ = [
    "Honesty",
    "PairEvaluation",
    "PairSearch",
    "PairTask",
    "PairTrial",
    "search_grid",
    "split_rule",
    "try_pair",
    "weigh",
]

_TESTS: Final = 4
"""Test windows behind the split, unless their length is stated."""


def split_rule(
    bars: int,
    split: int,
    *,
    half_life: float | None,
    formation: int | None = None,
    test: int | None = None,
    embargo: int | None = None,
) -> WalkForwardRule:
    """
    Return how a pair's bars are cut, where not everything is stated.

    Test windows are a quarter of the bars behind the split. The embargo is one half-life of the
    spread, and a tenth of the bars before the split at most: so long a shock is still half there.
    The formation window is everything between the first bar and the embargo.

    Args:
        bars: All there are.
        split: How many of them the screen saw.
        half_life: Of the spread, in bars, as the screen saw it.
        formation: Bars of the formation window.
        test: Bars of a test window.
        embargo: Bars between the two.

    Raises:
        ConfigError: The formation window does not fit in front of the split.
    """
    if embargo is None:
        embargo = min(math.ceil(half_life or 0), split // 10)
    room = split - embargo
    if formation is None:
        formation = room
    if formation > room:
        raise ConfigError(
            f"({formation} bars) and the embargo ({embargo}) do not fit into the {split} bars that "
            "the screen saw",
            where="formation",
            remedy="choose a shorter one, or a smaller holdout",
        )
    return WalkForwardRule(
        formation=formation,
        test=test or max(2, -(-(bars - split) // _TESTS)),
        embargo=embargo,
    )


@frozen(eq=False)
class PairSearch:
    """The grid on the bars that the screen saw: where figures look best, and mean least."""

    grid: GridResult | None
    """Without the returns, of which there are too many to keep for every pair of a search; None
    where no cell can be tried: the fitted hedge is not positive."""
    best: int | None = None
    """Number of the best cell; None where none traded."""
    winner: NDArray[np.float64] | None = None
    """Its returns."""
    effective: int = 0
    """Different trials among the cells, by clustering."""
    overfitting: Overfitting | None = None


def search_grid(spec: GridSpec, joint: JointColumns, market: GridMarket, split: int) -> PairSearch:
    """
    Search the grid on the bars before the *split*.

    Raises:
        NotEnoughData: There are fewer bars than the slowest cell needs.
    """
    grid, _ = formation_grid(spec, joint.slice(0, split), market, keep_returns=True)
    if grid is None or grid.returns is None:
        return PairSearch(None)
    best = grid.best()
    return PairSearch(
        grid=evolve(grid, returns=None),
        best=best,
        winner=None if best is None else grid.returns[best].copy(),
        effective=effective_trials(grid.returns),
        overfitting=overfitting_probability(grid.returns),
    )


@frozen(kw_only=True)
class Honesty:
    """How far the figures can be trusted; None where one is undefined."""

    trials: int
    """Recorded: every cell of every pair that was ever tried on these bars."""
    effective: int
    """Different ones among the cells of this pair, by clustering."""
    by_recorded: Deflation | None
    """The best in-sample Sharpe ratio per bar, deflated by the recorded number of trials."""
    by_effective: Deflation | None
    """The same by the effective number."""
    overfitting: float | None
    """Probability that the best cell in sample is below the median out of it."""
    above_zero: float | None
    """Probability that the true out-of-sample Sharpe ratio is above 0."""
    track_record: float | None
    """Bars needed to say so at 95 %."""
    bars: int
    """Bars there are out of sample."""


@frozen(eq=False, kw_only=True)
class PairTask:
    """One pair to be tried; all that `try_pair` needs, wherever it runs."""

    spec: GridSpec
    """What may be chosen."""
    joint: JointColumns
    """All bars of the pair."""
    market: GridMarket
    """What fills cost."""
    rule: WalkForwardRule
    """How the bars are cut; formation window and embargo end at the split."""
    split: int
    """How many bars the screen saw."""
    capital: Money
    """Cash at the start, in quote currency."""

    @property
    def cells(self) -> int:
        """Cells that are run: in the search, in every fold, and on the latest bars."""
        tests = -(-(len(self.joint) - self.split) // self.rule.test)
        return len(self.spec.cells) * (tests + 2)


@frozen(eq=False, kw_only=True)
class PairTrial:
    """What came of one pair, before it is known how much else was tried."""

    search: PairSearch
    walk: WalkForward
    """Its bars count from `offset`."""
    offset: int
    rule: WalkForwardRule
    confirmed: Confirmation
    parameters: PairsConfig | None
    """What the rule chooses on the latest bars; None where it chooses nothing."""


@frozen(eq=False, kw_only=True)
class PairEvaluation(PairTrial):
    """What was found about one pair."""

    joint: JointColumns
    split: int
    honesty: Honesty

    @property
    def sharpe(self) -> float | None:
        """Out-of-sample Sharpe ratio a year, of the event engine."""
        return self.confirmed.figures.sharpe_ratio


def try_pair(task: PairTask) -> PairTrial:
    """
    Search the grid, walk forward from the split, and confirm it in the event engine.

    Raises:
        NotEnoughData: There is no room for a test window, or for the slowest cell.
    """
    spec, joint, market, rule = task.spec, task.joint, task.market, task.rule
    search = search_grid(spec, joint, market, task.split)
    offset = task.split - rule.formation - rule.embargo
    part = joint.slice(offset, len(joint))
    walk = walk_forward(spec, part, market, rule)
    latest = joint.slice(len(joint) - rule.formation, len(joint))
    choice = decide(spec, latest, market, min_trades=rule.min_trades)
    return PairTrial(
        search=search,
        walk=walk,
        offset=offset,
        rule=rule,
        confirmed=confirm(walk, part, market, capital=task.capital),
        parameters=choice.cell if choice else None,
    )


def weigh(trial: PairTrial, task: PairTask, trials: int) -> PairEvaluation:
    """Return what a *trial* is worth, with *trials* recorded in all."""
    return PairEvaluation(
        joint=task.joint,
        split=task.split,
        honesty=_honesty(trial.search, trials, trial.confirmed),
        search=trial.search,
        walk=trial.walk,
        offset=trial.offset,
        rule=trial.rule,
        confirmed=trial.confirmed,
        parameters=trial.parameters,
    )


def _honesty(search: PairSearch, trials: int, confirmed: Confirmation) -> Honesty:
    grid, winner, recorded, clustered = search.grid, search.winner, None, None
    if grid is not None and winner is not None:
        recorded = deflate(winner, grid.sharpe, trials)
        clustered = deflate(winner, grid.sharpe, search.effective)
    shape = ReturnShape.of(confirmed.returns)
    return Honesty(
        trials=trials,
        effective=search.effective,
        by_recorded=recorded,
        by_effective=clustered,
        overfitting=search.overfitting.probability if search.overfitting else None,
        above_zero=probabilistic_sharpe(shape) if shape else None,
        track_record=minimum_track_record(shape) if shape else None,
        bars=len(confirmed.equity),
    )
