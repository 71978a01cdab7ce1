"""A small finished run with everything in it, which the page and the terminal have to show."""

from decimal import Decimal

import numpy as np
import pytest
from attrs import frozen

from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.history.columns import BarColumns
from algopioneer_core.history.joined import JointColumns
from algopioneer_core.reports.chart_series import ChartSeries
from algopioneer_core.simulation.config import BacktestConfig, FeeModel
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.performance import Performance
from algopioneer_core.simulation.result import BacktestResult
from algopioneer_core.simulation.sinks import Holding
from algopioneer_core.simulation.trade_statistics import TradeStatistics

HOUR = 3_600_000_000_000
START = 1_640_995_200_000_000_000
CLOSES = (10_000, 11_000, 9_900, 12_000, 11_500)
EQUITY = (1_000.0, 1_100.0, 990.0, 1_000.0, 1_050.5)


@frozen
class Run:
    """A result and what was collected for its charts."""

    result: BacktestResult
    series: ChartSeries


def _bars() -> BarColumns:
    closes = np.array(CLOSES, np.int64)
    return BarColumns(
        instrument_id=InstrumentId("file", "<A&B>"),
        interval_ns=HOUR,
        ts_ns=START + np.arange(1, len(closes) + 1, dtype=np.int64) * HOUR,
        open=closes,
        high=closes,
        low=closes,
        close=closes,
        volume=np.zeros_like(closes),
        price_decimals=2,
        volume_decimals=0,
    )


def _trade(side: Side, entry: int, leave: int, pnl: str) -> RoundTrip:
    return RoundTrip(
        instrument_id=InstrumentId("file", "<A&B>"),
        side=side,
        quantity=Decimal(10),
        entry_ns=START + (entry + 1) * HOUR,
        exit_ns=START + (leave + 1) * HOUR,
        entry_price=Decimal(CLOSES[entry]).scaleb(-2),
        exit_price=Decimal(CLOSES[leave]).scaleb(-2),
        pnl=Decimal(pnl),
        fees=Decimal("0.5"),
        cost=Decimal(CLOSES[entry]).scaleb(-1),
        exit_reason="</script><b>signal</b>",
    )


@pytest.fixture
def trades() -> tuple[RoundTrip, ...]:
    """A loss to the long side and a gain to the short side."""
    return _trade(Side.BUY, 1, 2, "-110"), _trade(Side.SELL, 3, 4, "50.5")


@pytest.fixture
def run(trades: tuple[RoundTrip, ...]) -> Run:
    """Five hourly bars, two trades."""
    bars, equity = _bars(), np.array(EQUITY)
    statistics, counted, series = (
        EquityStatistics(initial_capital=Decimal(1_000)),
        TradeStatistics(),
        ChartSeries(),
    )
    exposed = np.array([False, True, False, True, False])
    statistics.add(bars.ts_ns, equity, bars.close_float(), exposed)
    series.bars(JointColumns((bars,)), equity, [Holding(0, Decimal(1_000), (Decimal(0),))])
    for trade in trades:
        counted.add(trade)
        series.round_trip(trade)
    result = BacktestResult(
        strategy="moving-average",
        symbols=("<A&B>",),
        interval_ns=HOUR,
        bars=len(bars),
        first_bar_ns=int(bars.ts_ns[0]),
        last_bar_ns=int(bars.ts_ns[-1]),
        initial_capital=Decimal(1_000),
        final_capital=Decimal("1050.5"),
        performance=Performance(statistics.finish(Decimal("1050.5")), counted.finish()),
        engine="event",
        config=BacktestConfig(slippage=Decimal("0.0005"), fees=FeeModel(taker=Decimal("0.001"))),
        parameters={"short_window": 5, "position_size": Decimal("0.50"), "allow_short": True},
        data={"file": "bars.csv", "gaps": {"count": 1}, "start": None, "symbols": ("a", "b")},
        notes=("Bars were stamped by their <open>.",),
    )
    return Run(result, series)
