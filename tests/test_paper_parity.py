"""
A backtest, and the paper venue over a replay of the same bars, trade the same (SEMANTICS, parity).

To the last digit: time, order, instrument, side, quantity, price, fee and liquidity of every fill.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from attrs import evolve

from algopioneer_core.domain.commands import StrategyCommand
from algopioneer_core.domain.events import Event, OrderFilled
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.strategy import Strategy, StrategyContext
from algopioneer_core.history.bar_files import ReadOptions, open_bars
from algopioneer_core.history.columns import BarColumns, BarSource, ColumnsSource
from algopioneer_core.history.intervals import DAY_NS
from algopioneer_core.history.joined import join_bars
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import EngineChoice, FillTiming
from algopioneer_core.simulation.paper import PaperVenue
from algopioneer_core.simulation.paper_config import PaperConfig
from algopioneer_core.simulation.replay import ReplayVenue
from algopioneer_core.simulation.result import BacktestResult
from algopioneer_core.simulation.spread_backtest import (
    PATIENT_RULES,
    SpreadBacktestRequest,
    run_spread_backtest,
)
from algopioneer_core.testing.backtests import bars_of
from algopioneer_core.testing.lockstep import LockstepDriver
from algopioneer_strategies.config import MovingAverageConfig
from algopioneer_strategies.moving_average import MovingAverage
from algopioneer_strategies.pairs import Pairs
from algopioneer_strategies.pairs_config import PairsConfig

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
BITCOIN_FILE: Final = DATA / "btc-perp-2022-01-1m.csv"
EQUITIES_FILE: Final = DATA / "us-equities-20-daily-1990-2022.csv.gz"
CONFIG: Final = PaperConfig(taker_fee_bps=Decimal(10), slippage_bps=Decimal("2.5"))


def instrument(symbol: str) -> Instrument:
    """Return an instrument of the replay about which nothing is known."""
    return Instrument.undescribed(InstrumentId("replay", symbol))


def wander(symbol: str, seed: int, count: int = 400) -> BarColumns:
    """Return bars of a price that strays and comes back."""
    chance = np.random.Generator(np.random.PCG64(seed))
    steps = 10_000 + np.cumsum(chance.integers(-40, 41, count))
    closes = np.maximum(steps, 100)
    opens = closes + chance.integers(-9, 10, count)
    rows = [
        (int(o), int(max(o, c)) + 3, int(min(o, c)) - 3, int(c))
        for o, c in zip(opens, closes, strict=True)
    ]
    return bars_of(InstrumentId("replay", symbol), rows)


class Witness:
    """A strategy that keeps the fills it is told of, and leaves the rest to another."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.requirements = strategy.requirements
        self.snapshot = strategy.snapshot
        self.restore = strategy.restore
        self.fills: list[Fill] = []

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Keep a fill; return what the other strategy wants."""
        if isinstance(event, OrderFilled):
            self.fills.append(evolve(event.fill, fill_id=""))  # each venue has ids of its own
        return self._strategy.on_event(event, context)


def backtest(
    strategy: Strategy,
    instruments: Sequence[Instrument],
    sources: Sequence[BarSource],
    config: PaperConfig,
) -> BacktestResult:
    """Run the event engine's backtest over one instrument or two."""
    simulation = evolve(config.simulation(), engine=EngineChoice.EVENT)
    if len(instruments) == 2:
        return run_spread_backtest(
            SpreadBacktestRequest(
                name="parity",
                make_strategy=lambda: strategy,
                instruments=tuple(instruments),
                source=join_bars(sources),
                config=simulation,
            )
        )
    return run_backtest(
        BacktestRequest(
            name="parity",
            make_strategy=lambda: strategy,
            instrument=instruments[0],
            source=sources[0],
            config=simulation,
        )
    )


def make_engine(strategy: Strategy, instruments: Sequence[Instrument]) -> TradingEngine:
    """Return an engine like that of a backtest."""
    portfolio = Portfolio(instruments, Decimal(10_000))
    orders = OrderManager(order_ids("backtest", "backtest", "parity"))
    if len(instruments) == 1:
        return TradingEngine("parity", strategy, portfolio, orders)
    first, second = instruments
    legs = LegManager((first, second), portfolio, orders, PATIENT_RULES)
    return TradingEngine("parity", strategy, portfolio, orders, legs=legs)


