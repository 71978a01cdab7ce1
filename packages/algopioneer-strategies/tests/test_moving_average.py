import itertools
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import from_scaled
from algopioneer_core.domain.orders import OrderIntent
from algopioneer_core.engine.context import EngineContext
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.history.columns import BarColumns, ColumnsSource
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import (
    BacktestConfig,
    EngineChoice,
    FeeModel,
    FillTiming,
    MarginModel,
)
from algopioneer_core.testing.backtests import RowsSink, bars_of
from algopioneer_core.testing.domain import BITCOIN
from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage

Decision = tuple[str, ...]


def flat_context() -> EngineContext:
    """Return the view of a strategy that holds nothing and never will."""
    portfolio = Portfolio([BITCOIN], Decimal(1000))
    portfolio.mark_bar(bar(0, 100))
    return EngineContext(portfolio, OrderManager(iter("abc").__next__))


def bar(index: int, ticks: int, decimals: int = 0, instrument_id: str = BITCOIN.id) -> Bar:
    """Return a bar that closes at so many ticks."""
    name = InstrumentId.parse(instrument_id)
    return Bar(name, index + 1, ticks, ticks, ticks, ticks, 0, decimals, 0, index + 1)


def sides(wishes: Iterable[StrategyCommand]) -> Decision:
    """Return the sides of the orders that are wished for."""
    return tuple(wish.side.value for wish in wishes if isinstance(wish, OrderIntent))


def strategy(short: int, long: int, *, allow_short: bool = True) -> MovingAverage:
    """Return a strategy with these windows."""
    config = MovingAverageConfig(short_window=short, long_window=long, allow_short=allow_short)
    return MovingAverage(config, BITCOIN.id)


def decisions(made: MovingAverage, bars: Iterable[Bar]) -> list[Decision]:
    """Return what *made*, held flat, wishes at each bar."""
    context = flat_context()
    return [sides(made.on_event(each, context)) for each in bars]


def by_the_rules(closes: Sequence[Fraction | int], short: int, long: int) -> list[Decision]:
    """Return what a flat strategy wishes at each bar, from means in fractions."""

    def means(index: int) -> tuple[Fraction, Fraction]:
        quick, slow = closes[index + 1 - short : index + 1], closes[index + 1 - long : index + 1]
        return Fraction(sum(quick)) / short, Fraction(sum(slow)) / long

    result: list[Decision] = []
    for index in range(len(closes)):
        wish: Decision = ()
        if index >= long:
            (quick_before, slow_before), (quick, slow) = means(index - 1), means(index)
            if quick_before <= slow_before and quick > slow:
                wish = ("buy",)
            elif quick_before >= slow_before and quick < slow:
                wish = ("sell",)
        result.append(wish)
    return result


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int]:
    """Return a short window and a longer one."""
    short = draw(st.integers(1, 5))
    return short, draw(st.integers(short + 1, 9))


def closes(highest: int = 12) -> st.SearchStrategy[list[int]]:
    """Return closes on so coarse a grid that means often tie."""
    return st.lists(st.integers(1, highest), min_size=1, max_size=50)


@given(windows(), closes())
def test_decisions_are_those_of_exact_means(pair: tuple[int, int], prices: list[int]) -> None:
    """No tie is made or lost, whatever the windows; the first decision is at bar `long`."""
    bars = [bar(index, price) for index, price in enumerate(prices)]
    assert by_the_rules(prices, *pair) == decisions(strategy(*pair), bars)


@given(windows(), closes(), st.sampled_from((1, 10**12, 2**55)))
def test_signals_over_an_array_are_those_of_the_bars(
    pair: tuple[int, int], prices: list[int], scale: int
) -> None:
    """Also where prices are so large that only Python's integers hold their sums."""
    columns = bars_of(BITCOIN.id, [(price * scale,) * 4 for price in prices])
    signals = strategy(*pair).signals(columns)
    entries: list[Decision] = [
        ("buy",) if up else ("sell",) if down else ()
        for up, down in zip(signals.enter_long, signals.enter_short, strict=True)
    ]
    assert by_the_rules(prices, *pair) == entries


