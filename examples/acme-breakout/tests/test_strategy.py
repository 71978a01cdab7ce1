"""When the breakout trades, and that it trades the same whichever way it is run."""

import json
from decimal import Decimal
from functools import partial

import pytest
from algopioneer_core.domain.errors import ConfigError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.history.columns import ColumnsSource
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, FeeModel
from algopioneer_core.testing.backtests import RowsSink
from algopioneer_core.testing.bars import TEST_ID, columns_from_closes
from hypothesis import given
from hypothesis import strategies as st

from acme_breakout.config import BreakoutConfig
from acme_breakout.strategy import Breakout

INSTRUMENT = Instrument.undescribed(TEST_ID)
COSTS = FeeModel(taker=Decimal("0.001"))


def trade(closes: list[int], config: BreakoutConfig, engine: EngineChoice) -> RowsSink:
    """Return the trades and the account after each bar, over bars that close at *closes*."""
    kept = RowsSink()
    request = BacktestRequest(
        name="breakout",
        make_strategy=partial(Breakout.make, config, [INSTRUMENT]),
        instrument=INSTRUMENT,
        source=ColumnsSource(columns_from_closes(closes)),
        config=BacktestConfig(fees=COSTS, slippage=Decimal("0.0005"), engine=engine),
    )
    run_backtest(request, [kept])
    return kept


@pytest.mark.parametrize("engine", [EngineChoice.EVENT, EngineChoice.VECTOR])
def test_buys_a_new_high_and_sells_a_new_low(engine: EngineChoice) -> None:
    """A close at the old high is not above it; orders fill on the bar after the decision."""
    closes = [100, 102, 101, 102, 103, 104, 103, 103, 102, 101, 101]
    config = BreakoutConfig(entry_window=3, exit_window=2)

    kept = trade(closes, config, engine)

    held = [any(quantities) for _, _, _, quantities in kept.rows]
    # 103 (bar 4) passes 102: bought in bar 5. 102 (bar 8) passes 103: sold in bar 9.
    assert [bar in range(5, 9) for bar in range(len(closes))] == held
    assert 1 == len(kept.trades)


@given(
    closes=st.lists(st.integers(90, 110), min_size=9, max_size=60),
    entry=st.integers(1, 8),
    data=st.data(),
)
def test_both_engines_trade_alike(closes: list[int], entry: int, data: st.DataObject) -> None:
    """Bar by bar or all at once: the same trades and the same account, to the last digit."""
    config = BreakoutConfig(
        entry_window=entry,
        exit_window=data.draw(st.integers(1, entry)),
        position_size=Decimal("0.7"),
    )

    by_event = trade(closes, config, EngineChoice.EVENT)
    by_array = trade(closes, config, EngineChoice.VECTOR)

    assert by_event.trades == by_array.trades
    assert by_event.rows == by_array.rows


def test_too_few_bars_have_no_signal() -> None:
    """Signals are as many as the bars, even where no decision is possible."""
    strategy = Breakout(BreakoutConfig(entry_window=3, exit_window=2), TEST_ID)

    signals = strategy.signals(columns_from_closes([1, 2, 3]))

    assert [False] * 3 == signals.enter_long.tolist()
    assert [False] * 3 == signals.leave_long.tolist()


def test_state_survives_a_restart() -> None:
    """What `snapshot` returns goes through JSON and makes a fresh strategy the same."""
    config = BreakoutConfig(entry_window=3, exit_window=2)
    first, second = Breakout(config, TEST_ID), Breakout(config, TEST_ID)
    state = {"highs": ["1.02", "1.01", "1.03"], "lows": ["0.99", "1.00"]}

    first.restore(state)
    second.restore(json.loads(json.dumps(first.snapshot())))

    assert state == first.snapshot() == second.snapshot()


def test_exit_window_may_not_be_the_longer() -> None:
    """The message names the parameter to change."""
    with pytest.raises(ConfigError, match="must not exceed entry_window") as refused:
        BreakoutConfig(entry_window=5, exit_window=6)

    assert "exit_window" == refused.value.where
