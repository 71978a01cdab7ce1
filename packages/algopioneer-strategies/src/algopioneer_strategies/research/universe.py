"""
The universe: closes of many symbols on one calendar.

A bar's close time places it. Nothing is filled forward: a close that is carried over a halt is a
price at which nobody traded, and makes pairs look as if one leg waited for the other. Times of the
calendar are those at which more than half of the symbols have a bar, so neither a symbol that
trades around the clock nor one that hardly trades sets it. A symbol must be there at a stated share
of these times, or it is left out and named; joint closes are the times at which all the others are.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.times import iso_utc

__all__ = ["AlignedCloses", "Coverage", "SymbolCloses", "align"]

FEWEST_SYMBOLS: Final = 2


@frozen(eq=False)
class SymbolCloses:
    """
    Closes of one symbol, for statistics only.

    Raises:
        DataError: Times do not strictly increase, or there is no close.
    """

    symbol: str
    times_ns: NDArray[np.int64]
    """Close times, UTC nanoseconds, strictly increasing."""
    closes: NDArray[np.float64]
    """Prices in quote currency, positive."""

    def __attrs_post_init__(self) -> None:
        if not len(self.times_ns):
            raise DataError("there is no close", where=self.symbol)
        back = np.flatnonzero(np.diff(self.times_ns) <= 0)
        if len(back):
            when = iso_utc(int(self.times_ns[back[0] + 1]))
            raise DataError(
                f"two closes at {when}, or times that are not sorted",
                where=self.symbol,
                remedy="keep one row for each time, in order",
            )


@frozen(eq=False)
class AlignedCloses:
    """Log closes of several symbols at the times at which all of them closed a bar."""

    symbols: tuple[str, ...]
    interval_ns: int
    """Length of a bar in nanoseconds."""
    times_ns: NDArray[np.int64]
    """Close times, UTC nanoseconds, strictly increasing; neighbours may be further apart than an
    interval, where there was no bar."""
    log_prices: NDArray[np.float64]
    """A line for each symbol, a column for each time."""

    def __len__(self) -> int:
        return len(self.times_ns)

    def only(self, places: Sequence[int]) -> "AlignedCloses":
        """Return the symbols at *places*, in that order."""
        return evolve(
            self,
            symbols=tuple(self.symbols[place] for place in places),
            log_prices=self.log_prices[list(places)],
        )

    def between(self, start: int, stop: int) -> "AlignedCloses":
        """Return the closes [start, stop) as views."""
        return evolve(
            self,
            times_ns=self.times_ns[start:stop],
            log_prices=self.log_prices[:, start:stop],
        )


@frozen
class Coverage:
    """How much of the calendar a symbol has."""

    symbol: str
    bars: int
    """Bars at times of the calendar."""
    share: float
    """The same, as a share of the calendar."""
    first_ns: int
    """Close of its first bar, UTC nanoseconds."""
    last_ns: int
    longest_gap: int
    """Most times of the calendar in a row without a bar, at either end too."""
    longest_unchanged: int
    """Most closes in a row at one price: a long row is often a file that was filled forward."""
    left_out: str | None = None
    """Why it takes no part; None when it does."""


def align(
    found: Sequence[SymbolCloses], interval_ns: int, *, min_coverage: float
) -> tuple[AlignedCloses, tuple[Coverage, ...]]:
    """
    Return the joint closes of *found*, and what each symbol has of the calendar.

    Args:
        found: Closes by symbol, each once.
        interval_ns: Length of a bar in nanoseconds.
        min_coverage: Share of the calendar below which a symbol is left out.

    Raises:
        RefusedError: Fewer than two symbols are left, or they have no time in common.
    """
    calendar = _calendar(found)
    coverage = tuple(_coverage(each, calendar, min_coverage) for each in found)
    kept = [each for each, has in zip(found, coverage, strict=True) if has.left_out is None]
    if len(kept) < FEWEST_SYMBOLS:
        raise _too_few(coverage)
    common = kept[0].times_ns
    for each in kept[1:]:
        common = np.intersect1d(common, each.times_ns, assume_unique=True)
    if not len(common):
        raise RefusedError(
            "the symbols have no close time in common",
            remedy="give bars of one period, with the same stamp and interval",
        )
    prices = np.stack([each.closes[np.searchsorted(each.times_ns, common)] for each in kept])
    moving = np.ptp(prices, axis=1) > 0
    coverage = _without_constant(
        coverage, {each.symbol for each, moves in zip(kept, moving, strict=True) if not moves}
    )
    if moving.sum() < FEWEST_SYMBOLS:
        raise _too_few(coverage)
    symbols = tuple(each.symbol for each, moves in zip(kept, moving, strict=True) if moves)
    return AlignedCloses(symbols, interval_ns, common, np.log(prices[moving])), coverage


def _calendar(found: Sequence[SymbolCloses]) -> NDArray[np.int64]:
    if not found:
        return np.empty(0, np.int64)
    times, counts = np.unique(np.concatenate([each.times_ns for each in found]), return_counts=True)
    return np.asarray(times[2 * counts > len(found)])


def _coverage(each: SymbolCloses, calendar: NDArray[np.int64], least: float) -> Coverage:
    present = np.isin(calendar, each.times_ns, assume_unique=True)
    share = float(present.mean()) if len(present) else 0.0
    return Coverage(
        symbol=each.symbol,
        bars=int(present.sum()),
        share=share,
        first_ns=int(each.times_ns[0]),
        last_ns=int(each.times_ns[-1]),
        longest_gap=_longest_run(~present),
        longest_unchanged=1 + _longest_run(np.diff(each.closes) == 0),
        left_out=None if share >= least else f"it has {share:.1%} of the calendar's bars",
    )


def _longest_run(flags: NDArray[np.bool_]) -> int:
    ends = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return int(np.max(ends[1::2] - ends[::2], initial=0))


def _without_constant(coverage: tuple[Coverage, ...], constant: set[str]) -> tuple[Coverage, ...]:
    return tuple(
        evolve(each, left_out="its price never changes") if each.symbol in constant else each
        for each in coverage
    )


def _too_few(coverage: Sequence[Coverage]) -> RefusedError:
    reasons = [f"{each.symbol}: {each.left_out}" for each in coverage if each.left_out]
    shown = "; ".join(reasons[:3]) + ("; …" if len(reasons) > 3 else "")
    left = len(coverage) - len(reasons)
    return RefusedError(
        f"a pair needs two symbols, and there {'is 1' if left == 1 else f'are {left}'}"
        + (f" ({shown})" if shown else ""),
        remedy="name more symbols, or lower --min-coverage",
    )
