"""
When each cell of a grid trades: all cells walk from entry to exit to entry at once.

Where the hedge is constant, z does not depend on the position. So for every bar it can be said
beforehand which bar enters next at a level, and where an entry there would be left; what is left is
to follow these tables, one step for a whole column of cells. Levels are decided exactly, as bar by
bar (`pair_signals.Scores`).
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Self

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import RefusedError
from algopioneer_strategies.pair_signals import Scores
from algopioneer_strategies.pairs_config import PairsConfig
from algopioneer_strategies.zscore import Level, compare

__all__ = ["WAIT", "GridTrades", "constant_trades", "follow", "next_flag"]

WAIT: Final = 1
"""Bars from a decision to its fill."""
_STEPS: Final = 16
"""Steps between two looks at whether all cells have come to the end."""
_Places = NDArray[np.intp]
_Row = tuple[int, Decimal]
"""A window, and a level."""


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
    scores = _scores(units, {cell.window for cell in cells})
    starts = dict(zip((cell.window for cell in cells), first, strict=True))
    entries = _rows([(cell.window, cell.z_entry) for cell in cells])
    exits = _rows([(cell.window, cell.z_exit) for cell in cells])
    enters = _enters(_Table(scores, entries), starts)
    leaves, sides = _leaves(_Table(scores, exits))
    entry_rows = np.array([entries[cell.window, cell.z_entry] for cell in cells])
    exit_rows = np.array([exits[cell.window, cell.z_exit] for cell in cells])
    return follow(enters, leaves, sides, entry_rows, exit_rows)


def follow(
    enters: _Places,
    leaves: _Places,
    sides: NDArray[np.float64],
    entry_rows: _Places,
    exit_rows: _Places,
) -> GridTrades:
    """
    Return the trades of cells, each of which follows a row of two tables.

    Args:
        enters: For each bar and the end, the next bar that enters; a row for a window and level.
        leaves: For each of these, the bar in which an entry there is left; the end where none is.
        sides: Of an entry at each bar, 1 or -1; a row for each of *leaves*.
        entry_rows: Of each cell.
        exit_rows: Of each cell.
    """
    bars = sides.shape[1]
    signals, outs = _followed(enters, leaves, entry_rows, exit_rows, bars)
    made = (signals < bars).T
    cell, _ = np.nonzero(made)
    signal, out = signals.T[made], outs.T[made]
    return GridTrades(cell=cell, signal=signal, side=sides[exit_rows[cell], signal], out=out)


def _followed(
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


def _scores(units: NDArray[np.int64], windows: Iterable[int]) -> dict[int, Scores]:
    found = {}
    for window in windows:
        if not Scores.fits(units, window):
            raise RefusedError(
                "spreads are too large for the arithmetic of a grid",
                where=f"window {window}",
                remedy="use prices of a usual size, or a shorter window",
            )
        found[window] = Scores(units, window, window - 1)
    return found


def _rows(wanted: Sequence[_Row]) -> dict[_Row, int]:
    """Return the number of each different row; cells share many."""
    return {row: number for number, row in enumerate(dict.fromkeys(wanted))}


class _Table:
    """z at each bar (column) for windows and levels (rows), and its exact place to the level."""

    def __init__(self, scores: Mapping[int, Scores], rows: Mapping[_Row, int]) -> None:
        self._scores = [scores[window] for window, _ in rows]
        self.windows = [window for window, _ in rows]
        self._levels = [Level(value) for _, value in rows]
        self.z = np.array([each.z for each in self._scores])
        self._values = np.array([[level.approximate] for level in self._levels])
        self._guard = max(each.guard for each in self._scores)

    def above(self) -> NDArray[np.bool_]:
        """Return where the size of z is above its row's level."""
        return self._beyond(np.abs(self.z), None, 1)

    def below(self, sign: int) -> NDArray[np.bool_]:
        """Return where z times *sign*, 1 or -1, is below its row's level."""
        return self._beyond(sign * self.z, sign, -1)

    def _beyond(
        self, turned: NDArray[np.float64], sign: int | None, side: int
    ) -> NDArray[np.bool_]:
        """Return where *turned*, which is overwritten, is on a side of the level; exactly."""
        distance = np.subtract(turned, self._values, out=turned)
        beyond: NDArray[np.bool_] = distance > 0 if side > 0 else distance < 0
        near = np.abs(distance, out=distance) < self._guard
        if near.any():  # seldom, and looking where takes ten times as long
            for row, bar in np.argwhere(near).tolist():
                beyond[row, bar] = self._exact_side(row, bar, sign) == side
        return beyond

    def _exact_side(self, row: int, bar: int, sign: int | None) -> int:
        deviation, variance = self._scores[row].exact(bar)
        exact = abs(deviation) if sign is None else sign * deviation
        level = self._levels[row]
        return compare(exact, variance, level.numerator, level.denominator)


def _enters(table: _Table, starts: Mapping[int, int]) -> _Places:
    """Return for each bar the next that enters: |z| is above the level."""
    beyond = table.above()
    for row, window in enumerate(table.windows):
        beyond[row, : starts[window]] = False
    beyond[:, beyond.shape[1] - WAIT :] = False  # what is ordered there is never filled
    return next_flag(beyond)


def _leaves(table: _Table) -> tuple[_Places, NDArray[np.float64]]:
    """Return the bar in which the exit of an entry at each bar is filled, and the entry's side."""
    bars = table.z.shape[1]
    long = table.z < 0  # who enters below the mean, buys the spread
    # A short spread leaves where z < exit, a long one where z > -exit: where -z < exit.
    leaves_short, leaves_long = (next_flag(table.below(sign)) for sign in (1, -1))
    # An entry is filled in the bar after its signal, and may be left from there on.
    decided = np.where(long, leaves_long[:, WAIT:], leaves_short[:, WAIT:])
    out = np.full((len(long), bars + 1), bars)
    np.minimum(decided + WAIT, bars, out=out[:, :-1])
    return out, np.where(long, 1.0, -1.0)


def next_flag(flags: NDArray[np.bool_]) -> _Places:
    """Return for each bar, and for the end, the first from it on with a flag; else the end."""
    rows, bars = flags.shape
    found = np.full((rows, bars + 1), bars)
    np.copyto(found[:, :-1], np.arange(bars), where=flags)
    backwards = found[:, ::-1]
    return np.minimum.accumulate(backwards, axis=1, out=backwards)[:, ::-1]
