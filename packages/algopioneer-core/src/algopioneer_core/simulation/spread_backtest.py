"""
Backtests of two legs: one strategy, two instruments, by whichever engine serves.

The way in is `run_spread_backtest`, as `run_backtest` is for one instrument; sinks and result are
the same. Both legs are traded by the leg manager, with market orders unless rules say otherwise.
A strategy that orders each of several instruments by itself (`as_spread`) has no leg manager.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from algopioneer_core.domain.carry import Carry
from algopioneer_core.domain.commands import OpenSpread, StrategyCommand
from algopioneer_core.domain.errors import ConfigError, DataError, NotEnoughData, RefusedError
from algopioneer_core.domain.fills import Side
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.money import Quantity
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.exits import ExitCosts, ExitPolicy
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Strategy
from algopioneer_core.history.joined import JoinedSource
from algopioneer_core.simulation.backtest import AUTO_VECTOR_BARS, risk_gate
from algopioneer_core.simulation.carry import CarryDesk
from algopioneer_core.simulation.carry_totals import CarryTotals, borrow_notes
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice, MarginModel
from algopioneer_core.simulation.costs import CostModel
from algopioneer_core.simulation.equity_statistics import EquityStatistics
from algopioneer_core.simulation.matching import BarMatcher
from algopioneer_core.simulation.notes import coin_notes, counted_notes, join_notes
from algopioneer_core.simulation.performance import Performance
from algopioneer_core.simulation.result import BacktestResult, Plain
from algopioneer_core.simulation.sinks import ResultSink
from algopioneer_core.simulation.spread_account import SpreadMarginCheck, SpreadTrades
from algopioneer_core.simulation.spread_event import SpreadEventBacktest
from algopioneer_core.simulation.spread_readings import ReadingLog, SupportsReading, takers
from algopioneer_core.simulation.spread_signals import SpreadSignals, SupportsPairSignals
from algopioneer_core.simulation.spread_tape import SpreadTape
from algopioneer_core.simulation.spread_vector import (
    SpreadVectorBacktest,
    why_not_pair,
    why_not_pair_signals,
)
from algopioneer_core.simulation.trade_statistics import TradeFigures
from algopioneer_core.simulation.valuation import Valuation
from algopioneer_core.simulation.watching import Watcher, engine_maker

__all__ = ["PATIENT_RULES", "SpreadBacktestRequest", "run_spread_backtest"]

_NO_JOURNAL: Final = "backtest"
PATIENT_RULES: Final = LegRules(patience_s=Decimal(10**9), max_residual_s=Decimal(10**10))
"""The rules of a backtest unless it states its own: market orders, and no deadline that a bar could
miss, because every guard is off in a backtest unless it is set."""


def _two(_request: object, _: object, instruments: tuple[Instrument, ...]) -> None:
    if len(instruments) < 2:
        raise ConfigError(f"a spread has two legs, not {len(instruments)}", where="instruments")


@frozen(kw_only=True)
class SpreadBacktestRequest:
    """
    What is to be tested: a strategy of two legs, its joint bars, and the market it trades in.

    Raises:
        ConfigError: There are not two instruments, or the bars are of others.
    """

    name: str
    """The strategy's name, for the report."""
    make_strategy: Callable[[], Strategy]
    """Makes a fresh strategy; called once for each run."""
    instruments: tuple[Instrument, ...] = field(validator=_two)
    """The first and the second leg, and what the second may be rolled into, in that order."""
    as_spread: bool = True
    """Whether these are one position; else each is traded by itself, and counted so."""
    source: JoinedSource
    """Their bars, joined in the same order."""
    config: BacktestConfig = field(factory=BacktestConfig)
    rules: LegRules | None = None
    """How the legs are worked; None for `PATIENT_RULES`."""
    inventory: Mapping[InstrumentId, Quantity] = field(factory=dict)
    """Holdings set aside for legs that are sold out of inventory; the event engine knows them."""
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

    def __attrs_post_init__(self) -> None:
        if tuple(each.id for each in self.instruments) != self.source.instrument_ids:
            raise ConfigError(
                "the bars are not of the instruments",
                where=" / ".join(self.source.instrument_ids),
                remedy="join the bars in the order of the instruments",
            )

    @property
    def legs(self) -> tuple[Instrument, Instrument]:
        """The instruments, as a pair."""
        first, second = self.instruments[:2]
        return first, second


