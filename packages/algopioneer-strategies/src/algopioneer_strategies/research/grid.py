"""
Grid search over one pair: every cell's trades, equity and Sharpe ratio, in compiled loops.

numpy does it alone. Cells do not walk over bars but from trade to trade, all of them together
(`grid_trades`; where the hedge moves, through tables of `grid_moving`), so 4 x 6 x 4 cells over
2 160 bars take a few milliseconds, and a just-in-time compiler would have to earn its 200 MB on
what is left. Cells are worked through in tiles, so memory does not grow with the grid.

The decisions are those of the strategy `pairs` in the event engine, bar for bar.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import NotEnoughData, RefusedError
from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.hedge import Hedge
from algopioneer_strategies.pair_models import constant_spreads, kalman_settings
from algopioneer_strategies.pairs_config import HedgeMethod, PairsConfig
from algopioneer_strategies.research.grid_equity import (
    CellEquity,
    PairPrices,
    sharpe_of,
)
from algopioneer_strategies.research.grid_moving import moving_trades
from algopioneer_strategies.research.grid_spec import GridMarket, GridSpec, bars_needed
from algopioneer_strategies.research.grid_trades import GridTrades, constant_trades

__all__ = ["GridResult", "cell_trades", "run_cells", "run_grid"]

_TILE_VALUES: Final = 1 << 20
"""Cells times bars that are walked at once."""
_BLOCK_VALUES: Final = 1 << 17
"""Cells times bars whose equity is made at once: a megabyte for each array."""
_CONSTANT: Final = (HedgeMethod.FIXED, HedgeMethod.FITTED)


@frozen(eq=False, kw_only=True)
class GridResult:
    """What came of each cell, in the order of the cells."""

    cells: tuple[PairsConfig, ...]
    sharpe: NDArray[np.float64]
    """Sharpe ratio per bar; NaN where it is undefined (no trade, or a ruin)."""
    growth: NDArray[np.float64]
    """Final over initial equity; NaN after a ruin."""
    trades: NDArray[np.intp]
    """Round trips, the one that the end closed included unless it was purged."""
    returns: NDArray[np.float64] | None
    """A row of returns for each cell, where they were asked for."""

    def best(self, *, min_trades: int = 1) -> int | None:
        """
        Return the number of the cell with the highest Sharpe ratio; of equals the first.

        Args:
            min_trades: Cells with fewer trades are left out.

        Returns:
            None where no cell has a Sharpe ratio and trades enough.
        """
        allowed = np.where(self.trades >= min_trades, self.sharpe, np.nan)
        return None if np.isnan(allowed).all() else int(np.nanargmax(allowed))


def run_grid(
    spec: GridSpec,
    joint: JointColumns,
    market: GridMarket,
    *,
    first: int = 0,
    fitted: Hedge | None = None,
    purge: bool = False,
    keep_returns: bool = False,
) -> GridResult:
    """
    Run every cell of *spec* over *joint* bars; see `run_cells`.

    Raises:
        NotEnoughData: There are fewer bars than the slowest cell needs to decide once.
        RefusedError: A fitted hedge ratio is not positive, or the spreads are too large.
    """
    if len(joint) < spec.bars_needed:
        raise NotEnoughData(
            f"the grid needs {spec.bars_needed} bars before all of its cells can decide, and there "
            f"are {len(joint)}",
            where=" / ".join(leg.instrument_id for leg in joint.legs),
            remedy="give it more bars or shorter windows",
        )
    return run_cells(
        spec.cells,
        joint,
        market,
        first=first,
        fitted=fitted,
        purge=purge,
        keep_returns=keep_returns,
    )


def run_cells(
    cells: Sequence[PairsConfig],
    joint: JointColumns,
    market: GridMarket,
    *,
    first: int = 0,
    fitted: Hedge | None = None,
    purge: bool = False,
    keep_returns: bool = False,
) -> GridResult:
    """
    Run configurations over *joint* bars of two legs.

    Args:
        cells: Configurations as `GridSpec.cells` has them.
        joint: The bars.
        market: Costs and fill.
        first: No entry is decided, and no return is counted, before this bar.
        fitted: What cells with a fitted hedge use instead of fitting their own.
        purge: Leave out a trade that is open at the end, for its outcome is not known.
        keep_returns: Whether to keep every return of every cell.

    Raises:
        RefusedError: A fitted hedge ratio is not positive, or the spreads are too large.
    """
    found = _Figures(PairPrices.of(joint, market.fill), market, first, keep_returns=keep_returns)
    parts: list[GridResult] = []
    for tile in _tiles(cells, len(joint)):
        trades = cell_trades(tile, joint, first=first, fitted=fitted)
        if purge:
            trades = trades.where(trades.out < len(joint))
        parts.append(found.of(tile, trades))
    return _joined(parts)


class _Figures:
    """Makes the figures of a tile's cells, a block that fits into the cache at a time."""

    def __init__(
        self, prices: PairPrices, market: GridMarket, first: int, *, keep_returns: bool
    ) -> None:
        self._first, self._keep = first, keep_returns
        self._block = max(1, _BLOCK_VALUES // max(len(prices.close_a), 1))
        self._equity = CellEquity(prices, market, self._block)

    def of(self, tile: Sequence[PairsConfig], trades: GridTrades) -> GridResult:
        count = len(tile)
        sharpe, growth = np.empty(count), np.empty(count)
        kept: list[NDArray[np.float64]] = []
        for start in range(0, count, self._block):
            part = slice(start, min(start + self._block, count))
            equity = self._equity.of(trades.between(part.start, part.stop), part.stop - part.start)
            returns = self._equity.returns(equity[:, self._first :])
            sharpe[part], growth[part] = sharpe_of(returns), equity[:, -1]
            if self._keep:
                kept.append(returns.copy())
        return GridResult(
            cells=tuple(tile),
            sharpe=sharpe,
            growth=growth,
            trades=np.bincount(trades.cell, minlength=count),
            returns=np.concatenate(kept) if kept else None,
        )


def _tiles(cells: Sequence[PairsConfig], bars: int) -> Iterator[Sequence[PairsConfig]]:
    size = max(1, _TILE_VALUES // max(bars, 1))
    for start in range(0, len(cells), size):
        yield cells[start : start + size]


def _joined(parts: Sequence[GridResult]) -> GridResult:
    if len(parts) == 1:
        return parts[0]
    rows = [part.returns for part in parts if part.returns is not None]
    return GridResult(
        cells=tuple(cell for part in parts for cell in part.cells),
        sharpe=np.concatenate([part.sharpe for part in parts]),
        growth=np.concatenate([part.growth for part in parts]),
        trades=np.concatenate([part.trades for part in parts]),
        returns=np.concatenate(rows) if rows else None,
    )


def cell_trades(
    cells: Sequence[PairsConfig],
    joint: JointColumns,
    *,
    first: int = 0,
    fitted: Hedge | None = None,
) -> GridTrades:
    """Return the trades of *cells*, as `run_cells` has them."""
    parts: list[GridTrades] = []
    done = 0
    for _, alike in groupby(cells, key=_series):
        group = list(alike)
        found = _group_trades(group, joint, first, fitted)
        parts.append(evolve(found, cell=found.cell + done))
        done += len(group)
    return GridTrades(
        cell=np.concatenate([part.cell for part in parts]),
        signal=np.concatenate([part.signal for part in parts]),
        side=np.concatenate([part.side for part in parts]),
        out=np.concatenate([part.out for part in parts]),
    )


def _series(cell: PairsConfig) -> tuple[object, ...]:
    """Return what cells with one series of hedges have in common."""
    match cell.hedge:
        case HedgeMethod.FIXED:
            return (cell.hedge, cell.beta)
        case HedgeMethod.FITTED:
            return (cell.hedge, cell.hedge_window or cell.window)
        case HedgeMethod.OLS:
            return (cell.hedge,)
        case HedgeMethod.KALMAN:
            return (cell.hedge, kalman_settings(cell))


def _group_trades(
    cells: Sequence[PairsConfig], joint: JointColumns, first: int, fitted: Hedge | None
) -> GridTrades:
    starts = [max(first, bars_needed(cell) - 1) for cell in cells]
    leader = cells[0]
    if leader.hedge not in _CONSTANT:
        return moving_trades(cells, joint, starts)
    if leader.hedge is HedgeMethod.FITTED and fitted is not None:
        leader = evolve(leader, hedge=HedgeMethod.FIXED, beta=fitted.decimal)
        starts = [max(first, cell.window - 1) for cell in cells]
    found = constant_spreads(leader, *joint.legs[:2])
    if found is None:
        raise RefusedError(
            "spreads are too large for the arithmetic of a grid",
            where=" / ".join(leg.instrument_id for leg in joint.legs),
            remedy="use prices of a usual size",
        )
    return constant_trades(cells, found[0], starts)
