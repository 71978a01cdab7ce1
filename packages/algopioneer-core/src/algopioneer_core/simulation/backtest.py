"""
Backtests: one strategy over one instrument's bars, by whichever engine serves.

`run_backtest` is the one way in. It makes the strategy, lets it trade with a simulated account,
and returns the figures; rows (bars, equity, trades) go to sinks while it runs, so that memory does
not grow with the number of bars unless a sink keeps them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from algopioneer_core.domain.carry import Carry
from algopioneer_core.domain.errors import DataError, NotEnoughData, RefusedError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.exits import ExitCosts, ExitPolicy
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied, RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Strategy
from algopioneer_core.history.columns import BarColumns, BarSource, Signals, SupportsSignals
from algopioneer_core.simulation.account import MarginCheck
from algopioneer_core.simulation.carry import CarryDesk
from algopioneer_core.simulation.carry_totals import CarryReceived, CarryTotals, borrow_notes
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, MarginModel
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.event_backtest import EventBacktest
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.simulation.notes import counted_notes
from algopioneer_core.simulation.performance import Performance
from algopioneer_core.simulation.result import BacktestResult, Plain
from algopioneer_core.simulation.sinks import ResultSink
from algopioneer_core.simulation.tape import EquityTape
from algopioneer_core.simulation.trade_statistics import TradeFigures, TradeStatistics
from algopioneer_core.simulation.vector_backtest import VectorBacktest, why_not, why_not_these
from algopioneer_core.simulation.watching import Watcher, engine_maker

__all__ = ["AUTO_VECTOR_BARS", "BacktestRequest", "risk_gate", "run_backtest"]

_NO_JOURNAL: Final = "backtest"
AUTO_VECTOR_BARS: Final = 4_000_000
"""Above this number of bars `auto` prefers the event engine: the vector engine keeps all bars in
memory (some 200 bytes for each), the event engine keeps none."""


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
    limits: RiskLimits | None = None
    """Limits of the risk gate; None limits nothing. What it denies is counted in the notes."""
    own_limits: RiskLimits | None = None
    """Further limits of the strategy alone, as a session has them beside its own."""
    parameters: Mapping[str, Plain] = field(factory=dict)
    """The strategy's configuration, for the report."""
    data: Mapping[str, Plain] = field(factory=dict)
    """Where the bars came from, for the report."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge the figures."""
    carry: tuple[Carry, ...] = ()
    """Funding, borrowing and dividends, by ascending time; none where they are not counted."""
    watcher: Watcher | None = None
    """Looks on while the event engine decides."""


def run_backtest(request: BacktestRequest, sinks: Sequence[ResultSink] = ()) -> BacktestResult:
    """
    Run *request* and return its figures; rows go to *sinks* while it runs.

    Raises:
        NotEnoughData: There are fewer bars than the strategy needs to decide once.
        RefusedError: The vector engine was asked for and cannot run this.
        DataError: The source, or the strategy's signals, are not as long as they should be.
    """
    strategy = request.make_strategy()
    _check_warmup(strategy, request)
    obstacle = _obstacle(strategy, request)
    if not obstacle and isinstance(strategy, SupportsSignals):
        bars = request.source.load()
        signals = _signals(strategy, bars, request.name)
        obstacle = why_not_these(signals, request.instrument)
        if not obstacle:
            return _run_vector(request, bars, signals, sinks)
        strategy = request.make_strategy()  # whatever it remembers, it has seen the future
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


def _obstacle(strategy: Strategy, request: BacktestRequest) -> str:
    """Return why the vector engine cannot or should not run this, as far as is known unread."""
    engine = request.config.engine
    if engine is EngineChoice.EVENT:
        return "the event engine was asked for"
    if not isinstance(strategy, SupportsSignals):
        return "the strategy offers no signals"
    if request.exits:
        return "exit policies look at every bar"
    if any(each is not None and not each.is_off for each in (request.limits, request.own_limits)):
        return "risk limits look at every order"
    if request.watcher is not None:
        return "somebody looks at every event"
    if engine is EngineChoice.AUTO and request.source.count > AUTO_VECTOR_BARS:
        return "so many bars are better streamed"
    return (
        "funding, borrowing and dividends are paid at times of their own"
        if request.carry
        else (why_not(request.instrument, request.config))
    )