def run_spread_backtest(
    request: SpreadBacktestRequest, sinks: Sequence[ResultSink] = ()
) -> BacktestResult:
    """
    Run *request* and return its figures; rows go to *sinks* while it runs.

    Raises:
        NotEnoughData: There are fewer joint bars than the strategy needs to decide once.
        RefusedError: The vector engine was asked for and cannot run this.
        DataError: The source, or the strategy's signals, are not as long as they should be.
    """
    strategy = request.make_strategy()
    _check_warmup(strategy, request)
    obstacle = _obstacle(strategy, request)
    if not obstacle and isinstance(strategy, SupportsPairSignals):
        joint = request.source.load()
        signals = strategy.pair_signals(*joint.legs)
        obstacle = why_not_pair_signals(signals, request.legs)
        if not obstacle and signals is not None:
            _check_length(signals, len(joint), request.name)
            run = SpreadVectorBacktest(request.legs, request.config, joint, signals, request.carry)
            return _run_vector(request, run, sinks)
        strategy = request.make_strategy()  # whatever it remembers, it has seen the future
    if request.config.engine is EngineChoice.VECTOR:
        raise RefusedError(
            f"the vector engine cannot run this: {obstacle}",
            where=request.name,
            remedy="use --engine event or auto",
        )
    return _run_event(request, strategy, sinks)


def _check_warmup(strategy: Strategy, request: SpreadBacktestRequest) -> None:
    needed, count = strategy.requirements().warmup_bars, request.source.count
    if count < needed:
        raise NotEnoughData(
            f"{request.name} needs {needed} joint bars before it can decide, and there are {count}",
            where=" / ".join(request.source.instrument_ids),
            remedy="give it more bars or shorter windows",
        )


def _obstacle(strategy: Strategy, request: SpreadBacktestRequest) -> str:
    """Return why the vector engine cannot or should not run this, as far as is known unread."""
    engine = request.config.engine
    if engine is EngineChoice.EVENT:
        return "the event engine was asked for"
    if not isinstance(strategy, SupportsPairSignals):
        return "the strategy offers no signals"
    if request.exits:
        return "exit policies look at every bar"
    if any(each is not None and not each.is_off for each in (request.limits, request.own_limits)):
        return "risk limits look at every order"
    if request.watcher is not None:
        return "somebody looks at every event"
    if request.rules is not None and not _are_plain(request.rules):
        return "leg rules look at every order"
    if engine is EngineChoice.AUTO and request.source.count > AUTO_VECTOR_BARS:
        return "so many bars are better streamed"
    if request.inventory:
        return "what is set aside is looked at for every spread"
    if len(request.instruments) > 2 or not request.as_spread:
        return "a roll, or an order for each instrument, is worked bar by bar"
    return why_not_pair(request.legs, request.config)


def _are_plain(rules: LegRules) -> bool:
    """Return whether nothing is asked of the legs but where the short one comes from."""
    return rules == evolve(
        PATIENT_RULES,
        short_mode=rules.short_mode,
        second_short_mode=rules.second_short_mode,
    )


def _check_length(signals: SpreadSignals, bars: int, name: str) -> None:
    if len(signals) != bars:
        raise DataError(
            f"the strategy has signals for {len(signals)} of {bars} joint bars",
            where=name,
            remedy="return one signal for each joint bar",
        )


# --- the two engines -------------------------------------------------------------------------


def _run_vector(
    request: SpreadBacktestRequest, run: SpreadVectorBacktest, sinks: Sequence[ResultSink]
) -> BacktestResult:
    statistics = EquityStatistics(initial_capital=request.config.initial_capital)
    run.run(statistics)
    if sinks:
        run.feed(sinks)
    figures = Performance(statistics.finish(run.final_capital), TradeFigures.of(run.totals()))
    notes = [
        *borrow_notes(request.carry, request.instruments, run.shorted),
        *counted_notes(run.refusals, "spread", "not opened"),
    ]
    return _result(request, run, figures, notes)


class _CountingLegs(LegManager):
    """A leg manager that counts the spreads it would not open, for the notes."""

    refusals: Counter[str]

    @classmethod
    def of(
        cls, request: SpreadBacktestRequest, portfolio: Portfolio, orders: OrderManager
    ) -> "_CountingLegs | None":
        """Return the manager of the legs of *request*; None where there are none."""
        if not request.as_spread:
            return None
        legs = cls(
            request.legs,
            portfolio,
            orders,
            request.rules or PATIENT_RULES,
            request.inventory,
            successors=request.instruments[2:],
        )
        legs.refusals = Counter()
        return legs

    def open(self, wish: OpenSpread, now_ns: int) -> Sequence[StrategyCommand]:
        orders = super().open(wish, now_ns)
        if self.refusal:
            self.refusals[self.refusal] += 1
        return orders