@given(windows(), closes())
def test_leaving_is_wanted_wherever_the_short_mean_is_on_the_wrong_side(
    pair: tuple[int, int], prices: list[int]
) -> None:
    """That takes no crossing, only being there, and not before the first decision."""
    short, long = pair
    signals = strategy(short, long).signals(bars_of(BITCOIN.id, [(p,) * 4 for p in prices]))
    for index in range(len(prices)):
        quick = Fraction(sum(prices[max(index + 1 - short, 0) : index + 1]), short)
        slow = Fraction(sum(prices[max(index + 1 - long, 0) : index + 1]), long)
        assert signals.leave_long[index] == (index >= long and quick < slow)
        assert signals.leave_short[index] == (index >= long and quick > slow)


def test_short_signals_exist_only_where_shorts_are_allowed() -> None:
    """Long only is the default."""
    columns = bars_of(BITCOIN.id, [(price,) * 4 for price in (5, 6, 7, 3, 2, 1, 8, 9)])
    signals = strategy(1, 3, allow_short=False).signals(columns)
    assert not signals.enter_short.any()
    assert not signals.leave_short.any()
    assert signals.enter_long.any()


@given(windows(), st.lists(st.tuples(st.integers(1, 900), st.integers(0, 4)), max_size=40))
def test_a_change_of_the_price_grid_changes_no_decision(
    pair: tuple[int, int], prices: list[tuple[int, int]]
) -> None:
    """Bars may come finer or coarser than those before; the means are of the same prices."""
    bars = [bar(index, ticks, places) for index, (ticks, places) in enumerate(prices)]
    exact = [Fraction(ticks, 10**places) for ticks, places in prices]
    assert by_the_rules(exact, *pair) == decisions(strategy(*pair), bars)


@given(windows(), closes(), st.integers(0, 50), st.integers(0, 3))
def test_a_restored_strategy_goes_on_as_if_nothing_had_happened(
    pair: tuple[int, int], prices: list[int], cut: int, places: int
) -> None:
    """Its state goes through JSON and carries everything, before the window is full or after."""
    bars = [bar(index, price, places) for index, price in enumerate(prices)]
    first, second = strategy(*pair), strategy(*pair)
    before = decisions(first, bars[:cut])
    second.restore(json.loads(json.dumps(first.snapshot())))
    assert by_the_rules(prices, *pair) == before + decisions(second, bars[cut:])


def test_a_state_of_other_windows_is_refused() -> None:
    """Sums of another length would decide wrongly without a word."""
    with pytest.raises(ConfigError, match=r"for windows \[2, 4\], not \[2, 5\]"):
        strategy(2, 5).restore(strategy(2, 4).snapshot())


def test_bars_of_other_instruments_are_ignored() -> None:
    """They change neither sums nor decisions."""
    made = strategy(1, 2)
    mixed = [bar(0, 3), bar(0, 99, 0, "sim:ETH-USD"), bar(1, 2), bar(2, 9)]
    assert [(), (), (), ("buy",)] == decisions(made, mixed)


def test_warm_up_is_the_long_window_and_one_more() -> None:
    """The first comparison needs the means of the bar before."""
    assert 21 == MovingAverage.make(MovingAverageConfig(), [BITCOIN]).requirements().warmup_bars


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"short_window": 5, "long_window": 5}, r"short_window \(5\) must be below long_window"),
        ({"short_window": 0}, "short_window"),
        ({"position_size": Decimal(0)}, "position_size"),
        ({"position_size": Decimal("1.01")}, "position_size"),
        ({"quantity": Decimal(0)}, "quantity"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings_: dict[str, object], message: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError, match=message):
        MovingAverageConfig(**settings_)  # type: ignore[arg-type]  # wrong on purpose


