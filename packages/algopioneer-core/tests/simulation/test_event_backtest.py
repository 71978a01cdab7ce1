import tracemalloc
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from algopioneer_core.domain.carry import FundingRate
from algopioneer_core.domain.commands import SetTimer, StrategyCommand
from algopioneer_core.domain.errors import DataError, NotEnoughData
from algopioneer_core.domain.events import (
    Event,
    FundingPaid,
    OrderAccepted,
    OrderCanceled,
    TimerFired,
)
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import FeeAsset, Instrument
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar
from algopioneer_core.domain.money import ZERO, Increment
from algopioneer_core.domain.orders import OrderIntent, OrderType
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.history.columns import CHUNK_BARS, BarColumns, ColumnsSource
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import BacktestConfig, FeeModel, MarginModel
from algopioneer_core.simulation.result import BacktestResult
from algopioneer_core.testing.backtests import RowsSink, bars_of
from algopioneer_core.testing.domain import BITCOIN, INVERSE_PERPETUAL, LINEAR_PERPETUAL

BUY, SELL = Side.BUY, Side.SELL
MINUTE = 60 * NS_PER_SECOND


class Diary:
    """Does what is written for each bar, and writes down everything it is told."""

    def __init__(self, wishes: Mapping[int, list[StrategyCommand]], *, warmup: int = 0) -> None:
        self._wishes = wishes
        self._warmup = warmup
        self.index = -1
        self.heard: list[tuple[int, Event]] = []

    def requirements(self) -> Requirements:
        return Requirements(warmup_bars=self._warmup)

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        if isinstance(event, Bar):
            self.index += 1
            return self._wishes.get(self.index, ())
        self.heard.append((self.index, event))
        return ()

    def heard_of(self, kind: type) -> list[int]:
        """Return the bars after which an event of *kind* was heard."""
        return [index for index, event in self.heard if isinstance(event, kind)]

    def snapshot(self) -> Mapping[str, object]:
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        raise NotImplementedError


def order(side: Side, quantity: str = "1", instrument: Instrument = BITCOIN, **terms: Any) -> Any:
    """Return an intent for *quantity* of the instrument."""
    return OrderIntent(instrument_id=instrument.id, side=side, quantity=Decimal(quantity), **terms)


def run(
    diary: Diary,
    closes: list[int],
    *,
    instrument: Instrument = BITCOIN,
    limits: RiskLimits | None = None,
    funding: tuple[FundingRate, ...] = (),
    **config: Any,
) -> tuple[BacktestResult, RowsSink]:
    """Return the result and the rows of *diary* over bars that open where the last one closed."""
    prices = [
        (o, max(o, c), min(o, c), c) for o, c in zip(closes[:1] + closes, closes, strict=False)
    ]
    sink = RowsSink()
    request = BacktestRequest(
        name="diary",
        make_strategy=lambda: diary,
        instrument=instrument,
        source=ColumnsSource(bars_of(instrument.id, prices, decimals=0)),
        config=BacktestConfig(**config),
        limits=limits,
        carry=funding,
    )
    return run_backtest(request, [sink]), sink


# --- funding ---------------------------------------------------------------------------------


def test_a_perpetual_pays_and_receives_funding() -> None:
    """Two units long at 100 pay one per mille; the strategy hears of it before the next bar."""
    instrument = evolve(LINEAR_PERPETUAL, multiplier=Decimal(1))
    diary = Diary({0: [order(BUY, "2", instrument)], 3: [order(SELL, "4", instrument)]})
    first = int(bars_of(instrument.id, [(1,) * 4]).ts_ns[0])
    rates = tuple(
        FundingRate(instrument.id, first + minute * MINUTE, Decimal("0.001"))
        for minute in (0, 2, 4, 9)
    )
    result, sink = run(diary, [100] * 6, instrument=instrument, funding=rates)
    assert [1, 3] == diary.heard_of(FundingPaid)
    assert {"USD": Decimal(0)} == result.carry.funding  # paid while long, received while short
    assert [Decimal("-0.2"), Decimal("0.2")] == [
        event.amount for _, event in diary.heard if isinstance(event, FundingPaid)
    ]
    assert [10_000, 10_000, 9_999.8, 9_999.8, 10_000, 10_000] == [row[1] for row in sink.rows]