async def on_paper(
    engine: TradingEngine, sources: Sequence[BarSource], config: PaperConfig
) -> PaperVenue:
    """Run an engine on paper over a replay."""
    instruments = list(engine.portfolio.instruments.values())
    replay = ReplayVenue("replay", instruments, sources)
    venue = PaperVenue(config, replay, instruments)
    await LockstepDriver(venue, engine, joint=len(instruments) == 2).run()
    return venue


async def compare(
    make: Callable[[], Strategy], sources: Sequence[BarSource], config: PaperConfig
) -> list[Fill]:
    """Trade both ways; return the fills, which are the same."""
    instruments = [instrument(source.instrument_id.symbol) for source in sources]
    tested, on_bars = Witness(make()), Witness(make())
    result = backtest(tested, instruments, sources, config)
    engine = make_engine(on_bars, instruments)
    venue = await on_paper(engine, sources, config)

    traded = len(on_bars.fills)
    assert tested.fills[:traded] == on_bars.fills
    liquidated = tested.fills[traded:]  # at the end of the data, which paper does not have
    assert len(liquidated) <= len(instruments)
    assert all(fill.ts_event == result.last_bar_ns for fill in liquidated)
    await agree(engine, venue)
    return on_bars.fills


async def agree(engine: TradingEngine, venue: PaperVenue) -> None:
    """Check that the strategy's books are the account's, to the last digit."""
    portfolio = engine.portfolio
    held = {key: each.quantity for key, each in portfolio.positions.items() if each.quantity}
    assert held == dict(await venue.execution.positions())
    (cash,) = (each.total for each in await venue.execution.balances() if each.asset == "USD")
    assert portfolio.cash == cash


@pytest.mark.parametrize("fill", FillTiming)
@pytest.mark.parametrize("extras", [{}, {"volume_limit": Decimal("0.002")}, {"latency_bars": 2}])
async def test_moving_average_on_paper_is_the_backtest(
    fill: FillTiming, extras: dict[str, Any]
) -> None:
    """Long and short, with fees, slippage, partial fills and late orders."""
    settings = MovingAverageConfig(short_window=3, long_window=9, allow_short=True)
    source = ColumnsSource(wander("BTC-USD", 7))
    fills = await compare(
        lambda: MovingAverage(settings, source.instrument_id),
        [source],
        evolve(CONFIG, fill=fill, **extras),
    )
    assert len(fills) > 40


async def test_pairs_on_paper_is_the_backtest() -> None:
    """Two legs: fills of both come before either bar is shown."""
    settings = PairsConfig(window=20, z_entry=Decimal("1.5"))
    sources = [ColumnsSource(wander("AA-USD", 1)), ColumnsSource(wander("BB-USD", 2))]
    instruments = [instrument("AA-USD"), instrument("BB-USD")]
    fills = await compare(lambda: Pairs.make(settings, instruments), sources, CONFIG)
    assert len(fills) > 20


@pytest.mark.skipif(not DATA.exists(), reason="the market data is not beside this repository")
@pytest.mark.slow
async def test_moving_average_on_real_minutes_is_the_backtest() -> None:
    """A month of bitcoin, from the file."""
    settings = MovingAverageConfig(short_window=20, long_window=60, allow_short=True)
    source = open_bars(BITCOIN_FILE, InstrumentId("replay", "BTC-PERP"))
    fills = await compare(lambda: MovingAverage(settings, source.instrument_id), [source], CONFIG)
    assert len(fills) > 500


@pytest.mark.skipif(not DATA.exists(), reason="the market data is not beside this repository")
async def test_pairs_on_real_days_is_the_backtest() -> None:
    """Two equities out of the one wide file."""
    settings = PairsConfig(window=60)
    instruments = [instrument("KO"), instrument("PEP")]
    reading = ReadOptions(interval_ns=DAY_NS, accept=frozenset({"nan", "off-grid", "long-prices"}))
    sources = [open_bars(EQUITIES_FILE, each.id, reading) for each in instruments]
    fills = await compare(lambda: Pairs.make(settings, instruments), sources, CONFIG)
    assert len(fills) > 100
