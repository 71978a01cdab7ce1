"""The two engines on any signals: the same trades, the same money, the same floats."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import DataError, RefusedError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import FeeAsset, Instrument
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import ONE, Increment, from_scaled
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.exit_policies import TimeStop, TimeStopConfig
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.sizing import Sizing
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.history.columns import BarColumns, ColumnsSource, Signals
from algopioneer_core.simulation import backtest
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import (
    BacktestConfig,
    EngineChoice,
    FeeModel,
    FillTiming,
    MarginModel,
)
from algopioneer_core.testing.backtests import RowsSink, bars_of
from algopioneer_core.testing.domain import BITCOIN, INVERSE_PERPETUAL, LINEAR_PERPETUAL

EVENT, VECTOR, AUTO = EngineChoice.EVENT, EngineChoice.VECTOR, EngineChoice.AUTO


class Scripted:
    """Does at each bar what its signals say, in either way of being run."""

    def __init__(self, instrument: Instrument, signals: Signals) -> None:
        self._id = instrument.id
        self._signals = signals
        self._index = -1

    def requirements(self) -> Requirements:
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        if not isinstance(event, Bar):
            return ()
        self._index += 1
        held, wishes = context.quantity(self._id), self._signals
        if context.has_working_orders:
            return ()
        if not held:
            return self._entries(context)
        leave = wishes.leave_long if held > 0 else wishes.leave_short
        if not leave[self._index]:
            return ()
        side = Side.SELL if held > 0 else Side.BUY
        close = OrderIntent(
            instrument_id=self._id, side=side, quantity=held.copy_abs(), reduce_only=True
        )
        return [close, *(each for each in self._entries(context) if each.side is side)]

    def _entries(self, context: StrategyContext) -> list[OrderIntent]:
        wishes, at = self._signals, self._index
        if not wishes.enter_long[at] and not wishes.enter_short[at]:
            return []
        side = Side.BUY if wishes.enter_long[at] else Side.SELL
        entry = wishes.sizing.entry(self._id, side, context)
        return [entry] if entry else []

    def signals(self, bars: BarColumns) -> Signals:
        return self._signals

    def snapshot(self) -> Mapping[str, object]:
        return {}

    def restore(self, state: Mapping[str, object]) -> None:
        raise NotImplementedError


@st.composite
def markets(draw: st.DrawFn, instrument: Instrument) -> BarColumns:
    """Return bars that walk, gap and now and then jump by far enough to ruin somebody."""
    steps = draw(st.lists(st.integers(-60, 60), min_size=2, max_size=40))
    jump_at = draw(st.integers(0, 60))
    factor = draw(st.sampled_from((1, 2, 5, 40)))
    price, prices = draw(st.integers(1_000, 20_000)), []
    for index, step in enumerate(steps):
        start = max(price + step // 3, 1)
        price = max((start + step) * (factor if index == jump_at else 1), 1)
        if index == jump_at + 3:
            price = max(price // (factor * 2), 1)
        prices.append((start, max(start, price), min(start, price), price))
    return bars_of(instrument.id, prices, decimals=draw(st.integers(0, 4)))


def flags(count: int) -> st.SearchStrategy[Any]:
    """Return arrays of that many flags, a quarter of them set."""
    often = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    return often.map(lambda numbers: np.array(numbers, np.int64) == 0)


def fractions(highest: int) -> st.SearchStrategy[Decimal]:
    """Return fractions of up to *highest* basis points."""
    return st.integers(0, highest).map(lambda points: from_scaled(points, 4))


@st.composite
def requests(draw: st.DrawFn) -> BacktestRequest:
    """Return backtests that both engines can run, of all markets, costs and sizes."""
    step = draw(st.sampled_from(("0.00000001", "0.001", "0.25", "1")))
    own_fee = draw(st.one_of(st.none(), st.just(Decimal("0.0004"))))
    instrument = evolve(
        draw(st.sampled_from((BITCOIN, LINEAR_PERPETUAL))),
        quantity_increment=Increment(Decimal(step)),
        taker_fee=own_fee,
    )
    bars = draw(markets(instrument))
    count = len(bars)
    sizing = draw(
        st.one_of(
            st.integers(1, 100).map(lambda share: Sizing(fraction=from_scaled(share, 2))),
            st.integers(1, 400).map(lambda steps: Sizing(quantity=Decimal(step) * steps)),
        )
    )
    enter_long, leave_long, enter_short, leave_short = (draw(flags(count)) for _ in range(4))
    signals = Signals(enter_long, leave_long, enter_short, leave_short, sizing=sizing)
    taker = draw(st.one_of(st.none(), fractions(300)))
    config = BacktestConfig(
        initial_capital=draw(st.sampled_from((Decimal(10_000), Decimal("99.123"), Decimal(3)))),
        fees=FeeModel(taker=taker, per_unit=draw(fractions(200))),
        slippage=draw(fractions(100)),
        fill=draw(st.sampled_from(FillTiming)),
        margin=draw(st.sampled_from(MarginModel)),
        latency_bars=draw(st.sampled_from((0, 0, 1, 3))),
    )
    return BacktestRequest(
        name="scripted",
        make_strategy=lambda: Scripted(instrument, signals),
        instrument=instrument,
        source=ColumnsSource(bars),
        config=config,
    )


def outcome(request: BacktestRequest, engine: EngineChoice) -> tuple[object, ...]:
    """Return figures, trades and rows of a run on *engine*, without the name of the engine."""
    sink = RowsSink()
    asked = evolve(request, config=evolve(request.config, engine=engine))
    result = run_backtest(asked, [sink]).as_dict()
    assert engine.value == result.pop("engine")
    return result, sink.trades, sink.rows


@pytest.mark.slow
@settings(max_examples=120)
@given(requests())
def test_any_signals_give_the_same_result_on_both_engines(request: BacktestRequest) -> None:
    """All figures, trades and rows are equal, floats bit for bit, whatever the market and costs."""
    event, vector = outcome(request, EVENT), outcome(request, VECTOR)
    assert event == vector


def test_a_reversal_without_margin_is_not_refused_for_want_of_cash() -> None:
    """Closing at a loss leaves less than no cash; a model without margin opens all the same."""
    at = np.arange(6)
    signals = Signals(at == 0, at == 2, at == 2, at == 3, sizing=Sizing(fraction=ONE))
    prices = [(1_000, 1_000, 1_000, 1_000)] * 3 + [(10, 10, 10, 10)] * 3
    request = BacktestRequest(
        name="reversal",
        make_strategy=lambda: Scripted(BITCOIN, signals),
        instrument=BITCOIN,
        source=ColumnsSource(bars_of(BITCOIN.id, prices)),
        config=BacktestConfig(fees=FeeModel(per_unit=Decimal(1))),
    )
    event, vector = outcome(request, EVENT), outcome(request, VECTOR)
    assert event == vector
    assert 2 == len(event[1])  # type: ignore[arg-type]  # the trades


def long_request(bars: int, engine: EngineChoice, **changes: Any) -> BacktestRequest:
    """Return a request over a saw of *bars* bars that trades every 1 024 of them."""
    ticks = 10_000 + np.abs(np.arange(bars) % 700 - 350)
    columns = bars_of(BITCOIN.id, np.stack([ticks] * 4, 1).tolist())
    index = np.arange(bars)
    nowhere = np.zeros(bars, np.bool_)
    signals = Signals(
        enter_long=index % 1024 == 7,
        leave_long=index % 1024 == 500,
        enter_short=nowhere,
        leave_short=nowhere,
        sizing=Sizing(fraction=ONE),
    )
    return BacktestRequest(
        name="saw",
        make_strategy=lambda: Scripted(BITCOIN, signals),
        instrument=BITCOIN,
        source=ColumnsSource(columns),
        config=BacktestConfig(fees=FeeModel(taker=Decimal("0.0001")), engine=engine),
        **changes,
    )


@pytest.mark.slow
def test_a_run_of_several_chunks_is_equal_too() -> None:
    """Holdings and figures carry over from one chunk of bars to the next alike."""
    request = long_request(70_000, AUTO)
    event, vector = outcome(request, EVENT), outcome(request, VECTOR)
    assert event == vector


# --- which engine runs -----------------------------------------------------------------------


class Counted:
    """A source that counts how often it is loaded."""

    def __init__(self, source: ColumnsSource) -> None:
        self._source = source
        self.loads = 0

    def load(self) -> BarColumns:
        self.loads += 1
        return self._source.load()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def small_request(engine: EngineChoice = AUTO, **changes: Any) -> BacktestRequest:
    """Return a request over the saw that is over at once, with *changes*."""
    request = long_request(3_000, engine)
    return evolve(request, **changes)


def test_auto_takes_the_vector_engine_and_loads_the_bars_once() -> None:
    """Where nothing stands against it, all bars are read into memory one time."""
    request = small_request()
    source: Any = Counted(request.source)  # type: ignore[arg-type]  # it is one here
    assert "vector" == run_backtest(evolve(request, source=source)).engine
    assert 1 == source.loads


@pytest.mark.parametrize(
    "changes",
    [
        {"instrument": INVERSE_PERPETUAL},
        {"instrument": evolve(BITCOIN, fractionable=False)},
        {"instrument": evolve(BITCOIN, minimum_quantity=ONE)},
        {"instrument": evolve(BITCOIN, minimum_notional=ONE)},
        {"instrument": evolve(BITCOIN, fee_asset=FeeAsset.BASE)},
        {"config": BacktestConfig(volume_limit=Decimal("0.5"))},
        {"exits": (TimeStop(TimeStopConfig(bars=3)),)},
        {"limits": RiskLimits(max_order_notional=Decimal(10))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_needs_every_bar_runs_on_the_event_engine_without_loading(
    changes: dict[str, Any],
) -> None:
    """Auto falls back by itself and keeps streaming; asking for the vector engine is refused."""
    request = small_request(**changes)
    source: Any = Counted(request.source)  # type: ignore[arg-type]  # it is one here
    request = evolve(request, source=source)
    instrument = request.instrument
    if instrument is INVERSE_PERPETUAL:
        scripted = request.make_strategy()
        request = evolve(
            request,
            make_strategy=lambda: Scripted(instrument, scripted.signals(source.columns)),  # type: ignore[attr-defined]  # our own class
        )
        source = Counted(ColumnsSource(evolve(source.columns, instrument_id=instrument.id)))
        request = evolve(request, source=source)
    assert "event" == run_backtest(request).engine
    assert 0 == source.loads
    config = evolve(request.config, engine=VECTOR)
    with pytest.raises(RefusedError, match="the vector engine cannot run this"):
        run_backtest(evolve(request, config=config))


def test_signals_that_ask_for_what_is_refused_need_the_event_engine() -> None:
    """Quantities off the grid and shorts of what cannot be shorted are refused order by order."""
    bars = bars_of(BITCOIN.id, [(100, 100, 100, 100)] * 9)
    at = np.arange(9)
    nowhere = np.zeros(9, np.bool_)
    odd = Signals(at == 2, at == 5, nowhere, nowhere, sizing=Sizing(quantity=Decimal("0.5")))
    short = Signals(nowhere, nowhere, at == 2, at == 5, sizing=Sizing(fraction=ONE))
    whole = evolve(BITCOIN, quantity_increment=Increment(ONE))
    owned = evolve(BITCOIN, shortable=False)
    for instrument, signals, reason in (
        (whole, odd, "the quantity is not a multiple of the increment"),
        (owned, short, "the instrument cannot be sold short"),
    ):
        request = BacktestRequest(
            name="refused",
            make_strategy=lambda i=instrument, s=signals: Scripted(i, s),  # type: ignore[misc]  # bound now
            instrument=instrument,
            source=ColumnsSource(bars),
        )
        result = run_backtest(request)
        assert ("event", 0) == (result.engine, result.performance.trades.totals.total)
        assert f"1 order was refused: {reason}." in result.notes


def test_very_many_bars_are_streamed_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Above a number of bars that memory would feel, auto prefers the engine that keeps none."""
    monkeypatch.setattr(backtest, "AUTO_VECTOR_BARS", 2_999)
    assert "event" == run_backtest(small_request()).engine
    assert "vector" == run_backtest(small_request(VECTOR)).engine


def test_signals_of_the_wrong_length_are_an_error() -> None:
    """A strategy that has no signal for some bars is named."""
    longer = long_request(4_000, AUTO)
    request = evolve(small_request(), make_strategy=longer.make_strategy)
    with pytest.raises(DataError, match="4000 of 3000 bars"):
        run_backtest(request)