# --- the last bar ----------------------------------------------------------------------------


def test_a_signal_on_the_last_bar_makes_no_order() -> None:
    """The strategy does not even see it: there is no later bar to trade in."""
    diary = Diary({3: [order(BUY)]})
    result, sink = run(diary, [100, 101, 102, 103])
    assert (2, [], Decimal(10_000)) == (diary.index, sink.trades, result.final_capital)


def test_an_order_with_no_later_bar_is_cancelled() -> None:
    """Latency carries it past the end; it never trades."""
    diary = Diary({2: [order(BUY)]})
    result, sink = run(diary, [100, 101, 102, 103], latency_bars=1)
    assert [2] == diary.heard_of(OrderCanceled)
    assert ([], ()) == (sink.trades, result.notes)


def test_what_is_open_is_sold_at_the_last_close_with_slippage_and_fee() -> None:
    """The trade says so, and the last row of equity is the final cash."""
    diary = Diary({0: [order(BUY)]})
    fees, slippage = FeeModel(taker=Decimal("0.01")), Decimal("0.1")
    result, sink = run(diary, [100, 100, 200], fees=fees, slippage=slippage)
    (trade,) = sink.trades
    assert ("end_of_data", Decimal(110), Decimal(180)) == (
        trade.exit_reason,
        trade.entry_price,
        trade.exit_price,
    )
    assert Decimal("2.9") == trade.fees
    assert Decimal("10067.1") == result.final_capital
    assert (10_067.1, Decimal("10067.1"), (ZERO,)) == sink.rows[-1][1:]


# --- order of events -------------------------------------------------------------------------


def test_resting_orders_are_acknowledged_and_can_be_cancelled_later() -> None:
    """The strategy hears of the acknowledgement before it sees that bar."""
    diary = Diary({0: [order(BUY, type=OrderType.LIMIT, limit_price=Decimal(50))]})
    run(diary, [100, 100, 100, 100])
    assert ([0], [2]) == (diary.heard_of(OrderAccepted), diary.heard_of(OrderCanceled))


def test_timers_fire_after_the_bar_in_which_they_fall_due() -> None:
    """They come in the order of their times, and one that is set again moves."""
    start = int(bars_of(BITCOIN.id, [(1, 1, 1, 1)]).ts_ns[0])
    late, early = SetTimer("late", start + 3 * MINUTE), SetTimer("early", start + 2 * MINUTE + 1)
    moved = SetTimer("moved", start + 1)
    diary = Diary({0: [late, early, moved], 1: [SetTimer("other", start), moved]})
    run(diary, [100] * 8)
    fired = [(index, event.name) for index, event in diary.heard if isinstance(event, TimerFired)]
    assert [(1, "other"), (1, "moved"), (3, "early"), (3, "late")] == fired


# --- the account -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("margin", "quantity", "carried"),
    [
        (MarginModel.NONE, "1000", True),
        (MarginModel.REGT, "200", True),
        (MarginModel.REGT, "201", False),
        (MarginModel.FULL, "100", True),
        (MarginModel.FULL, "101", False),
    ],
)
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("instrument", [BITCOIN, evolve(LINEAR_PERPETUAL, multiplier=Decimal(1))])
def test_margin_limits_what_a_fill_may_raise_exposure_to(
    margin: MarginModel, quantity: str, side: Side, instrument: Instrument, *, carried: bool
) -> None:
    """With 10 000 of equity at a price of 100: half of it, or all of it, must be covered."""
    diary = Diary({0: [order(side, quantity, instrument)]})
    result, sink = run(diary, [100] * 4, instrument=instrument, margin=margin)
    assert carried == bool(sink.trades)
    refused = "1 order was refused: not enough buying power."
    assert carried == (refused not in result.notes)


