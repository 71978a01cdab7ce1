"""
Whether a decision knew the future: replace the future by noise, and see whether it changes.

Everything a search or a strategy decides can be dated: the last bar it may know. If all prices
after a bar are replaced by noise, whatever is dated up to that bar must stay as it was, to the last
bit. A leak (a mean over the whole sample, a window that is centred, a fit that saw the test) shows
as a decision that changes. Where prices are missing stays as it was, for that something trades at
all is known from a calendar.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from attrs import frozen
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Decision", "Leak", "first_leak", "poisoned"]

_WILD: Final = 0.05
"""Deviation of a poisoned bar's log return: no estimate that saw it stays where it was."""
_PLACES: Final = 4
_Prices = NDArray[np.float64]


class Decision(NamedTuple):
    """Something that was decided, and when."""

    bar: int
    """The last bar it may depend on."""
    value: object
    """Compared with `==`; equal to the last bit, or it is another one."""


Decisions: TypeAlias = Mapping[Hashable, Decision]
"""By what they are of: a trade's number, a fold, a bar."""


@frozen
class Leak:
    """A decision that knew the future."""

    what: Hashable
    bar: int
    """When it was decided."""
    poisoned_after: int
    """The last bar that was left as it is."""

    def __str__(self) -> str:
        return (
            f"{self.what}: decided at bar {self.bar}, and other prices after bar "
            f"{self.poisoned_after} change it"
        )


def poisoned(prices: _Prices, after: int, generator: Generator) -> _Prices:
    """
    Return *prices* with all after the bar *after* replaced by a wild walk from there.

    They have four decimals, as prices do. What is missing (NaN) stays missing.

    Args:
        prices: A row for each symbol, positive.
        after: The last bar that stays.
        generator: Makes the noise.
    """
    changed = prices.copy()
    future = prices[:, after + 1 :]
    steps = generator.normal(0.0, _WILD, future.shape)
    known = np.where(np.isnan(prices[:, : after + 1]), 0.0, prices[:, : after + 1])
    last = np.maximum(known.max(axis=1, keepdims=True, initial=1.0), 1.0)
    noise = np.maximum(np.round(last * np.exp(np.cumsum(steps, axis=1)), _PLACES), 10.0**-_PLACES)
    changed[:, after + 1 :] = np.where(np.isnan(future), np.nan, noise)
    return changed


def first_leak(
    decide: Callable[[_Prices], Decisions],
    prices: _Prices,
    boundaries: Iterable[int],
    generator: Generator,
) -> Leak | None:
    """
    Return the first decision that depends on what came after it; None when none does.

    Args:
        decide: Makes all decisions from prices; a row for each symbol, a column for each bar.
        prices: The true ones.
        boundaries: After which bars the future is poisoned, one after the other.
        generator: Makes the noise.
    """
    truth = decide(prices)
    for after in boundaries:
        found = decide(poisoned(prices, after, generator))
        for what in sorted({*truth, *found}, key=repr):
            one, other = truth.get(what), found.get(what)
            bar = min(each.bar for each in (one, other) if each is not None)
            if bar <= after and one != other:
                return Leak(what, bar, after)
    return None
