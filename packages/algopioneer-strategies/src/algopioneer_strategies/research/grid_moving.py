"""
When cells of a grid trade whose hedge moves from bar to bar.

Entries look at z at each bar's own hedge. Exits look at z at the hedge that was frozen at the
entry: for every bar that may enter, the bars behind it are looked at, a stretch of all of them at
once, until one leaves. Then both are tables, and cells walk through them as those of a constant
hedge do. Floats answer where they are sure; near a level the integers of that one window decide,
exactly as in the strategy.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from algopioneer_core.history.joined import JointColumns
from algopioneer_strategies.pairs_config import PairsConfig
from algopioneer_strategies.research.grid_trades import WAIT, GridTrades, follow, next_flag
from algopioneer_strategies.research.moving_models import (
    Floats,
    Frozen,
    MovingModel,
    MovingModels,
    Take,
)
from algopioneer_strategies.zscore import Level, compare

__all__ = ["moving_trades"]

_STRETCH: Final = 32
"""Bars looked at first for an exit; each next stretch is twice as long."""
_BLOCK_VALUES: Final = 1 << 16
"""Entries times bars that are looked at once: half a megabyte for each array."""
_Places = NDArray[np.intp]
_Entry = tuple[MovingModel, int, Decimal]
"""What a row of the entries' table is of: spreads, first decision, level."""
_Exit = tuple[MovingModel, Decimal]


def moving_trades(
    cells: Sequence[PairsConfig], joint: JointColumns, first: Sequence[int]
) -> GridTrades:
    """
    Return the trades of cells whose hedge moves: by rolling least squares, or a Kalman filter.

    Args:
        cells: Configurations.
        joint: The bars.
        first: For each cell the bar of its first decision.
    """
    models, walks = MovingModels(joint), dict[MovingModel, _Walk]()
    entries, exits = dict[_Entry, int](), dict[_Exit, int]()
    entry_rows, exit_rows = [], []
    for cell, start in zip(cells, first, strict=True):
        model = models.of(cell)
        walk = walks.setdefault(model, _Walk(model, len(joint)))
        walk.will_enter_at(cell.z_entry)
        entry_rows.append(entries.setdefault((model, start, cell.z_entry), len(entries)))
        exit_rows.append(exits.setdefault((model, cell.z_exit), len(exits)))
    leaves = dict[_Exit, _Places]()
    for model, walk in walks.items():
        levels = [level for other, level in exits if other is model]
        leaves |= zip(((model, level) for level in levels), walk.leaves(levels), strict=True)
    return follow(
        np.array([walks[model].enters(start, level) for model, start, level in entries]),
        np.array([leaves[each] for each in exits]),
        np.array([walks[model].sides for model, _ in exits]),
        np.array(entry_rows),
        np.array(exit_rows),
    )


class _Walk:
    """Where cells that share a model may enter, and where an entry at each bar is left."""

    def __init__(self, model: MovingModel, bars: int) -> None:
        self._model, self._bars = model, bars
        self._reading = model.entries()
        self._entries: dict[Decimal, NDArray[np.bool_]] = {}
        self.sides = np.zeros(bars)
        """1 where a long spread is entered, -1 where a short one is, at any of the levels."""

    def will_enter_at(self, value: Decimal) -> None:
        """Find the bars beyond a level; what is ordered in the last one is never filled."""
        if value in self._entries:
            return
        level = Level(value)
        long = self._reading.side(level.mirrored) < 0
        short = self._reading.side(level) > 0
        beyond = long | short
        beyond[self._bars - WAIT :] = False
        self._entries[value] = beyond
        self.sides[beyond] = np.where(long[beyond], 1.0, -1.0)

    def enters(self, start: int, value: Decimal) -> _Places:
        """Return for each bar the next that enters at a level, none before *start*."""
        flags = self._entries[value] & (self.sides != 0)
        flags[:start] = False
        row: _Places = next_flag(flags[None])[0]
        return row

    def leaves(self, values: Sequence[Decimal]) -> Iterator[_Places]:
        """Yield for each exit level the bar in which an entry at each bar is left."""
        hedges = self._model.frozen(np.flatnonzero(self.sides))
        balanced = hedges.ratios > 0  # else both legs would be on one side
        self.sides[hedges.bars[~balanced]] = 0.0
        hedges = hedges.where(balanced)
        levels = [Level(value) for value in values]
        size = max(1, _BLOCK_VALUES // _STRETCH)
        blocks = [slice(start, start + size) for start in range(0, len(hedges.bars), size)]
        decided = [self._exits(hedges.where(block), levels) for block in blocks]
        for row in np.concatenate(decided, axis=1) if decided else np.empty((len(levels), 0)):
            out = np.full(self._bars + 1, self._bars)
            out[hedges.bars] = np.minimum(row + WAIT, self._bars)
            yield out

    def _exits(self, hedges: Frozen, levels: Sequence[Level]) -> _Places:
        """Return the first bar that leaves, a row for a level and a column for an entry."""
        found = np.full((len(levels), len(hedges.bars)), self._bars)
        left = np.arange(len(hedges.bars))
        behind, length = WAIT, _STRETCH
        while len(left):
            looked = _Stretch(self._model, hedges.where(left), self.sides, behind, length)
            for row, level in zip(found, levels, strict=True):
                row[left] = np.minimum(row[left], looked.first_below(level))
            behind += length
            length *= 2
            is_open = (found[:, left] == self._bars).any(axis=0)
            left = left[is_open & (hedges.bars[left] + behind < self._bars)]
        return found


class _Stretch:
    """Bars behind each of some entries, all at once: z turned so that what leaves is below."""

    def __init__(
        self, model: MovingModel, hedges: Frozen, sides: Floats, behind: int, length: int
    ) -> None:
        self._model, self._hedges, self._bars = model, hedges, len(sides)
        self._starts = np.minimum(hedges.bars + behind, self._bars)
        take = _rows(self._starts, length)
        z, self._doubt = model.at(hedges, take)
        # A short spread leaves where z < exit, a long one where z > -exit: where -z < exit.
        self._turns = -sides[hedges.bars]
        self._z = z * self._turns[:, None]
        beyond = self._starts[:, None] + np.arange(length) >= self._bars
        self._z[beyond], self._doubt[beyond] = np.nan, 0.0

    def first_below(self, level: Level) -> _Places:
        """Return for each entry the first bar that leaves at *level*; the end where none does."""
        distance = self._z - level.approximate
        below = distance < 0
        near = np.abs(distance, out=distance) <= self._doubt
        if near.any():  # seldom, and looking where takes longer
            for row, place in np.argwhere(near).tolist():
                below[row, place] = self._is_below(row, place, level)
        first = self._starts + below.argmax(axis=1)
        return np.where(below.any(axis=1), first, self._bars)

    def _is_below(self, row: int, place: int, level: Level) -> bool:
        hedge = self._hedges.ratios.item(row), self._hedges.alphas.item(row)
        found = self._model.exact(hedge, self._starts.item(row) + place)
        if found is None:
            return False
        deviation, variance = found
        turned = deviation if self._turns[row] > 0 else -deviation
        return compare(turned, variance, level.numerator, level.denominator) < 0


def _rows(starts: _Places, length: int) -> Take:
    """Return what takes *length* bars of a column from each of *starts* on; NaN behind its end."""
    ends = np.full(length, np.nan)

    def take(column: Floats) -> Floats:
        rows: Floats = sliding_window_view(np.concatenate((column, ends)), length)[starts]
        return rows

    return take
