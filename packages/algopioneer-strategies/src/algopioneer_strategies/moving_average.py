"""
Moving average crossover: be in the market while the short average is above the long one.

The rule (SEMANTICS, moving average): averages are over closes; the first decision is at bar index
`long_window`. Enter when the short average was at or below the long one a bar ago and is above it
now; leave when in a position and the short average is below. With `allow_short` the rule is
mirrored, and a reversal is two orders: one closes, one opens.

The averages are never computed. `short sum / short` against `long sum / long` has the sign of
`short sum * long - long sum * short`, and on integer prices that is exact: with floating-point
averages, ties come out one way or the other by rounding error.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.history.columns import BarColumns, Signals
from algopioneer_strategies.config import MovingAverageConfig

__all__ = ["MovingAverage"]

_INT64_MAX: Final = (1 << 63) - 1


class MovingAverage:
    """
    The crossover on one instrument.

    Args:
        config: Windows, size, and whether to sell short.
        instrument_id: What is traded.
    """

    def __init__(self, config: MovingAverageConfig, instrument_id: InstrumentId) -> None:
        self._config = config
        self._id = instrument_id
        self._short = config.short_window
        self._long = config.long_window
        self._allow_short = config.allow_short
        self._sizing = (
            Sizing(fraction=config.position_size)
            if config.quantity is None
            else Sizing(quantity=config.quantity)
        )
        self._closes: deque[int] = deque(maxlen=self._long)
        self._decimals = 0
        self._spread = self._long - self._short
        self._gap: int | None = None
        """Short average above the long one, scaled by both windows; None before they are full."""

    @classmethod
    def make(cls, config: MovingAverageConfig, instruments: Sequence[Instrument]) -> Self:
        """Make the strategy for the one instrument it trades."""
        (instrument,) = instruments
        return cls(config, instrument.id)

    def requirements(self) -> Requirements:
        """Say that the long window must be full, and once more for the first comparison."""
        return Requirements(warmup_bars=self._long + 1)

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Take in a bar of the instrument and decide; ignore everything else."""
        if type(event) is not Bar or event.instrument_id != self._id:
            return ()
        before = self._gap
        if before is None or event.price_decimals != self._decimals:
            return self._unusual(event, context)
        # Every bar comes this way, so the gap is rolled forward here and not in a method: each
        # average takes in the close and gives up its oldest one, and neither sum is needed.
        closes, close = self._closes, event.close_ticks
        gained, lost = self._spread * close, self._long * closes[-self._short]
        self._gap = now = before + gained - lost + self._short * closes[0]
        closes.append(close)
        if now > 0:
            if before > 0 and not self._allow_short:
                return ()  # above as before: there is no short position that could be wrong
        elif not now or (before < 0 and not context.quantity(self._id)):
            return ()  # a tie, or below as before and nothing to leave
        return self._decide(before, now, context)

    def _decide(self, before: int, now: int, context: StrategyContext) -> Iterable[StrategyCommand]:
        held = context.quantity(self._id)
        if held:
            wrong = now < 0 if held > 0 else now > 0
            if not wrong or context.has_working_orders:
                return ()
            return self._leave(held, before, now, context)
        crossed = before <= 0 if now > 0 else before >= 0 and self._allow_short
        if not crossed or context.has_working_orders:
            return ()
        return self._enter(Side.BUY if now > 0 else Side.SELL, context)

    def _unusual(self, bar: Bar, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Take in a bar before the long window is full, or on another price grid than ours."""
        if bar.price_decimals > self._decimals:
            self._refine(bar.price_decimals)
        close = bar.close_ticks * 10 ** (self._decimals - bar.price_decimals)
        if self._gap is None:
            self._fill_up(close)
            return ()
        on_grid = bar._replace(close_ticks=close, price_decimals=self._decimals)
        return self.on_event(on_grid, context)

    def _fill_up(self, close: int) -> None:
        """Take in one of the first closes; the gap exists once the long window is full."""
        closes = self._closes
        closes.append(close)
        if len(closes) == self._long:
            short_sum = sum(islice(reversed(closes), self._short))
            self._gap = short_sum * self._long - sum(closes) * self._short

    def _refine(self, decimals: int) -> None:
        """Bring closes and gap to the finer grid of the bars that come now."""
        factor = 10 ** (decimals - self._decimals)
        self._closes = deque((close * factor for close in self._closes), maxlen=self._long)
        self._gap = None if self._gap is None else self._gap * factor
        self._decimals = decimals

    def _leave(
        self, held: Quantity, before: int, now: int, context: StrategyContext
    ) -> list[StrategyCommand]:
        side = Side.SELL if held > 0 else Side.BUY
        close = OrderIntent(
            instrument_id=self._id, side=side, quantity=held.copy_abs(), reduce_only=True
        )
        crossed = before <= 0 if now > 0 else before >= 0
        if not (crossed and self._allow_short):
            return [close]
        return [close, *self._enter(side, context)]

    def _enter(self, side: Side, context: StrategyContext) -> list[StrategyCommand]:
        entry = self._sizing.entry(self._id, side, context)
        return [entry] if entry else []

    def snapshot(self) -> Mapping[str, object]:
        """Return the closes of the long window, their grid, and the windows they are for."""
        return {
            "windows": [self._short, self._long],
            "decimals": self._decimals,
            "closes": list(self._closes),
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """
        Continue from `snapshot`; the gap follows from the closes.

        Raises:
            ConfigError: The snapshot was made with other windows.
        """
        windows, closes, decimals = state["windows"], state["closes"], state["decimals"]
        if windows != [self._short, self._long]:
            raise ConfigError(
                f"the saved state is for windows {windows}, not {[self._short, self._long]}",
                where=self._id,
                remedy="start without the saved state, or with its windows",
            )
        assert isinstance(closes, list)
        assert isinstance(decimals, int)
        self._closes.clear()
        self._decimals = decimals
        self._gap = None
        for close in closes:
            self._fill_up(close)

    # --- the same rule for a whole array of bars ---------------------------------------------

    def signals(self, bars: BarColumns) -> Signals:
        """Return where a flat strategy would enter and where one in a position would leave."""
        gap = self._gaps(bars.close)
        above, below = gap > 0, gap < 0
        rose, fell = above.copy(), below.copy()
        rose[1:] &= ~above[:-1]
        fell[1:] &= ~below[:-1]
        rose[: self._long] = False
        fell[: self._long] = False
        below[: self._long] = False
        above[: self._long] = False
        nowhere = np.zeros(len(bars), np.bool_)
        return Signals(
            enter_long=rose,
            leave_long=below,
            enter_short=fell if self._allow_short else nowhere,
            leave_short=above if self._allow_short else nowhere,
            sizing=self._sizing,
        )

    def _gaps(self, close: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sign of the gap at every bar; 0 before the long window is full."""
        gaps = np.zeros(len(close), np.int64)
        if len(close) < self._long:
            return gaps
        if int(close.max()) * self._short * self._long * 2 > _INT64_MAX:
            close = close.astype(np.object_)  # Python's integers: slower, and never too small
        # Fixed-width sums may wrap; their differences are right, because no window's own does.
        sums = np.concatenate((np.zeros(1, close.dtype), np.cumsum(close)))
        ends = sums[self._long :]
        short = ends - sums[self._long - self._short : len(sums) - self._short]
        long = ends - sums[: len(sums) - self._long]
        gaps[self._long - 1 :] = np.sign(short * self._long - long * self._short)
        return gaps
