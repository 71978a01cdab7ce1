"""
When each cell of a grid trades: all cells walk from entry to exit to entry at once.

Where the hedge is constant, z does not depend on the position. So for every bar it can be said
beforehand which bar enters next at a level, and where an entry there would be left; what is left is
to follow these tables, one step for a whole column of cells. Levels are decided exactly, as bar by
bar (`pair_signals.Scores`).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Self

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import RefusedError
from algopioneer_strategies.pair_signals import Scores
from algopioneer_strategies.pairs_config import PairsConfig
from algopioneer_strategies.zscore import Level

__all__ = ["WAIT", "GridTrades", "constant_trades"]

WAIT: Final = 1
"""Bars from a decision to its fill."""
_STEPS: Final = 16
"""Steps between two looks at whether all cells have come to the end."""
_Places = NDArray[np.intp]


@frozen(eq=False, kw_only=True)
class GridTrades:
    """The trades of several cells, by cell and then by time."""

    cell: _Places
    """Number of the cell."""
    signal: _Places
    """Bar that decided to enter; it is filled `WAIT` bars later."""
    side: NDArray[np.float64]
    """1 for a long spread (a bought, b sold), -1 for a short one."""
    out: _Places
    """Bar in which the exit is filled; the number of bars where none was."""

    def __len__(self) -> int:
        return len(self.cell)

    def of(self, cell: int) -> Self:
        """Return the trades of one cell."""
        return self.where(self.cell == cell)

    def between(self, start: int, stop: int) -> Self:
        """Return the trades of the cells [start, stop), which then count from 0."""
        first, end = np.searchsorted(self.cell, (start, stop)).tolist()
        part = self.where(slice(first, end))
        return evolve(part, cell=part.cell - start)

    def where(self, chosen: NDArray[np.bool_] | slice) -> Self:
        """Return some of the trades."""
        return type(self)(
            cell=self.cell[chosen],
            signal=self.signal[chosen],
            side=self.side[chosen],
            out=self.out[chosen],
        )


def constant_trades(
    cells: Sequence[PairsConfig], units: NDArray[np.int64], first: Sequence[int]
) -> GridTrades:
    """
    Return the trades of cells that share one constant hedge.

    Args:
        cells: Configurations.
        units: The spreads at that hedge, in units of 2**-40.
        first: For each cell the bar of its first decision; one for all cells of a window.

    Raises:
        RefusedError: The spreads are too large for the arithmetic.
    """
    tables = _Tables(units)
    for window, start in {cell.window: at for cell, at in zip(cells, first, strict=True)}.items():
        of_window = [cell for cell in cells if cell.window == window]
        tables.add(of_window, window, start)
    entry_rows = np.array([tables.entries[cell.window, cell.z_entry] for cell in cells])
    exit_rows = np.array([tables.exits[cell.window, cell.z_exit] for cell in cells])
    bars, leaves = len(units), np.concatenate(tables.leaves)
    signals, outs = _follow(np.concatenate(tables.enters), leaves, entry_rows, exit_rows, bars)
    made = (signals < bars).T
    cell, _ = np.nonzero(made)
    signal, out = signals.T[made], outs.T[made]
    side = np.concatenate(tables.sides)[exit_rows[cell], signal]
    return GridTrades(cell=cell, signal=signal, side=side, out=out)


def _follow(
    enters: _Places, leaves: _Places, entry_rows: _Places, exit_rows: _Places, bars: int
) -> tuple[_Places, _Places]:
    """Return the signals and exits of each step, a row for a step and a column for a cell."""
    width = enters.shape[1]
    entry_at, exit_at = entry_rows * width, exit_rows * width
    enter, leave = enters.ravel().take, leaves.ravel().take
    signals, outs = [], []
    out = np.zeros(len(entry_rows), np.intp)
    while int(out.min()) < bars:
        for _ in range(_STEPS):  # a cell that has come to the end stays there
            signal = enter(entry_at + out, mode="clip")  # never out of range: spares a check
            out = leave(exit_at + signal, mode="clip")
            signals.append(signal)
            outs.append(out)
    return np.array(signals), np.array(outs)


class _Tables:
    """From each bar to the next entry and to the exit of an entry there; rows shared by cells."""

    def __init__(self, units: NDArray[np.int64]) -> None:
        self._units = units
        self._bars = len(units)
        self.entries: dict[tuple[int, Decimal], int] = {}
        """Row of `enters` by window and level."""
        self.exits: dict[tuple[int, Decimal], int] = {}
        """Row of `leaves` and `sides` by window and level."""
        self.enters: list[_Places] = []
        """The next bar from each on that enters; stacked blocks of rows."""
        self.leaves: list[_Places] = []
        """The bar in which the exit of an entry at each bar is filled."""
        self.sides: list[NDArray[np.float64]] = []
        """The side of an entry at each bar."""

    def add(self, cells: Sequence[PairsConfig], window: int, first: int) -> None:
        """Add the rows of *cells* of a window, which decide no entry before the bar *first*."""
        if not Scores.fits(self._units, window):
            raise RefusedError(
                "spreads are too large for the arithmetic of a grid",
                where=f"window {window}",
                remedy="use prices of a usual size, or a shorter window",
            )
        scores = Scores(self._units, window, window - 1)
        for rows, values in (
            (self.entries, dict.fromkeys(cell.z_entry for cell in cells)),
            (self.exits, dict.fromkeys(cell.z_exit for cell in cells)),
        ):
            rows |= {(window, value): len(rows) + at for at, value in enumerate(values)}
        self._add_entries(scores, [Level(v) for w, v in self.entries if w == window], first)
        self._add_exits(scores, [Level(v) for w, v in self.exits if w == window])

    def _add_entries(self, scores: Scores, levels: Sequence[Level], first: int) -> None:
        beyond = (scores.sides(levels) > 0) | (scores.sides(_mirrored(levels)) < 0)
        beyond[:, :first] = False
        beyond[:, self._bars - WAIT :] = False  # what is ordered there is never filled
        self.enters.append(_next(beyond))

    def _add_exits(self, scores: Scores, levels: Sequence[Level]) -> None:
        long = scores.z < 0  # who enters below the mean, buys the spread
        leaves_long = _next(scores.sides(_mirrored(levels)) > 0)
        leaves_short = _next(scores.sides(levels) < 0)
        # An entry is filled in the bar after its signal, and may be left from there on.
        decided = np.where(long, leaves_long[:, WAIT:], leaves_short[:, WAIT:])
        out = np.full((len(levels), self._bars + 1), self._bars)
        np.minimum(decided + WAIT, self._bars, out=out[:, :-1])
        self.leaves.append(out)
        self.sides.append(np.broadcast_to(np.where(long, 1.0, -1.0), decided.shape))


def _mirrored(levels: Sequence[Level]) -> list[Level]:
    return [level.mirrored for level in levels]


def _next(flags: NDArray[np.bool_]) -> _Places:
    """Return for each bar, and for the end, the first from it on with a flag; else the end."""
    rows, bars = flags.shape
    found = np.full((rows, bars + 1), bars)
    np.copyto(found[:, :-1], np.arange(bars), where=flags)
    backwards = found[:, ::-1]
    return np.minimum.accumulate(backwards, axis=1, out=backwards)[:, ::-1]