def test_margin_never_refuses_what_reduces_a_position() -> None:
    """Even an account that is under water may get out, but not through zero to the other side."""
    wishes = {0: [order(SELL, "100")], 2: [order(BUY, "60")], 3: [order(BUY, "100")]}
    result, sink = run(Diary(wishes), [100, 100, 150, 150, 150], margin=MarginModel.FULL)
    assert [Decimal(100)] == [trade.quantity for trade in sink.trades]
    assert "1 order was refused: not enough buying power." in result.notes


def test_a_reversal_under_margin_is_judged_after_its_closing_half() -> None:
    """The close is booked before the opening order is looked at, in the same bar."""
    diary = Diary({0: [order(BUY, "100")], 1: [order(SELL, "100"), order(SELL, "101")]})
    result, sink = run(diary, [100] * 5, margin=MarginModel.FULL)
    assert 1 == len(sink.trades)
    assert "1 order was refused: not enough buying power." in result.notes


@pytest.mark.parametrize(
    ("side", "closes", "bars"),
    [(SELL, [100, 100, 199, 201, 100, 100], 4), (BUY, [300, 300, 201, 200, 900, 900], 4)],
)
def test_equity_at_zero_ends_the_run_at_that_bar(side: Side, closes: list[int], bars: int) -> None:
    """A short that doubles, or a long on borrowed money that falls, is liquidated there."""
    diary = Diary({0: [order(side, "100")], 3: [order(BUY, "1")]})
    capital = Decimal(10_000)
    result, sink = run(diary, closes, initial_capital=capital)
    assert (True, bars, ["ruined"]) == (
        result.ruined,
        result.bars,
        [trade.exit_reason for trade in sink.trades],
    )
    assert bars == len(sink.rows)
    assert sink.rows[-1][0] == result.last_bar_ns


def test_an_account_that_is_flat_and_empty_is_ruined_too() -> None:
    """A position closed at the very price that leaves exactly nothing ends the run."""
    diary = Diary({0: [order(SELL, "100")], 1: [order(BUY, "100")]})
    prices = [(100, 100, 100, 100)] * 2 + [(200, 200, 100, 100)] + [(100, 100, 100, 100)] * 2
    request = BacktestRequest(
        name="diary",
        make_strategy=lambda: diary,
        instrument=BITCOIN,
        source=ColumnsSource(bars_of(BITCOIN.id, prices, decimals=0)),
    )
    result = run_backtest(request)
    assert (True, 3, ZERO) == (result.ruined, result.bars, result.final_capital)


# --- other instruments -----------------------------------------------------------------------


@pytest.mark.parametrize(("side", "gain"), [(BUY, Decimal("0.5")), (SELL, Decimal("-0.5"))])
def test_inverse_contracts_are_accounted_in_base(side: Side, gain: Decimal) -> None:
    """A hundred contracts of 100 dollars from 100 to 200: half of 100 coins is gained or lost."""
    diary = Diary({0: [order(side, "1", INVERSE_PERPETUAL)]})
    result, sink = run(
        diary, [100, 100, 125, 200, 200], instrument=INVERSE_PERPETUAL, initial_capital=Decimal(3)
    )
    assert ("BTC", 3 + gain) == (result.currency, result.final_capital)
    at_125 = 3 + gain * 2 / 5
    assert [3.0, 3.0, float(at_125), float(3 + gain), float(3 + gain)] == [
        row[1] for row in sink.rows
    ]
    assert [gain] == [trade.pnl for trade in sink.trades]


def test_inverse_long_is_ruined_by_a_fall() -> None:
    """Its loss in base has no bound, so it is watched like a short."""
    diary = Diary({0: [order(BUY, "1", INVERSE_PERPETUAL)]})
    result, _ = run(
        diary, [100, 100, 60, 50, 100], instrument=INVERSE_PERPETUAL, initial_capital=Decimal(1)
    )
    assert (True, 4, ZERO) == (result.ruined, result.bars, result.final_capital)


