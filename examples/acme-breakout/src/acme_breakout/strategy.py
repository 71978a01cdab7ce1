"""The breakout: in the market from a new high to a new low."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Self

import numpy as np
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.history.columns import BarColumns, Signals
from numpy.lib.stride_tricks import sliding_window_view

from acme_breakout.config import BreakoutConfig


class Breakout:
    """
    Buys when a close is above every high of the entry window, the bars before it.

    Sells when a close is below every low of the exit window. Never sells short.
    """

    def __init__(self, config: BreakoutConfig, instrument_id: InstrumentId) -> None:
        self._id = instrument_id
        self._entry_window = config.entry_window
        self._exit_window = config.exit_window
        self._sizing = Sizing(fraction=config.position_size)
        self._highs: deque[Decimal] = deque(maxlen=config.entry_window)
        self._lows: deque[Decimal] = deque(maxlen=config.exit_window)

    @classmethod
    def make(cls, config: BreakoutConfig, instruments: Sequence[Instrument]) -> Self:
        """Make the strategy; called by the host, again after a crash."""
        (instrument,) = instruments
        return cls(config, instrument.id)

    def requirements(self) -> Requirements:
        """Say how many bars must be seen up to the first decision."""
        return Requirements(warmup_bars=self._entry_window + 1)

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[OrderIntent]:
        """Decide on a finished bar; answer `()` when there is nothing to do."""
        if type(event) is not Bar or event.instrument_id != self._id:
            return ()
        wanted = self._decide(event.close, context)
        self._highs.append(event.high)
        self._lows.append(event.low)
        return wanted

    def _decide(self, close: Decimal, context: StrategyContext) -> Iterable[OrderIntent]:
        if len(self._highs) < self._entry_window or context.has_working_orders:
            return ()
        held = context.quantity(self._id)
        if held and close < min(self._lows):
            return [
                OrderIntent(instrument_id=self._id, side=Side.SELL, quantity=held, reduce_only=True)
            ]
        if not held and close > max(self._highs):
            order = self._sizing.entry(self._id, Side.BUY, context)
            return [order] if order else ()
        return ()

    def snapshot(self) -> Mapping[str, object]:
        """Return the whole state as JSON values, so that a restart can continue."""
        return {"highs": [str(high) for high in self._highs], "lows": [str(x) for x in self._lows]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `snapshot` described."""
        self._highs.extend(Decimal(high) for high in state["highs"])
        self._lows.extend(Decimal(low) for low in state["lows"])

    def signals(self, bars: BarColumns) -> Signals:
        """Decide on all bars at once: optional, and many times quicker in a backtest."""
        first = self._entry_window
        rose, fell, never = (np.zeros(len(bars), np.bool_) for _ in range(3))
        if len(bars) > first:
            highs = sliding_window_view(bars.high, self._entry_window)[:-1]
            lows = sliding_window_view(bars.low, self._exit_window)[first - self._exit_window : -1]
            rose[first:] = bars.close[first:] > highs.max(axis=1)
            fell[first:] = bars.close[first:] < lows.min(axis=1)
        return Signals(
            enter_long=rose,
            leave_long=fell,
            enter_short=never,
            leave_short=never,
            sizing=self._sizing,
        )