# --- traded ----------------------------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn) -> BacktestRequest:
    """Return backtests of the strategy over walks with a jump, in all kinds of markets."""
    short, long = draw(windows())
    steps = draw(st.lists(st.integers(-9, 9), min_size=long + 1, max_size=120))
    jump_at, factor = draw(st.integers(0, 200)), draw(st.sampled_from((1, 3, 20)))
    walk = itertools.accumulate(steps, lambda price, step: max(price + step, 1), initial=300)
    prices = [price * (factor if index >= jump_at else 1) for index, price in enumerate(walk)]
    rows = [
        (start, max(start, end), min(start, end), end) for start, end in itertools.pairwise(prices)
    ]
    quantity = draw(st.one_of(st.none(), st.integers(1, 90).map(Decimal)))
    config = MovingAverageConfig(
        short_window=short,
        long_window=long,
        position_size=from_scaled(draw(st.integers(1, 100)), 2),
        quantity=quantity,
        allow_short=draw(st.booleans()),
    )
    fee = from_scaled(draw(st.integers(0, 300)), 4)
    return BacktestRequest(
        name="moving-average",
        make_strategy=lambda: MovingAverage(config, BITCOIN.id),
        instrument=BITCOIN,
        source=ColumnsSource(bars_of(BITCOIN.id, rows)),
        config=BacktestConfig(
            initial_capital=Decimal(500),
            fees=FeeModel(taker=fee, per_unit=from_scaled(draw(st.integers(0, 9)), 3)),
            slippage=from_scaled(draw(st.integers(0, 50)), 4),
            fill=draw(st.sampled_from(FillTiming)),
            margin=draw(st.sampled_from(MarginModel)),
            latency_bars=draw(st.sampled_from((0, 0, 1, 4))),
        ),
    )


def outcome(request: BacktestRequest, engine: EngineChoice) -> tuple[object, ...]:
    """Return figures, trades and rows of a run, without the name of the engine."""
    sink = RowsSink()
    asked = evolve(request, config=evolve(request.config, engine=engine))
    result = run_backtest(asked, [sink]).as_dict()
    assert engine.value == result.pop("engine")
    return result, sink.trades, sink.rows


@pytest.mark.slow
@settings(max_examples=60)
@given(requests())
def test_both_engines_trade_it_to_the_same_last_digit(request: BacktestRequest) -> None:
    """All figures, trades and rows are equal, floats bit for bit."""
    event, vector = (outcome(request, each) for each in (EngineChoice.EVENT, EngineChoice.VECTOR))
    assert event == vector


def traded(prices: Sequence[int], config: MovingAverageConfig) -> list[tuple[str, str, str]]:
    """Return side, entry and exit price of the trades over bars that open at the last close."""
    rows = [(o, max(o, c), min(o, c), c) for o, c in itertools.pairwise((prices[0], *prices))]
    columns: BarColumns = bars_of(BITCOIN.id, rows, decimals=0)
    sink = RowsSink()
    request = BacktestRequest(
        name="moving-average",
        make_strategy=lambda: MovingAverage(config, BITCOIN.id),
        instrument=BITCOIN,
        source=ColumnsSource(columns),
        config=BacktestConfig(engine=EngineChoice.EVENT),
    )
    run_backtest(request, [sink])
    return [
        (trade.side.value, str(trade.entry_price), str(trade.exit_price)) for trade in sink.trades
    ]


def test_a_crossing_enters_and_the_wrong_side_leaves() -> None:
    """Long only: what the default configuration family does with one hill."""
    config = MovingAverageConfig(short_window=1, long_window=2)
    assert [("buy", "20", "15")] == traded([10, 10, 10, 20, 30, 15, 15, 14, 13], config)


def test_a_reversal_closes_and_opens_at_the_same_price() -> None:
    """With shorts allowed one decision makes two orders."""
    config = MovingAverageConfig(short_window=1, long_window=2, allow_short=True)
    assert [("buy", "20", "15"), ("sell", "15", "18")] == traded(
        [10, 10, 10, 20, 30, 15, 15, 14, 18, 18], config
    )[:2]


def test_prices_beyond_int64_sums_switch_to_pythons_integers() -> None:
    """The array that would wrap in 64 bits decides like the bars do."""
    huge = 2**62
    prices = [huge - 9, huge - 9, huge - 9, huge, huge, huge - 5]
    columns = bars_of(BITCOIN.id, [(price,) * 4 for price in prices])
    signals = strategy(1, 2).signals(columns)
    assert [3] == np.flatnonzero(signals.enter_long).tolist()
    assert [5] == np.flatnonzero(signals.enter_short).tolist()
    assert Side.BUY.value == decisions(strategy(1, 2), columns.bars())[3][0]
