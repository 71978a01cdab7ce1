"""
Walk-forward: parameters are chosen on one stretch of bars and traded on the next, again and again.

A *fold* is a formation window, an embargo that nobody trades, and a test window behind it; test
windows follow each other without a gap, so their equity is one curve, and that curve is what the
search is worth. `decide` is handed the formation bars and nothing else: it cannot look ahead.

- Purged: a trade that is open at the end of the formation window has no part in the choice, for how
  it ends is not known yet.
- Embargoed: bars after the formation window are skipped, so that what still echoes in them from
  formation decides nothing about the test.
- Every test window begins and ends flat; what is open at its end is closed at its last close. The
  bars before it fill the windows of z and hedge, as a live session would fill them.

(López de Prado, *Advances in Financial Machine Learning*, 2018, chapters 7 and 12.)
"""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import ConfigError, NotEnoughData, RefusedError
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.fixed_spread import fitted_hedge
from algopioneer_strategies.hedge import Hedge
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.grid import GridResult, run_cells
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec, bars_needed
from algopioneer_strategies.spread import log_price

__all__ = [
    "Choice",
    "Fold",
    "FoldResult",
    "WalkForward",
    "WalkForwardRule",
    "bars_of_test",
    "decide",
    "folds",
    "formation_grid",
    "walk_forward",
]


def _positive(_rule: object, attribute: object, value: int) -> None:
    if value < 1:
        name = getattr(attribute, "name", "value")
        raise ConfigError(f"{name} must be at least 1, not {value}", where=name)


def _not_negative(_rule: object, attribute: object, value: int) -> None:
    if value < 0:
        name = getattr(attribute, "name", "value")
        raise ConfigError(f"{name} must not be negative", where=name)


@frozen(kw_only=True)
class WalkForwardRule:
    """
    How bars are cut, and which cell is chosen: the one with the highest Sharpe ratio per bar.

    Raises:
        ConfigError: A length is out of range.
    """

    formation: int = field(validator=_positive)
    """Bars that a choice is made on."""
    test: int = field(validator=_positive)
    """Bars that it is traded on."""
    embargo: int = field(default=0, validator=_not_negative)
    """Bars between the two."""
    min_trades: int = field(default=3, validator=_positive)
    """Cells with fewer round trips in the formation window are not chosen."""

    def as_dict(self) -> dict[str, object]:
        """Return the rule as JSON values, for the ledger."""
        return {
            "formation": self.formation,
            "test": self.test,
            "embargo": self.embargo,
            "min_trades": self.min_trades,
        }


@frozen
class Fold:
    """Places of bars; ends are excluded."""

    formation: tuple[int, int]
    test: tuple[int, int]


def folds(bars: int, rule: WalkForwardRule) -> Iterator[Fold]:
    """
    Yield the folds of so many *bars*; the last test window may be shorter than the others.

    Raises:
        NotEnoughData: There is no room for a test window of two bars.
    """
    first = rule.formation + rule.embargo
    if bars < first + 2:
        raise NotEnoughData(
            f"a walk-forward of {rule.formation} + {rule.embargo} bars needs {first + 2} bars, "
            f"and there are {bars}",
            remedy="give it more bars or a shorter formation window",
        )
    for start in range(first, bars - 1, rule.test):
        formed = start - rule.embargo
        # One bar alone has no return; it goes to the window before it.
        stop = bars if bars - start - rule.test < 2 else start + rule.test
        yield Fold((formed - rule.formation, formed), (start, stop))
        if stop == bars:
            return


@frozen(eq=False)
class Choice:
    """What was chosen on a formation window."""

    cell: PairsConfig
    """To be traded as it is: a fitted hedge is fixed at what was fitted."""
    sharpe: float
    """Per bar, in sample."""
    place: int
    """Number of the cell among those of the grid's specification."""


@frozen(eq=False)
class FoldResult:
    """One fold, its choice, and what came of it."""

    fold: Fold
    choice: Choice | None
    """None where no cell could be chosen: nothing was traded."""
    equity: NDArray[np.float64]
    """At each close of the test window, from 1 at its first."""
    trades: int
    """Round trips in the test window."""


@frozen(slots=False, eq=False)  # for the cached properties
class WalkForward:
    """All folds of a pair."""

    folds: tuple[FoldResult, ...]

    @cached_property
    def equity(self) -> NDArray[np.float64]:
        """The out-of-sample equity at each close from the first test window on, from 1."""
        parts, so_far = [], 1.0
        for each in self.folds:
            parts.append(each.equity * so_far)
            so_far = float(parts[-1][-1])
        return np.concatenate(parts)

    @property
    def first_bar(self) -> int:
        """Place of the bar at which `equity` begins."""
        return self.folds[0].fold.test[0]

    @property
    def returns(self) -> NDArray[np.float64]:
        """The out-of-sample returns, bar by bar."""
        equity = self.equity
        with np.errstate(invalid="ignore", divide="ignore"):
            found: NDArray[np.float64] = equity[1:] / equity[:-1] - 1.0
        return found

    @property
    def trades(self) -> int:
        """Round trips out of sample."""
        return sum(each.trades for each in self.folds)

    @property
    def sharpe(self) -> float | None:
        """Out-of-sample Sharpe ratio per bar; None where it is undefined."""
        returns = self.returns
        deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
        return float(returns.mean()) / deviation if deviation > 0 else None

    @property
    def in_sample_sharpe(self) -> float | None:
        """Mean of the chosen cells' Sharpe ratios in their formation windows."""
        found = [each.choice.sharpe for each in self.folds if each.choice]
        return math.fsum(found) / len(found) if found else None

    @property
    def efficiency(self) -> float | None:
        """Walk-forward efficiency: out-of-sample over in-sample Sharpe ratio."""
        inside, outside = self.in_sample_sharpe, self.sharpe
        return None if not inside or outside is None else outside / inside


