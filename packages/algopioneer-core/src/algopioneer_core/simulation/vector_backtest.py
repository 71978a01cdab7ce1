"""
The vector engine's backtest: the strategy decides on all bars at once, Python touches only fills.

It is for strategies that offer `signals`, on one linear instrument, without anything that needs to
look at every bar (exit policies, risk limits, volume limits). What it gives is what the event
engine gives, to the last digit; `why_not` says when it cannot.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import FeeAsset, Instrument, InstrumentId
from algopioneer_core.domain.money import Money, mul, scaled
from algopioneer_core.domain.positions import average_price
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, Signals
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.account import INITIAL_MARGIN
from algopioneer_core.simulation.config import BacktestConfig, FillTiming
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.order_rules import NOT_SHORTABLE, OFF_GRID
from algopioneer_core.simulation.scaled_costs import ScaledCosts, decimals_of
from algopioneer_core.simulation.sinks import Float64Array, Holding, ResultSink
from algopioneer_core.simulation.tape import equity_between_fills
from algopioneer_core.simulation.trade_statistics import TradeTotals
from algopioneer_core.simulation.vector_plan import Plan
from algopioneer_core.simulation.vector_walk import ScaledTrade, Walk

__all__ = ["VectorBacktest", "why_not", "why_not_these"]

_ROUNDING: Final = 1e-14
"""Equity near zero is the difference of cash and a position of nearly the same worth; in floats it
is wrong by less than this share of them (three roundings). Below it equity is looked at exactly."""


def why_not(instrument: Instrument, config: BacktestConfig) -> str:
    """Return why a run in this market needs the event engine; empty when it does not."""
    rules = (
        (instrument.inverse, "the contract is inverse"),
        (not instrument.fractionable, "only whole units can be traded"),
        (bool(instrument.minimum_quantity), "the instrument has a minimum quantity"),
        (bool(instrument.minimum_notional), "the instrument has a minimum value"),
        (instrument.fee_asset is FeeAsset.BASE, "fees are charged in base"),
        (config.volume_limit is not None, "fills are limited by volume"),
    )
    return next((reason for applies, reason in rules if applies), "")


def why_not_these(signals: Signals, instrument: Instrument) -> str:
    """Return why orders on *signals* need the event engine; empty when they do not."""
    quantity = signals.sizing.quantity
    if quantity is not None and not instrument.quantity_increment.contains(quantity):
        return OFF_GRID
    if not instrument.shortable and signals.enter_short.any():
        return NOT_SHORTABLE
    return ""


class VectorBacktest:
    """
    One run of one strategy's signals over one instrument.

    Args:
        costs: What fills cost; its instrument is traded, `why_not` has nothing against it.
        config: Fill timing, margin, capital.
        bars: All bars of the run.
        signals: The strategy's decisions on them.
    """

    def __init__(
        self, costs: CostModel, config: BacktestConfig, bars: BarColumns, signals: Signals
    ) -> None:
        self._instrument = costs.instrument
        self._columns = bars
        self._signals = signals
        self._at_close = config.fill is FillTiming.NEXT_CLOSE
        self._costs = ScaledCosts.of(costs, bars.price_decimals, config.initial_capital)
        self._wait = 1 + config.latency_bars
        self._walk = Walk(
            costs=self._costs,
            sizing=signals.sizing,
            double_margin=int(mul(INITIAL_MARGIN[config.margin], 2)),
            cash=scaled(config.initial_capital, self._costs.places),
        )
        self.ruined = False
        """Whether equity fell to zero; known after `run`."""
        self.bars = len(bars)
        """Bars used; known after `run`."""
        self._equity = np.empty(0)
        self._liquidated = False

    @property
    def last_ns(self) -> int:
        """Close time of the last bar used, UTC nanoseconds."""
        return int(self._columns.ts_ns[self.bars - 1])

    @property
    def final_capital(self) -> Money:
        """Cash after liquidation."""
        return self._costs.money(self._walk.cash)

    @property
    def rejections(self) -> dict[str, int]:
        """Orders the market refused, by reason."""
        return self._walk.rejections

    def run(self, statistics: EquityStatistics) -> None:
        """Find all fills, and give the equity of every bar to *statistics*."""
        walk, columns = self._walk, self._columns
        fill = columns.close if self._at_close else columns.open
        walk.run(Plan.of(self._signals, fill, columns.close, self._wait))
        close = columns.close_float()
        equity, sizes = self._equity_at(close)
        ruin = self._ruin_bar(equity)
        if ruin is not None:
            self.ruined, self.bars = True, ruin + 1
            walk.cut_after(ruin)
            equity, sizes = equity[: self.bars], sizes[: self.bars]
        if walk.open is not None:
            walk.close(self.bars - 1, int(columns.close[self.bars - 1]))
            self._liquidated = True
            equity[-1], sizes[-1] = float(self.final_capital), 0.0
        self._equity = equity
        exposed = sizes != 0
        statistics.add(columns.ts_ns[: self.bars], equity, close[: self.bars], exposed)

    def _equity_at(self, close: Float64Array) -> tuple[Float64Array, Float64Array]:
        walk, places = self._walk, self._costs.places
        size = mul(self._costs.step, self._instrument.multiplier)
        size_places = decimals_of(size)
        step, one, unit = scaled(size, size_places), 10**places, 10**size_places
        return equity_between_fills(  # int / int is rounded once, as Decimal to float is
            close,
            walk.starts,
            [cash / one for cash in walk.held_cash],
            [steps * step / unit for steps in walk.held_steps],
        )

    def _ruin_bar(self, equity: Float64Array) -> int | None:
        """Return the first bar at whose close nothing is left, exactly; None when there is none."""
        largest = max(map(abs, self._walk.held_cash)) / 10**self._costs.places
        suspicious = largest * _ROUNDING
        if equity.min() > suspicious:
            return None
        suspects, close = np.flatnonzero(equity <= suspicious), self._columns.close
        exact = self._walk.equity_at
        return next((bar for bar in suspects.tolist() if exact(bar, int(close[bar])) <= 0), None)

    # --- what came out -----------------------------------------------------------------------

    def totals(self) -> TradeTotals:
        """Return the sums over all trades."""
        money, trades = self._costs.money, self._walk.trades
        gains = [trade.pnl for trade in trades]
        won = [gain for gain in gains if gain > 0]
        lost = [gain for gain in gains if gain < 0]
        return TradeTotals(
            total=len(gains),
            winning=len(won),
            losing=len(lost),
            gross_profit=money(sum(won)),
            gross_loss=money(-sum(lost)),
            best=money(max(gains)) if gains else None,
            worst=money(min(gains)) if gains else None,
            fees=money(sum(trade.fees for trade in trades)),
            turnover=money(sum(each.entry.entry_value + each.exit_value for each in trades)),
        )

    @property
    def shorted(self) -> set[InstrumentId]:
        """The instrument, if a short position was held."""
        sold = any(trade.entry.direction < 0 for trade in self._walk.trades)
        return {self._instrument.id} if sold else set()

    def round_trips(self) -> Iterator[RoundTrip]:
        """Return all trades in the order of their exits, made as they are asked for."""
        last = self._walk.trades[-1] if self._liquidated else None
        reason = "ruined" if self.ruined else "end_of_data"
        for trade in self._walk.trades:
            yield self._round_trip(trade, reason if trade is last else "signal")

    def _round_trip(self, trade: ScaledTrade, reason: str) -> RoundTrip:
        entry, money, instrument = trade.entry, self._costs.money, self._instrument
        quantity = self._costs.quantity(entry.steps)
        cost = money(entry.entry_value)
        at_close = reason != "signal"
        return RoundTrip(
            instrument.id,
            Side.BUY if entry.direction > 0 else Side.SELL,
            quantity,
            self._fill_ns(entry.entry_bar, at_close=False),
            self._fill_ns(trade.exit_bar, at_close=at_close),
            average_price(instrument, quantity, cost),
            average_price(instrument, quantity, money(trade.exit_value)),
            money(trade.pnl),
            money(trade.fees),
            cost,
            reason,
        )

    def _fill_ns(self, bar: int, *, at_close: bool) -> int:
        close_ns = int(self._columns.ts_ns[bar])
        return close_ns if at_close or self._at_close else close_ns - self._columns.interval_ns

    def feed(self, sinks: Sequence[ResultSink]) -> None:
        """Give every chunk of bars, with its equity and holdings, and every trade to *sinks*."""
        for start in range(0, self.bars, CHUNK_BARS):
            stop = min(start + CHUNK_BARS, self.bars)
            chunk = JointColumns((self._columns.slice(start, stop),))
            holdings = self._holdings(start, stop)
            for sink in sinks:
                sink.bars(chunk, self._equity[start:stop], holdings)
        for trade in self.round_trips():
            for sink in sinks:
                sink.round_trip(trade)

    def _holdings(self, start: int, stop: int) -> list[Holding]:
        """Return what was held in the bars from *start* to before *stop*, by place in the chunk."""
        walk, money, quantity = self._walk, self._costs.money, self._costs.quantity
        first, end = bisect_right(walk.starts, start) - 1, bisect_right(walk.starts, stop - 1)
        by_place = {
            max(walk.starts[each] - start, 0): each for each in range(first, end)
        }  # of several at one bar the last counts
        return [
            Holding(place, money(walk.held_cash[each]), (quantity(walk.held_steps[each]),))
            for place, each in by_place.items()
        ]
