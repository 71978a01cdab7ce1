"""A strategy of a session, once more in the backtester: its decisions on given bars."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from algopioneer_core.domain.commands import Cancel, Command, StrategyCommand, Submit
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.context import EngineContext
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.strategy import Requirements, StrategyContext
from algopioneer_core.history.columns import BarSource, ColumnsSource
from algopioneer_core.history.joined import join_bars
from algopioneer_core.history.venue_bars import columns_of
from algopioneer_core.parity.decisions import Transcript
from algopioneer_core.parity.seen_bars import Series
from algopioneer_core.runtime.guard import StrategyGuard
from algopioneer_core.runtime.plan import StrategyPlan
from algopioneer_core.simulation.backtest import BacktestRequest, run_backtest
from algopioneer_core.simulation.config import BacktestConfig, EngineChoice
from algopioneer_core.simulation.spread_backtest import SpreadBacktestRequest, run_spread_backtest

__all__ = ["Rules", "backtested"]


@frozen(kw_only=True)
class Rules:
    """The market and the limits under which a strategy is tested."""

    market: BacktestConfig
    """How orders fill and what they cost; the capital is the strategy's."""
    limits: RiskLimits | None = None
    """Of the session, as far as they can be judged for one strategy alone."""
    own_limits: RiskLimits | None = None


def backtested(plan: StrategyPlan, bars: Series, warm_until_ns: int, rules: Rules) -> Transcript:
    """
    Run a strategy in the backtester and return what it did.

    Args:
        plan: The strategy, as the session has it.
        bars: Finished bars, those to warm up with among them.
        warm_until_ns: Up to here bars are only shown to it.
        rules: Fills, costs and limits.

    Raises:
        RefusedError: There is no bar to decide on, or it fails before it has decided anything.
        DataError: The bars cannot be trusted.
    """
    past = [_event(row) for ts_ns, row in bars.items() if ts_ns <= warm_until_ns]
    live = [row for ts_ns, row in bars.items() if ts_ns > warm_until_ns]
    if not live:
        raise RefusedError(
            "there are no bars to compare with",
            where=" / ".join(plan.instrument_ids),
            remedy="compare with what the session recorded: --bars journal",
        )
    witness = _Witness(plan, past)
    config = evolve(rules.market, initial_capital=plan.capital, engine=EngineChoice.EVENT)
    terms: dict[str, Any] = {
        "name": plan.name,
        "make_strategy": lambda: witness,
        "config": config,
        "exits": plan.exits,
        "limits": rules.limits,
        "own_limits": rules.own_limits,
        "watcher": witness,
    }
    _run(plan, [_source(plan, live, leg) for leg in range(len(plan.instruments))], terms)
    return witness.transcript


def _run(plan: StrategyPlan, sources: Sequence[BarSource], terms: Mapping[str, Any]) -> None:
    if len(plan.instruments) > 1:
        run_spread_backtest(
            SpreadBacktestRequest(
                instruments=plan.instruments,
                as_spread=plan.is_spread,
                source=join_bars(sources),
                rules=plan.legs,
                inventory=plan.inventory,
                **terms,
            )
        )
    else:
        run_backtest(BacktestRequest(instrument=plan.instruments[0], source=sources[0], **terms))


def _event(row: tuple[Bar, ...]) -> Bar | JointBar:
    return row[0] if len(row) == 1 else JointBar(row[0].ts_event, row)


def _source(plan: StrategyPlan, rows: Sequence[tuple[Bar, ...]], leg: int) -> BarSource:
    """
    Return the bars of one leg, and the last once more behind it.

    A backtest decides nothing on its last bar and closes what is open there, and a session decides
    on every bar it has.
    """
    bars = [row[leg] for row in rows]
    end_ns = bars[-1].ts_event + plan.interval_ns
    instrument_id: InstrumentId = plan.instrument_ids[leg]
    return ColumnsSource(
        columns_of(
            [*bars, bars[-1]._replace(ts_event=end_ns)],
            instrument_id,
            plan.interval_ns,
            start_ns=bars[0].ts_event,
            end_ns=end_ns + 1,
        )
    )


class _Witness:
    """
    Takes down what a strategy does in a backtest; it is the strategy, too, as the engine sees it.

    One that raises is not asked any more, as in a session.
    """

    def __init__(self, plan: StrategyPlan, past: Iterable[Event]) -> None:
        self.transcript = Transcript()
        self._plan = plan
        self._past = past
        self._guard = StrategyGuard()
        self._denied: list[tuple[Order, Denied]] = []

    # --- as the strategy -----------------------------------------------------------------------

    def requirements(self) -> Requirements:
        """Need nothing: it has been warmed up."""
        return Requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Return what the strategy wants, and take note of it."""
        if isinstance(event, Bar | JointBar):
            self.transcript.bar(event)
        else:
            self.transcript.report(event)
        wishes = self._guard.on_event(event, context)
        self.transcript.signal(event.ts_event, wishes)
        return wishes

    def snapshot(self) -> Mapping[str, object]:
        """Return nothing: a backtest is not taken up again."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing."""

    # --- as the watcher ------------------------------------------------------------------------

    def begin(self, engine: TradingEngine) -> None:
        """
        Make the strategy and warm it up.

        Raises:
            RefusedError: It fails.
        """
        ids = order_ids("parity", "parity", self._plan.name)
        books = Portfolio(self._plan.instruments, self._plan.capital)
        context = EngineContext(books, OrderManager(ids))
        if not self._guard.adopt(self._plan.make, None, self._past, context):
            crash = self._guard.crash
            assert crash is not None
            raise RefusedError(
                f"the strategy fails before its first decision: {crash.error}"
                f" (during {crash.during})",
                where=self._plan.name,
                remedy="compare with the session file as it was",
            )
        self._guard.check = engine.check

    def handled(self, event: Event, commands: Sequence[Command]) -> None:
        """Take down what is commanded, then what was denied."""
        for command in commands:
            if isinstance(command, Submit):
                self.transcript.order(command.order, event.ts_event)
            elif isinstance(command, Cancel):
                self.transcript.cancel(command.client_order_id, event.ts_event)
        denied, self._denied = self._denied, []
        for order, verdict in denied:
            why = f"{verdict.limit.value}: {verdict.reason}"
            self.transcript.denied(order, event.ts_event, why)

    def denied(self, order: Order, denied: Denied) -> None:
        """Keep what was denied until the event has been handled."""
        self._denied.append((order, denied))