def walk_forward(
    spec: GridSpec, joint: JointColumns, market: GridMarket, rule: WalkForwardRule
) -> WalkForward:
    """
    Choose and trade, fold by fold.

    Args:
        spec: What may be chosen.
        joint: The bars of both legs.
        market: What fills cost.
        rule: How the bars are cut.

    Raises:
        NotEnoughData: There are too few bars for one fold, or a formation window is shorter than
            the slowest cell needs.
    """
    found = []
    for fold in folds(len(joint), rule):
        choice = decide(spec, joint.slice(*fold.formation), market, min_trades=rule.min_trades)
        found.append(_tested(fold, choice, joint, market))
    return WalkForward(tuple(found))


def decide(
    spec: GridSpec, formation: JointColumns, market: GridMarket, *, min_trades: int
) -> Choice | None:
    """
    Choose the cell with the highest Sharpe ratio on *formation* bars; of equals the first.

    Nothing is chosen where even that one is not above zero. A fitted hedge is fitted on all of the
    bars. All cells are compared from the bar on at which the slowest can decide. Where the fitted
    hedge is not positive, cells that use it are left out.

    Raises:
        NotEnoughData: There are fewer bars than the slowest cell needs.
    """
    found, hedge = formation_grid(spec, formation, market)
    place = found.best(min_trades=min_trades) if found else None
    if found is None or place is None or found.sharpe[place] <= 0:
        return None
    cell = found.cells[place]
    if cell.hedge is HedgeMethod.FITTED:
        assert hedge is not None
        cell = evolve(cell, hedge=HedgeMethod.FIXED, beta=hedge.decimal, hedge_window=None)
    # Cells that were left out are those of some hedges; the others keep their order.
    number = place if len(found.cells) == len(spec.cells) else spec.cells.index(found.cells[place])
    return Choice(cell, float(found.sharpe[place]), number)


def formation_grid(
    spec: GridSpec, formation: JointColumns, market: GridMarket, *, keep_returns: bool = False
) -> tuple[GridResult | None, Hedge | None]:
    """
    Return the grid on *formation* bars, purged, and the hedge that is fitted on them.

    The grid is None where every cell needs a fitted hedge and it is not positive.

    Raises:
        NotEnoughData: There are fewer bars than the slowest cell needs.
    """
    needed = max(cell.window if _is_fitted(cell) else bars_needed(cell) for cell in spec.cells)
    if len(formation) < needed:
        raise NotEnoughData(
            f"the slowest cell needs {needed} bars before it can decide, and a formation window "
            f"has {len(formation)}",
            where=" / ".join(leg.instrument_id for leg in formation.legs),
            remedy="give it a longer formation window or shorter windows",
        )
    hedge = _fitted(formation) if any(map(_is_fitted, spec.cells)) else None
    cells = [cell for cell in spec.cells if hedge is not None or not _is_fitted(cell)]
    if not cells:
        return None, None
    found = run_cells(
        cells,
        formation,
        market,
        first=needed - 1,
        fitted=hedge,
        purge=True,
        keep_returns=keep_returns,
    )
    return found, hedge


def _is_fitted(cell: PairsConfig) -> bool:
    return cell.hedge is HedgeMethod.FITTED


def _fitted(formation: JointColumns) -> Hedge | None:
    logs: Sequence[list[float]] = [
        [log_price(ticks, leg.price_decimals) for ticks in leg.close.tolist()]
        for leg in formation.legs
    ]
    try:
        return fitted_hedge(list(zip(*logs, strict=True)))
    except RefusedError:
        return None


def bars_of_test(cell: PairsConfig, fold: Fold) -> tuple[int, int]:
    """
    Return the bars that a test of *cell* is run over: those that fill its windows come first.

    The strategy's first decision is then at the first bar of the test window.
    """
    start, stop = fold.test
    return start - bars_needed(cell) + 1, stop


def _tested(
    fold: Fold, choice: Choice | None, joint: JointColumns, market: GridMarket
) -> FoldResult:
    start, stop = fold.test
    if choice is None:
        return FoldResult(fold, None, np.ones(stop - start), 0)
    part = joint.slice(*bars_of_test(choice.cell, fold))
    warm = bars_needed(choice.cell) - 1
    found = run_cells([choice.cell], part, market, first=warm, keep_returns=True)
    assert found.returns is not None
    equity = np.cumprod(np.insert(found.returns[0] + 1.0, 0, 1.0))
    return FoldResult(fold, choice, equity, int(found.trades[0]))
