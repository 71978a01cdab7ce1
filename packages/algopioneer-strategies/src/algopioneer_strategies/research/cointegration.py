"""
Engle-Granger over many pairs at once, in both directions.

One leg is regressed on a constant and the other; the residual is tested for a unit root (Engle and
Granger, Econometrica 55 (1987) 251-276; lags and sample of the test are statsmodels', and so are
its numbers to 1e-8). Products of lagged series serve all pairs (`lagged_products`), which come to
the regressions in tiles, so memory does not grow with the universe; and a tile can be done by
whoever has the time (`tiles`).

Where the legs nearly explain each other, products cancel and digits are lost. Such pairs are found
by how much cancelled, and worked out again from their residual by orthogonal rotations (QR). Legs
that explain each other wholly are collinear and are not tested: no noise is left to judge by.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from algopioneer_strategies.research.blas import one_blas_thread
from algopioneer_strategies.research.critical_values import p_values
from algopioneer_strategies.research.lag_choice import LagCriterion, LagRule, choose_lags
from algopioneer_strategies.research.lagged_products import (
    LEVEL,
    BlockProducts,
    Levels,
    own_products,
)
from algopioneer_strategies.research.regressions import (
    SMALL_PIVOT,
    explained,
    factorise,
    t_statistics,
)
from algopioneer_strategies.research.tiles import LocalTiles, TileRunner
from algopioneer_strategies.research.unit_roots import unit_root

__all__ = ["PairTests", "Watch", "all_pairs", "engle_granger", "untested"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Watch = Callable[[int, int], None]
"""Told how many of how many pairs are tested."""

COLLINEAR: Final = 100.0 * float(np.sqrt(np.finfo(np.float64).eps))
"""Share of a leg's variation left by the other, below which nothing is left to test."""
_CANCELLED: Final = 1e-4
"""Share left of a sum of squares, below which the fast way has lost digits that matter."""
_TILE: Final = (64, 512)
"""First and second legs of a tile: long rows for numpy, and tiles enough for many processors."""
_BATCH: Final = 1024
"""Pairs that are factorised together: enough for numpy, few enough for the cache."""


@frozen(eq=False)
class PairTests:
    """
    Tests of pairs (a, b), a line for a on b and one for b on a, a column for each pair.

    Collinear pairs have NaN for a statistic.
    """

    pairs: Places
    """Two columns: which series are a and b."""
    hedge_ratios: Floats
    """Slope of the regression: units of log price of the one for one of the other."""
    statistics: Floats
    lags: NDArray[np.int16]
    """Lagged differences in the test of the residual."""
    tied: NDArray[np.bool_]
    """Whether another number of lags was as good within 1e-9, so that rounding chose."""
    collinear: NDArray[np.bool_]
    """For each pair, whether it was refused."""
    done: NDArray[np.bool_]
    """For each pair, whether it was looked at."""

    def put(self, places: Places, part: "PairTests") -> None:
        """Fill in the tests *part* of the pairs at *places*."""
        for name in ("hedge_ratios", "statistics", "lags", "tied", "collinear", "done"):
            getattr(self, name)[..., places] = getattr(part, name)

    @functools.cached_property
    def p_values(self) -> Floats:
        """MacKinnon's p-value of each statistic; NaN where there is none."""
        return p_values(self.statistics, series=2)


def all_pairs(symbols: int) -> Places:
    """Return every pair (a, b) of the places 0 … symbols - 1 with a < b, in order."""
    return np.column_stack(np.triu_indices(symbols, 1))


def engle_granger(
    log_prices: Floats,
    pairs: Places,
    rule: LagRule,
    *,
    watch: Watch | None = None,
    tiles: TileRunner | None = None,
    into: PairTests | None = None,
) -> PairTests:
    """
    Test *pairs* of series for cointegration.

    Args:
        log_prices: A line for each series, none constant, none with a NaN.
        pairs: Two columns of places in *log_prices*, the first smaller.
        rule: Lags of the residual's test.
        watch: Told of pairs as they are done, by this thread.
        tiles: Who does the work; None is all processors of this machine. It changes no bit.
        into: Where tests are put, those of *pairs*; what is done in it is not done again. However
            this ends, it holds whole tiles.

    Raises:
        NotEnoughData: There are too few closes for that many lags.
    """
    work = _TileTest.of(log_prices, rule)
    found = untested(pairs) if into is None else into
    done = int(found.done.sum())
    places = _tiles(pairs, np.flatnonzero(~found.done))
    runner = LocalTiles() if tiles is None else tiles
    with closing(runner.run(work, (pairs[tile] for tile in places))) as results:
        for tile, tests in zip(places, results, strict=True):
            found.put(tile, tests)
            done += len(tile)
            if watch:
                watch(done, len(pairs))
    return found