def _run_event(
    request: SpreadBacktestRequest, strategy: Strategy, sinks: Sequence[ResultSink]
) -> BacktestResult:
    config = request.config
    statistics = EquityStatistics(initial_capital=config.initial_capital)
    valuation = Valuation.of(request.instruments)
    tape = SpreadTape(valuation, statistics, sinks)
    trades = SpreadTrades(as_spread=request.as_spread)
    denials: Counter[str] = Counter()
    shorted: set[InstrumentId] = set()

    def on_round_trip(trade: RoundTrip) -> None:
        trades.add(trade, portfolio)
        tape.round_trip(trade)
        if trade.side is Side.SELL:
            shorted.add(trade.instrument_id)

    def on_denied(_order: Order, denied: Denied) -> None:
        denials[denied.limit.value] += 1

    portfolio = Portfolio(request.instruments, config.initial_capital, on_round_trip=on_round_trip)
    orders = OrderManager(order_ids(_NO_JOURNAL, _NO_JOURNAL, request.name))
    legs = _CountingLegs.of(request, portfolio, orders)
    engine = engine_maker(request.watcher)(
        request.name,
        strategy,
        portfolio,
        orders,
        legs=legs,
        exits=ExitMonitor(request.exits, _exit_costs(request)) if request.exits else None,
        risk=risk_gate(request.name, portfolio, request.limits, request.own_limits),
        on_denied=on_denied,
    )
    matchers = {each.id: _matcher(request, each, portfolio) for each in request.instruments}
    wanted = takers(sinks)
    log = (
        ReadingLog(strategy, legs, wanted)
        if wanted and legs is not None and isinstance(strategy, SupportsReading)
        else None
    )
    run = SpreadEventBacktest(
        engine, valuation, matchers, tape, CarryDesk(request.carry, portfolio), log
    )
    run.run(request.source)
    figures = Performance(statistics.finish(run.final_capital), trades.statistics.finish())
    notes = [
        *borrow_notes(request.carry, request.instruments, shorted),
        *counted_notes({} if legs is None else legs.refusals, "spread", "not opened"),
        *counted_notes(denials, "order", "denied by the risk gate"),
    ]
    return _result(request, run, figures, notes)


def _matcher(
    request: SpreadBacktestRequest, instrument: Instrument, portfolio: Portfolio
) -> BarMatcher:
    config = request.config
    return BarMatcher(
        CostModel.of(instrument, config),
        config,
        request.source.interval_ns,
        partial(portfolio.quantity, instrument.id),
        None
        if config.margin is MarginModel.NONE
        else SpreadMarginCheck(portfolio, instrument.id, config.margin),
    )


def _exit_costs(request: SpreadBacktestRequest) -> ExitCosts:
    """Return the dearer leg's costs: an exit policy knows one set of them."""
    costs = [CostModel.of(each, request.config) for each in request.instruments]
    return ExitCosts(
        fee=max(each.taker for each in costs),
        per_unit=max(each.per_unit for each in costs),
        slippage=request.config.slippage,
    )


# --- the result ------------------------------------------------------------------------------


def _result(
    request: SpreadBacktestRequest,
    run: SpreadEventBacktest | SpreadVectorBacktest,
    performance: Performance,
    notes: Iterable[str] = (),
) -> BacktestResult:
    fees = [request.config.fees.on(each) for each in request.instruments]
    alike = all(each == fees[0] for each in fees)
    return BacktestResult(
        strategy=request.name,
        symbols=tuple(each.id.symbol for each in request.instruments),
        interval_ns=request.source.interval_ns,
        bars=run.bars,
        first_bar_ns=request.source.first_ns,
        last_bar_ns=run.last_ns,
        currency=Valuation.of(request.instruments).numeraire,
        initial_capital=request.config.initial_capital,
        final_capital=run.final_capital,
        performance=performance,
        engine="vector" if isinstance(run, SpreadVectorBacktest) else "event",
        ruined=run.ruined,
        config=evolve(request.config, fees=fees[0]) if alike else request.config,
        parameters=request.parameters,
        data=request.data,
        carry=CarryTotals.of(request.carry, run.carried),
        notes=(
            *request.notes,
            *join_notes(request.source),
            *coin_notes(Valuation.of(request.instruments)),
            *([] if alike else ["Each leg is charged the fees of its own instrument."]),
            *counted_notes(run.rejections, "order", "refused"),
            *notes,
        ),
    )
