"""
Backtests: one strategy over one instrument's bars, by whichever engine serves.

`run_backtest` is the one way in. It makes the strategy, lets it trade with a simulated account,
and returns the figures; rows (bars, equity, trades) go to sinks while it runs, so that memory does
not grow with the number of bars unless a sink keeps them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from algopioneer_core.domain.errors import NotEnoughData, RefusedError
from algopioneer_core.domain.instruments import Instrument
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.exits import ExitCosts, ExitPolicy
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.strategy import Strategy
from algopioneer_core.history.columns import BarSource, Signals, SupportsSignals
from algopioneer_core.simulation.account import MarginCheck
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, MarginModel
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.event_backtest import EventBacktest
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.simulation.performance import Performance
from algopioneer_core.simulation.result import BacktestResult, Plain
from algopioneer_core.simulation.sinks import ResultSink
from algopioneer_core.simulation.tape import EquityTape
from algopioneer_core.simulation.trade_statistics import TradeFigures, TradeStatistics
from algopioneer_core.simulation.vector_backtest import VectorBacktest, why_not

__all__ = ["BacktestRequest", "run_backtest"]

_NO_JOURNAL: Final = "backtest"


@frozen(kw_only=True)
class BacktestRequest:
    """What is to be tested: a strategy, its bars, and the market it trades in."""

    name: str
    """The strategy's name, for the report."""
    make_strategy: Callable[[], Strategy]
    """Makes a fresh strategy; called once for each run."""
    instrument: Instrument
    source: BarSource
    config: BacktestConfig = field(factory=BacktestConfig)
    exits: Sequence[ExitPolicy] = ()
    parameters: Mapping[str, Plain] = field(factory=dict)
    """The strategy's configuration, for the report."""
    data: Mapping[str, Plain] = field(factory=dict)
    """Where the bars came from, for the report."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge the figures."""


def run_backtest(request: BacktestRequest, sinks: Sequence[ResultSink] = ()) -> BacktestResult:
    """
    Run *request* and return its figures; rows go to *sinks* while it runs.

    Raises:
        NotEnoughData: There are fewer bars than the strategy needs to decide once.
        RefusedError: The vector engine was asked for and cannot run this.
    """
    strategy = request.make_strategy()
    _check_warmup(strategy, request)
    signals, obstacle = _signals(strategy, request)
    if signals is not None:
        return _run_vector(request, signals, sinks)
    if request.config.engine is EngineChoice.VECTOR:
        raise RefusedError(
            f"the vector engine cannot run this: {obstacle}",
            where=request.name,
            remedy="use --engine event or auto",
        )
    return _run_event(request, strategy, sinks)


def _check_warmup(strategy: Strategy, request: BacktestRequest) -> None:
    needed, count = strategy.requirements().warmup_bars, request.source.count
    if count < needed:
        raise NotEnoughData(
            f"{request.name} needs {needed} bars before it can decide, and there are {count}",
            where=request.instrument.id,
            remedy="give it more bars or shorter windows",
        )


def _signals(strategy: Strategy, request: BacktestRequest) -> tuple[Signals | None, str]:
    """Return the strategy's signals on all bars, or None and why the vector engine cannot serve."""
    if request.config.engine is EngineChoice.EVENT:
        return None, "the event engine was asked for"
    if not isinstance(strategy, SupportsSignals):
        return None, "the strategy offers no signals"
    if request.exits:
        return None, "exit policies look at every bar"
    signals = strategy.signals(request.source.load())
    obstacle = why_not(request.instrument, request.config, signals.sizing)
    return (None, obstacle) if obstacle else (signals, "")


# --- the two engines -------------------------------------------------------------------------


def _run_vector(
    request: BacktestRequest, signals: Signals, sinks: Sequence[ResultSink]
) -> BacktestResult:
    statistics = EquityStatistics(initial_capital=request.config.initial_capital)
    costs = CostModel.of(request.instrument, request.config)
    run = VectorBacktest(costs, request.config, request.source.load(), signals)
    run.run(statistics)
    if sinks:
        run.feed(sinks)
    return _result(
        request,
        run,
        Performance(statistics.finish(run.final_capital), TradeFigures.of(run.totals())),
    )


def _run_event(
    request: BacktestRequest, strategy: Strategy, sinks: Sequence[ResultSink]
) -> BacktestResult:
    config, instrument = request.config, request.instrument
    statistics = EquityStatistics(initial_capital=config.initial_capital)
    trades = TradeStatistics(inverse=instrument.inverse)
    tape = EquityTape(instrument, statistics, sinks)

    def on_round_trip(trade: RoundTrip) -> None:
        trades.add(trade)
        tape.round_trip(trade)

    portfolio = Portfolio([instrument], config.initial_capital, on_round_trip=on_round_trip)
    orders = OrderManager(order_ids(_NO_JOURNAL, _NO_JOURNAL, request.name))
    costs = CostModel.of(instrument, config)
    carry = MarginCheck(portfolio, instrument, config.margin)
    matcher = BarMatcher(
        costs,
        config,
        request.source.interval_ns,
        None if config.margin is MarginModel.NONE else carry,
    )
    exits = ExitMonitor(request.exits, _exit_costs(costs)) if request.exits else None
    engine = TradingEngine(strategy, portfolio, orders, exits)
    run = EventBacktest(engine, instrument, matcher, tape)
    run.run(request.source)
    return _result(
        request, run, Performance(statistics.finish(run.final_capital), trades.finish())
    )


def _exit_costs(costs: CostModel) -> ExitCosts:
    return ExitCosts(fee=costs.taker, per_unit=costs.per_unit, slippage=costs.slippage)


def _result(
    request: BacktestRequest, run: EventBacktest | VectorBacktest, performance: Performance
) -> BacktestResult:
    return BacktestResult(
        strategy=request.name,
        symbols=(request.instrument.id.symbol,),
        interval_ns=request.source.interval_ns,
        bars=run.bars,
        first_bar_ns=request.source.first_ns,
        last_bar_ns=run.last_ns,
        currency=request.instrument.settlement_asset,
        initial_capital=request.config.initial_capital,
        final_capital=run.final_capital,
        performance=performance,
        engine="vector" if isinstance(run, VectorBacktest) else "event",
        ruined=run.ruined,
        config=request.config,
        parameters=request.parameters,
        data=request.data,
        notes=(*request.notes, *_refusals(run.rejections)),
    )


def _refusals(rejections: Mapping[str, int]) -> list[str]:
    return [f"{count} orders were refused: {reason}." for reason, count in rejections.items()]