def untested(pairs: Places) -> PairTests:
    """Return the tests of *pairs* before any is done."""
    shape = (2, len(pairs))
    return PairTests(
        pairs=pairs,
        hedge_ratios=np.full(shape, np.nan),
        statistics=np.full(shape, np.nan),
        lags=np.zeros(shape, np.int16),
        tied=np.zeros(shape, np.bool_),
        collinear=np.zeros(len(pairs), np.bool_),
        done=np.zeros(len(pairs), np.bool_),
    )


def _tiles(pairs: Places, todo: Places) -> list[Places]:
    """Return the places *todo* by tile; inside, pairs of one first leg are together."""
    legs = pairs[todo]
    blocks = legs // _TILE
    order = np.lexsort((legs[:, 1], legs[:, 0], blocks[:, 1], blocks[:, 0]))
    changes = np.flatnonzero(np.any(np.diff(blocks[order], axis=0), axis=1)) + 1
    return np.split(todo[order], changes) if len(order) else []


@frozen(eq=False)
class _TileTest:
    """Tests the pairs of a tile; what all tiles need, and nothing that one of them changes."""

    levels: Levels
    own: Floats
    """Products of each series' columns with each other."""
    rule: LagRule

    @classmethod
    def of(cls, log_prices: Floats, rule: LagRule) -> "_TileTest":
        levels = Levels(log_prices, rule.most(log_prices.shape[1]))
        with one_blas_thread():
            return cls(levels, own_products(levels, np.arange(len(log_prices))), rule)

    def __call__(self, pairs: Places) -> PairTests:
        """Return the tests of *pairs*, those of one first leg together."""
        tile, found = _Tile(self.levels, self.own, pairs), untested(pairs)
        for batch in tile.batches():
            _test_batch(tile, self.rule, found, batch)
        return found


class _Tile:
    """Pairs of one block of series with another, and the products of both."""

    def __init__(self, levels: Levels, own: Floats, pairs: Places) -> None:
        self.levels = levels
        left, right = np.unique(pairs[:, 0]), np.unique(pairs[:, 1])
        self.both = BlockProducts(levels, left, right)
        self.own_left, self.own_right = (own.take(side, axis=2) for side in (left, right))
        self.squares = levels.squares[left], levels.squares[right]
        self.places = np.searchsorted(left, pairs[:, 0]), np.searchsorted(right, pairs[:, 1])

    def batches(self) -> Iterator[slice]:
        count = len(self.places[0])
        return (slice(at, min(at + _BATCH, count)) for at in range(0, count, _BATCH))

    def runs(self, batch: slice) -> Iterator[tuple[slice, int, slice | list[int]]]:
        """Return where in the batch one first leg's pairs stand, that leg, and the others."""
        ones, others = (places[batch] for places in self.places)
        bounds = [0, *(np.flatnonzero(np.diff(ones)) + 1), len(ones)]
        for start, stop in itertools.pairwise(bounds):
            some = others[start:stop]
            first, last = int(some[0]), int(some[-1])
            is_run = last - first == stop - start - 1
            which = slice(first, last + 1) if is_run else some.tolist()
            yield slice(start, stop), int(ones[start]), which


def _test_batch(work: _Tile, rule: LagRule, found: PairTests, batch: slice) -> None:
    """Fill in a batch of a tile's pairs."""
    at = np.arange(batch.start, batch.stop)
    ones, others = (places[batch] for places in work.places)
    squares = np.stack([work.squares[1][others], work.squares[0][ones]])
    ratios = work.both.whole[ones, others] / squares
    left_over = 1.0 - ratios[0] * ratios[1]
    products, cancelled = _residual_products(work, batch, ratios)
    found.hedge_ratios[:, at] = ratios
    found.collinear[at] = left_over <= COLLINEAR
    lost = (left_over < _CANCELLED) | cancelled
    lost |= _test_quickly(work.levels, rule, products, at, found)
    for place in at[lost & ~found.collinear[at]]:
        _test_exactly(work.levels, rule, int(place), found)
    found.statistics[:, at[found.collinear[at]]] = np.nan
    found.done[at] = True


