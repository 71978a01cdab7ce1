"""
What a strategy of two legs offers, besides deciding bar by bar, to be run over whole arrays.

Nothing here is inherited from: a strategy has these attributes or it has not.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.spreads import SpreadSize
from algopioneer_core.history.columns import BarColumns

__all__ = ["ChartedSignals", "SpreadSignals", "SupportsPairSignals"]

_Flags: TypeAlias = NDArray[np.bool_]


@runtime_checkable
class ChartedSignals(Protocol):
    """What signals may offer to charts besides."""

    @property
    def z(self) -> NDArray[np.float64]:
        """The z-score; NaN where there is none."""

    @property
    def spread(self) -> NDArray[np.float64]:
        """The spread at the hedge ratio of the entries."""


class SpreadSignals(Protocol):
    """
    For each joint bar, what the strategy wants after it has seen that bar's closes.

    Long is the first leg bought and the second sold. The rules of a walk over these:

    1. Flat, not barred and no order working: enter where `enter_long` or `enter_short` is true.
    2. In a position, from the bar of its fill on: leave at the first bar where `stop` is true
       (reason `z_stop`), or which is `hold_limit(entry)` bars or more after the entry's signal
       (`time_stop`), or where the `leave_` array of its side is true (`signal`); of several at one
       bar the first named counts.
    3. After a stop, entries are barred until a bar after the stop's signal where `calm` is true.
    4. An entry may be decided at the bar of an exit's fill.
    """

    @property
    def enter_long(self) -> _Flags:
        """May a long spread be opened here."""

    @property
    def enter_short(self) -> _Flags:
        """May a short spread be opened here."""

    @property
    def leave_long(self) -> _Flags:
        """Must a long spread be left here."""

    @property
    def leave_short(self) -> _Flags:
        """Must a short spread be left here."""

    @property
    def stop(self) -> _Flags:
        """Must any spread be left here, as a stop."""

    @property
    def calm(self) -> _Flags:
        """Does this bar end the bar on entries after a stop."""

    @property
    def size(self) -> SpreadSize:
        """The size of every entry."""

    @property
    def hedge_ratio(self) -> Decimal:
        """The hedge ratio of every entry."""

    @property
    def hold_limit(self) -> Callable[[int], int | None] | None:
        """From the bar of an entry's signal to the bars until its time stop; None for none."""

    def __len__(self) -> int:
        """Return the number of joint bars."""


@runtime_checkable
class SupportsPairSignals(Protocol):
    """What a strategy of two legs offers to be run over whole arrays."""

    def pair_signals(self, bars_a: BarColumns, bars_b: BarColumns, /) -> SpreadSignals | None:
        """
        Return the signals at each joint bar, equal to those it would decide bar by bar.

        None says that with this configuration it can only decide bar by bar.
        """
