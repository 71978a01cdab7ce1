"""
The vector engine's backtest of two legs: Python touches only fills.

It is for strategies that offer `pair_signals`, on two linear instruments, without anything that
needs to look at every bar or order. What it gives is what the event engine gives, to the last
digit; `why_not_pair` says when it cannot.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from algopioneer_core.domain.carry import Carry, carry_received
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import ZERO, Money, from_scaled, mul, scaled
from algopioneer_core.domain.positions import average_price
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.domain.spreads import Neutrality
from algopioneer_core.engine.spread_sizing import size_spread
from algopioneer_core.history.columns import CHUNK_BARS
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.simulation.carry import ScheduledCarry, schedule_carry
from algopioneer_core.simulation.carry_totals import CarryReceived
from algopioneer_core.simulation.config import BacktestConfig, FillTiming, MarginModel
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.scaled_costs import ScaledCosts, decimals_of
from algopioneer_core.simulation.sinks import Float64Array, Holding, ResultSink
from algopioneer_core.simulation.spread_plan import SpreadPlan
from algopioneer_core.simulation.spread_readings import Readings, TakesReadings, takers
from algopioneer_core.simulation.spread_signals import ChartedSignals, SpreadSignals
from algopioneer_core.simulation.spread_tape import Basket, spread_equity
from algopioneer_core.simulation.spread_walk import (
    Payment,
    ScaledLeg,
    SpreadTrade,
    SpreadWalk,
)
from algopioneer_core.simulation.trade_statistics import TradeTotals
from algopioneer_core.simulation.valuation import Valuation
from algopioneer_core.simulation.vector_backtest import why_not

__all__ = ["SpreadVectorBacktest", "why_not_pair", "why_not_pair_signals"]

_PART_BARS: Final = 1 << 14
"""Bars whose equity is made at a time. Fresh memory for all of them would take as long again: its
first touch costs more than the arithmetic."""
_ROUNDING: Final = 1e-12
"""A float equity is wrong by less than this share of all amounts in it. Where it is that near to
zero, it is looked at exactly."""


def why_not_pair(legs: tuple[Instrument, Instrument], config: BacktestConfig) -> str:
    """Return why a run in this market needs the event engine; empty when it does not."""
    if config.margin is not MarginModel.NONE:
        return "margin is asked of both legs at each fill"
    return next((reason for leg in legs if (reason := why_not(leg, config))), "")


def why_not_pair_signals(signals: SpreadSignals | None, legs: tuple[Instrument, Instrument]) -> str:
    """Return why orders on *signals* need the event engine; empty when they do not."""
    if signals is None:
        return "with this configuration the strategy decides bar by bar"
    if signals.size.neutrality is Neutrality.DELTA:
        return "sizes are quantities of base"
    first, second = legs
    short_first = not first.shortable and bool(signals.enter_short.any())
    short_second = not second.shortable and bool(signals.enter_long.any())
    return "a leg cannot be sold short" if short_first or short_second else ""


class _Held(NamedTuple):
    """What was held from which bar on, in floats."""

    starts: NDArray[np.int64]
    cash: Float64Array
    sizes: list[Float64Array]
    """Of each leg, in base units."""

    def between(self, start: int, stop: int) -> "_Held":
        """Return what was held from the bar *start* to before *stop*, with starts from there."""
        first = int(np.searchsorted(self.starts, start, side="right")) - 1
        end = int(np.searchsorted(self.starts, stop - 1, side="right"))
        return _Held(
            np.maximum(self.starts[first:end] - start, 0),
            self.cash[first:end],
            [size[first:end] for size in self.sizes],
        )


class SpreadVectorBacktest:
    """
    One run of one strategy's signals over two legs.

    Args:
        legs: The instruments; `why_not_pair` has nothing against them.
        config: Fees, slippage, fill timing, capital.
        joint: All joint bars of the run.
        signals: The strategy's decisions on them.
        carry: Funding, borrowing and dividends, by ascending time.
    """

    def __init__(
        self,
        legs: tuple[Instrument, Instrument],
        config: BacktestConfig,
        joint: JointColumns,
        signals: SpreadSignals,
        carry: Sequence[Carry] = (),
    ) -> None:
        self._instruments = legs
        self._joint = joint
        self._signals = signals
        self._at_close = config.fill is FillTiming.NEXT_CLOSE
        self._wait = 1 + config.latency_bars
        first, second = (
            self._leg(instrument, config, number) for number, instrument in enumerate(legs)
        )
        scheduled = schedule_carry(carry, joint, config.fill)
        per_step = [self._received_by_a_step(each, legs) for each in scheduled]
        self._places = max(first.costs.places, second.costs.places, decimals_of(ZERO, *per_step))
        self._legs = (first.on(self._places), second.on(self._places))
        self._walk = SpreadWalk(
            legs=self._legs,
            size=signals.size,
            hedge_ratio=signals.hedge_ratio,
            cash=scaled(config.initial_capital, self._places),
            payments=[
                Payment(each.bar, each.held_at, each.leg, scaled(amount, self._places), each.carry)
                for each, amount in zip(scheduled, per_step, strict=True)
            ],
        )
        self.ruined = False
        """Whether equity fell to zero; known after `run`."""
        self.bars = len(joint)
        """Joint bars used; known after `run`."""
        self.rejections: dict[str, int] = {}
        """Orders the market refused, by reason: none, because nothing here can be refused."""
        self._equity = np.empty(0)

    def _leg(self, instrument: Instrument, config: BacktestConfig, number: int) -> ScaledLeg:
        bars = self._joint.legs[number]
        costs = CostModel.of(instrument, config)
        return ScaledLeg(
            ScaledCosts.of(costs, bars.price_decimals, config.initial_capital),
            bars.close if self._at_close else bars.open,
            bars.close,
        )

    @staticmethod
    def _received_by_a_step(each: ScheduledCarry, legs: Sequence[Instrument]) -> Money:
        """Return what each quantity step receives, exactly."""
        instrument = legs[each.leg]
        step = instrument.quantity_increment.step
        return carry_received(each.carry, instrument, step, each.mark)

    @property
    def carried(self) -> CarryReceived:
        """What funding, borrowing and dividends brought."""
        received = CarryReceived()
        for payment, amount in self._walk.paid:
            asset = self._instruments[payment.leg].settlement_asset
            received.add(payment.carry, self._money(amount), asset)
        return received

    @property
    def shorted(self) -> set[InstrumentId]:
        """The legs of which a short position was held."""
        rows = self._walk.rows
        sold = (any(row[1] < 0 for row in rows), any(row[4] < 0 for row in rows))
        legs = zip(self._instruments, sold, strict=True)
        return {instrument.id for instrument, was_sold in legs if was_sold}

    @property
    def last_ns(self) -> int:
        """Close time of the last joint bar used, UTC nanoseconds."""
        return int(self._joint.ts_ns[self.bars - 1])

    @property
    def final_capital(self) -> Money:
        """Cash after liquidation."""
        return self._money(self._walk.cash)

    def _money(self, amount: int) -> Money:
        return from_scaled(amount, self._places)

    def run(self, statistics: EquityStatistics) -> None:
        """Find all fills, and give the equity of every bar to *statistics*."""
        walk = self._walk
        walk.run(SpreadPlan.of(self._signals, self._wait))
        held = self._held()
        equity, exposed = self._equity_of(held)
        ruin = self._ruin_bar(equity, held)
        if ruin is not None:
            self.ruined, self.bars = True, ruin + 1
            walk.cut_after(ruin)
            equity, exposed = equity[: self.bars], exposed[: self.bars]
        if walk.open is not None:
            reason = "ruined" if self.ruined else "end_of_data"
            walk.leave(self.bars - 1, reason, at_close=True)
            equity[-1], exposed[-1] = float(self.final_capital), False
        self._equity = equity
        ends = [leg.take(np.array((0, self.bars - 1))).close_float() for leg in self._joint.legs]
        basket = Basket().worth(ends)
        statistics.add(self._joint.ts_ns[: self.bars], equity, basket, exposed)

    def _held(self) -> "_Held":
        walk, one = self._walk, 10**self._places
        return _Held(  # int / int is rounded once, as Decimal to float is
            np.array(walk.starts),
            np.array([cash / one for cash in walk.held_cash]),
            [np.array(self._sizes(number)) for number in range(len(self._legs))],
        )

    def _equity_of(self, held: "_Held") -> tuple[Float64Array, NDArray[np.bool_]]:
        """Return equity and exposure at each close, made in parts that fit into the cache."""
        joint, bars, valuation = self._joint, self.bars, Valuation.of(self._instruments)
        equity, exposed = np.empty(bars), np.empty(bars, np.bool_)
        for start in range(0, bars, _PART_BARS):
            part = slice(start, start + _PART_BARS)
            chunk = joint.slice(start, start + _PART_BARS)
            now = held.between(start, start + len(chunk))
            closes = [leg.close_float() for leg in chunk.legs]
            equity[part], exposed[part] = spread_equity(closes, *now, valuation)
        return equity, exposed

    def _sizes(self, number: int) -> list[float]:
        """Return what was held of a leg, in base units."""
        step = mul(self._legs[number].costs.step, self._instruments[number].multiplier)
        places = decimals_of(step)
        unit, whole = scaled(step, places), 10**places
        return [steps[number] * unit / whole for steps in self._walk.held_steps]

    def _ruin_bar(self, equity: Float64Array, held: "_Held") -> int | None:
        """Return the first bar at whose close nothing is left, exactly; None when there is none."""
        gross = float(np.abs(held.cash).max())
        for size, leg in zip(held.sizes, self._joint.legs, strict=True):
            gross += float(np.abs(size).max()) * int(leg.close.max()) / 10**leg.price_decimals
        suspicious = gross * _ROUNDING
        if equity.min() > suspicious:
            return None
        suspects = np.flatnonzero(equity <= suspicious).tolist()
        return next((bar for bar in suspects if self._walk.equity_at(bar) <= 0), None)

    # --- what came out -----------------------------------------------------------------------

    @property
    def refusals(self) -> dict[str, int]:
        """Spreads that were not opened, by reason, in the order in which they were met first."""
        refused = self._walk.refused
        counts = Counter(leg for _, leg, _ in refused)
        firsts = {leg: (bar, cash) for bar, leg, cash in reversed(refused)}
        met = sorted(firsts, key=lambda leg: firsts[leg])
        return {self._refusal(*firsts[leg]): counts[leg] for leg in met}

    def _refusal(self, bar: int, cash: int) -> str:
        """Return what the leg manager says of a size that rounds to nothing."""
        first, second = (
            from_scaled(int(leg.close[bar]), leg.price_decimals) for leg in self._joint.legs
        )
        size, ratio = self._signals.size, self._signals.hedge_ratio
        try:
            size_spread(self._instruments, (first, second), size, ratio, self._money(cash))
        except RefusedError as problem:
            return str(problem)
        raise AssertionError("a size that the walk refused is accepted by the leg manager")

    def totals(self) -> TradeTotals:
        """Return the sums over all trades; a pair is one."""
        money, gains, fees, turnover = self._money, [], 0, 0
        for row in self._walk.rows:
            _, a, in_a, fee_a, _, in_b, fee_b, _, out_a, out_fee_a, out_b, out_fee_b, _ = row
            paid, gain = fee_a + out_fee_a + fee_b + out_fee_b, out_a - in_a - out_b + in_b
            gains.append((gain if a > 0 else -gain) - paid)
            fees += paid
            turnover += in_a + out_a + in_b + out_b
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
            fees=money(fees),
            turnover=money(turnover),
        )

    def round_trips(self) -> Iterator[RoundTrip]:
        """Return the round trips of all legs in the order of their exits, made as asked for."""
        for trade in self._walk.trades:
            for number in range(len(self._legs)):
                yield self._round_trip(trade, number)

    def _round_trip(self, trade: SpreadTrade, number: int) -> RoundTrip:
        leg, instrument, money = trade.legs[number], self._instruments[number], self._money
        quantity = mul(self._legs[number].costs.step, Decimal(abs(leg.steps)))
        cost = money(leg.value)
        return RoundTrip(
            instrument.id,
            Side.BUY if leg.steps > 0 else Side.SELL,
            quantity,
            self._fill_ns(trade.entry_bar),
            self._fill_ns(trade.exit_bar, at_close=trade.reason in ("end_of_data", "ruined")),
            average_price(instrument, quantity, cost),
            average_price(instrument, quantity, money(leg.exit_value)),
            money(leg.pnl),
            money(leg.fees),
            cost,
            trade.reason,
        )

    def _fill_ns(self, bar: int, *, at_close: bool = False) -> int:
        close_ns = int(self._joint.ts_ns[bar])
        if at_close or self._at_close:
            return close_ns
        return close_ns - self._joint.legs[0].interval_ns

    def feed(self, sinks: Sequence[ResultSink]) -> None:
        """Give every chunk of bars, with its equity and holdings, and every trade to *sinks*."""
        for start in range(0, self.bars, CHUNK_BARS):
            stop = min(start + CHUNK_BARS, self.bars)
            chunk, holdings = self._joint.slice(start, stop), self._holdings(start, stop)
            for sink in sinks:
                sink.bars(chunk, self._equity[start:stop], holdings)
        self._feed_readings(takers(sinks))
        for trade in self.round_trips():
            for sink in sinks:
                sink.round_trip(trade)

    def _feed_readings(self, sinks: Sequence[TakesReadings]) -> None:
        signals = self._signals
        if not sinks or not isinstance(signals, ChartedSignals):
            return
        bars = self.bars
        readings = Readings(
            self._joint.ts_ns[:bars],
            signals.spread[:bars],
            signals.z[:bars],
            np.full(bars, float(signals.hedge_ratio)),
            np.zeros(bars),  # both legs fill in one bar, in full
        )
        for sink in sinks:
            sink.readings(readings)

    def _holdings(self, start: int, stop: int) -> list[Holding]:
        """Return what was held in the bars from *start* to before *stop*, by place in the chunk."""
        walk = self._walk
        first, end = bisect_right(walk.starts, start) - 1, bisect_right(walk.starts, stop - 1)
        by_place = {
            max(walk.starts[each] - start, 0): each for each in range(first, end)
        }  # of several at one bar the last counts
        return [
            Holding(
                place, self._money(walk.held_cash[each]), self._quantities(walk.held_steps[each])
            )
            for place, each in by_place.items()
        ]

    def _quantities(self, steps: tuple[int, int]) -> tuple[Decimal, ...]:
        return tuple(
            mul(leg.costs.step, Decimal(count))
            for leg, count in zip(self._legs, steps, strict=True)
        )