def _residual_products(
    work: _Tile, batch: slice, ratios: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return columns by columns by direction by pair, and where differences cancelled."""
    columns = work.levels.lags + 2
    products = np.empty((columns, columns, 2, ratios.shape[1]))
    cancelled = np.empty(ratios.shape[1], np.bool_)
    buffer = np.empty((columns, columns, work.own_right.shape[2]))
    for run, one, others in work.runs(batch):
        both = work.both.of_one(one, others, buffer)
        left, right = work.own_left[:, :, one : one + 1], work.own_right[:, :, others]
        for row in range(columns):
            upto = slice(row + 1)
            out, cross = products[row, upto, :, run], both[row, upto]
            _combine(out[:, 0], left[row, upto], right[row, upto], cross, ratios[0, run])
            _combine(out[:, 1], right[row, upto], left[row, upto], cross, ratios[1, run])
        changes = products[-1, -1, :, run]
        cancelled[run] = changes[0] < _CANCELLED * left[-1, -1]
        cancelled[run] |= changes[1] < _CANCELLED * right[-1, -1]
    return products, cancelled


def _combine(out: Floats, own: Floats, other: Floats, both: Floats, slope: Floats) -> None:
    """Write own - slope both + slope**2 other."""
    np.multiply(other, slope, out=out)
    out -= both
    out *= slope
    out += own


def _test_quickly(
    levels: Levels, rule: LagRule, products: Floats, at: Places, found: PairTests
) -> NDArray[np.bool_]:
    """Fill in a batch; return which of its pairs the fast way could not do."""
    columns, count = len(products), len(at)
    flat = products.reshape(columns, columns, -1)
    lags, tied = np.full(2 * count, levels.lags), np.zeros(2 * count, np.bool_)
    if rule.criterion is not LagCriterion.FIXED:
        squares = explained(factorise(flat.copy()))
        lags, tied = choose_lags(squares, levels.rows, rule.criterion)
    heads = _heads(levels, found.pairs[at], found.hedge_ratios[:, at])
    statistics = np.empty(2 * count)
    for chosen in np.unique(lags):
        some = np.flatnonzero(lags == chosen)
        statistics[some] = _final(levels, flat, heads, int(chosen), some)
    found.statistics[:, at] = statistics.reshape(2, count)
    found.lags[:, at] = lags.reshape(2, count)
    found.tied[:, at] = tied.reshape(2, count)
    return np.asarray(~np.isfinite(found.statistics[:, at]).all(axis=0))


def _heads(levels: Levels, pairs: Places, ratios: Floats) -> Floats:
    """Return the first residuals, of which a regression with fewer lags makes rows too."""
    first = levels.values[:, : levels.lags + 1].T
    one, other = first[:, pairs[:, 0]], first[:, pairs[:, 1]]
    return np.concatenate([one - ratios[0] * other, other - ratios[1] * one], axis=1)


def _final(levels: Levels, products: Floats, heads: Floats, lags: int, some: Places) -> Floats:
    """Return the t statistics of the regressions on *lags* lags over all rows they can have."""
    chosen = _level_last(products, lags, some)
    extra = levels.lags - lags
    if extra:
        rows = _head_rows(heads[:, some], lags)
        chosen += np.einsum("art,brt->abt", rows, rows)
    whole = np.einsum("aat->at", chosen).copy()
    factors = factorise(chosen)
    with np.errstate(invalid="ignore"):
        is_sound = (np.einsum("aat->at", factors) ** 2 > SMALL_PIVOT * whole).all(axis=0)
    return np.where(is_sound, t_statistics(factors, levels.rows + extra), np.nan)


def _level_last(products: Floats, lags: int, some: Places) -> Floats:
    """Return the lower triangle of the products of lags 1 … *lags*, the level, the difference."""
    steps = [*range(1, lags + 1)]
    chosen = np.zeros((lags + 2, lags + 2, len(some)))
    chosen[:lags, :lags] = products[np.ix_(steps, steps, some)]
    chosen[lags, :lags] = products[1 : lags + 1, LEVEL, some]
    chosen[lags, lags] = products[LEVEL, LEVEL, some]
    chosen[-1, :lags] = products[-1, 1 : lags + 1, some].T
    chosen[-1, lags], chosen[-1, -1] = products[-1, LEVEL, some], products[-1, -1, some]
    return chosen


def _head_rows(heads: Floats, lags: int) -> Floats:
    """Return columns by rows by tests for the bars before those of the longest regression."""
    steps = np.diff(heads, axis=0)
    count = len(steps)
    columns = [steps[lags - lag : count - lag] for lag in range(1, lags + 1)]
    return np.stack([*columns, heads[lags:count], steps[lags:]])


def _test_exactly(levels: Levels, rule: LagRule, place: int, found: PairTests) -> None:
    for direction, (one, other) in enumerate(itertools.permutations(found.pairs[place])):
        residual = levels.values[one] - found.hedge_ratios[direction, place] * levels.values[other]
        test = unit_root(residual, rule, terms=0)
        found.statistics[direction, place] = test.statistic
        found.lags[direction, place] = test.lags
        found.tied[direction, place] = test.is_tied