def test_fees_in_base_leave_a_position_that_can_be_closed() -> None:
    """What is bought arrives less the fee, off the grid, and is sold in full."""
    in_base = evolve(
        BITCOIN, fee_asset=FeeAsset.BASE, quantity_increment=Increment(Decimal("0.01"))
    )
    close = order(SELL, "0.9999", reduce_only=True)
    diary = Diary({0: [order(BUY)], 2: [close]})
    result, sink = run(diary, [100] * 6, instrument=in_base, fees=FeeModel(taker=Decimal("0.0001")))
    assert ["signal"] == [trade.exit_reason for trade in sink.trades]
    assert (ZERO,) == sink.rows[-1][3]
    assert Decimal("9999.980001") == result.final_capital


# --- around it -------------------------------------------------------------------------------


def test_denials_of_the_risk_gate_are_counted_in_the_notes() -> None:
    """A limit that is set counts; reductions pass."""
    wishes = {
        0: [order(BUY, "2")],
        1: [order(BUY, "1")],
        2: [order(SELL, "1")],
        4: [order(BUY, "9")],
    }
    limits = RiskLimits(max_order_notional=Decimal(100))
    result, sink = run(Diary(wishes), [100] * 8, limits=limits)
    assert [Decimal(1)] == [trade.quantity for trade in sink.trades]
    (note,) = result.notes
    assert note.startswith("2 orders were denied by the risk gate: ")


def test_too_few_bars_are_refused_before_anything_is_traded() -> None:
    """The message says how many are needed and how many there are."""
    with pytest.raises(NotEnoughData, match="needs 9 bars before it can decide, and there are 8"):
        run(Diary({}, warmup=9), [100] * 8)


class Streamed:
    """A source that makes its bars chunk by chunk, and keeps none."""

    def __init__(self, chunks: int, count: int) -> None:
        self._one = ColumnsSource(bars_of(BITCOIN.id, [(100, 101, 99, 100)] * CHUNK_BARS))
        self._chunks = chunks
        self.count = count

    def chunks(self) -> Iterator[BarColumns]:
        bars = self._one.columns
        for number in range(self._chunks):
            yield evolve(bars, ts_ns=bars.ts_ns + number * CHUNK_BARS * MINUTE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._one, name)


class Busy(Diary):
    """Trades every twelfth bar: more orders in one chunk than the engine remembers."""

    def __init__(self) -> None:
        super().__init__({})

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        if not isinstance(event, Bar):
            return ()
        self.index += 1
        if self.index % 12:
            return ()
        return [order(SELL if context.quantity(BITCOIN.id) else BUY)]


def peak_of(chunks: int) -> int:
    """Return the most memory in use at once during a run over so many chunks, in bytes."""
    source: Any = Streamed(chunks, chunks * CHUNK_BARS)
    request = BacktestRequest(name="busy", make_strategy=Busy, instrument=BITCOIN, source=source)
    tracemalloc.start()
    try:
        assert chunks * CHUNK_BARS == run_backtest(request).bars
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_bars() -> None:
    """Twice the bars and thousands more trades need the same memory."""
    small, large = peak_of(1), peak_of(2)
    one_column = 8 * CHUNK_BARS  # of the next chunk, made while the last one is still held
    assert large - small < 1.5 * one_column


@pytest.mark.parametrize("count", [CHUNK_BARS - 1, CHUNK_BARS + 1])
def test_a_source_that_changes_while_it_is_read_is_an_error(count: int) -> None:
    """Nothing would be liquidated, or too early: the figures would mean nothing."""
    source: Any = Streamed(1, count)
    request = BacktestRequest(name="busy", make_strategy=Busy, instrument=BITCOIN, source=source)
    with pytest.raises(DataError, match="changed while they were read"):
        run_backtest(request)


def test_exact_equity_follows_from_the_holdings_of_every_row() -> None:
    """Cash and quantity times the close is the equity that the floats are of."""
    wishes = {0: [order(BUY, "3")], 4: [order(SELL, "5")], 7: [order(BUY, "2")]}
    closes = [100, 103, 99, 120, 80, 91, 77, 130, 66, 101]
    _, sink = run(Diary(wishes), closes, fees=FeeModel(taker=Decimal("0.003")))
    for (_, equity, cash, (quantity,)), close in zip(sink.rows, closes, strict=True):
        assert float(cash + quantity * close) == pytest.approx(equity, rel=1e-15)
    assert np.isfinite([row[1] for row in sink.rows]).all()