def _signals(strategy: SupportsSignals, bars: BarColumns, name: str) -> Signals:
    signals = strategy.signals(bars)
    if len(signals) != len(bars):
        raise DataError(
            f"the strategy has signals for {len(signals)} of {len(bars)} bars",
            where=name,
            remedy="return one signal for each bar",
        )
    return signals


# --- the two engines -------------------------------------------------------------------------


def _run_vector(
    request: BacktestRequest, bars: BarColumns, signals: Signals, sinks: Sequence[ResultSink]
) -> BacktestResult:
    statistics = EquityStatistics(initial_capital=request.config.initial_capital)
    costs = CostModel.of(request.instrument, request.config)
    run = VectorBacktest(costs, request.config, bars, signals)
    run.run(statistics)
    if sinks:
        run.feed(sinks)
    figures = Performance(statistics.finish(run.final_capital), TradeFigures.of(run.totals()))
    return _result(
        request, run, figures, borrow_notes(request.carry, [request.instrument], run.shorted)
    )


def _run_event(
    request: BacktestRequest, strategy: Strategy, sinks: Sequence[ResultSink]
) -> BacktestResult:
    config, instrument = request.config, request.instrument
    statistics = EquityStatistics(initial_capital=config.initial_capital)
    trades = TradeStatistics(inverse=instrument.inverse)
    tape = EquityTape(instrument, statistics, sinks)
    denials: Counter[str] = Counter()
    shorted: set[InstrumentId] = set()

    def on_round_trip(trade: RoundTrip) -> None:
        trades.add(trade)
        tape.round_trip(trade)
        if trade.side is Side.SELL:
            shorted.add(trade.instrument_id)

    def on_denied(_order: Order, denied: Denied) -> None:
        denials[denied.limit.value] += 1

    portfolio = Portfolio([instrument], config.initial_capital, on_round_trip=on_round_trip)
    orders = OrderManager(order_ids(_NO_JOURNAL, _NO_JOURNAL, request.name))
    costs = CostModel.of(instrument, config)
    engine = engine_maker(request.watcher)(
        request.name,
        strategy,
        portfolio,
        orders,
        exits=ExitMonitor(request.exits, _exit_costs(costs)) if request.exits else None,
        risk=risk_gate(request.name, portfolio, request.limits, request.own_limits),
        on_denied=on_denied,
    )
    desk = CarryDesk(request.carry, portfolio)
    run = EventBacktest(engine, instrument, _matcher(request, costs, portfolio), tape, desk)
    run.run(request.source)
    figures = Performance(statistics.finish(run.final_capital), trades.finish())
    notes = [
        *borrow_notes(request.carry, [instrument], shorted),
        *counted_notes(denials, "order", "denied by the risk gate"),
    ]
    return _result(request, run, figures, notes)


def _matcher(request: BacktestRequest, costs: CostModel, portfolio: Portfolio) -> BarMatcher:
    config, instrument = request.config, request.instrument
    return BarMatcher(
        costs,
        config,
        request.source.interval_ns,
        partial(portfolio.quantity, instrument.id),
        None
        if config.margin is MarginModel.NONE
        else MarginCheck(portfolio, instrument, config.margin),
    )


def risk_gate(
    name: str, portfolio: Portfolio, limits: RiskLimits | None, own: RiskLimits | None
) -> RiskGate:
    """Return the gate of a backtest: with limits, and further ones of the strategy *name* alone."""
    return RiskGate(
        limits or RiskLimits(),
        numeraire=portfolio.numeraire,
        strategy_limits={} if own is None else {name: own},
    )


def _exit_costs(costs: CostModel) -> ExitCosts:
    return ExitCosts(fee=costs.taker, per_unit=costs.per_unit, slippage=costs.slippage)


def _result(
    request: BacktestRequest,
    run: EventBacktest | VectorBacktest,
    performance: Performance,
    notes: Iterable[str] = (),
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
        config=evolve(request.config, fees=request.config.fees.on(request.instrument)),
        parameters=request.parameters,
        data=request.data,
        carry=CarryTotals.of(
            request.carry, run.carried if isinstance(run, EventBacktest) else CarryReceived()
        ),
        notes=(*request.notes, *counted_notes(run.rejections, "order", "refused"), *notes),
    )
