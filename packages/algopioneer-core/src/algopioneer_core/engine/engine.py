"""
The trading engine: what happened goes in, what to do comes out.

One engine runs one strategy. A backtest, the paper venue and a live session all drive it through
`handle`; there is no other way in. It is synchronous and deterministic: time is in the events,
ids come from an injected counter, so the same events give the same commands.

The way of one decision: strategy → exits → risk → orders. The common case is that nothing is to
be done, and that case allocates nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    CloseSpread,
    Command,
    Halt,
    OpenSpread,
    SetTimer,
    StrategyCommand,
    Submit,
)
from algopioneer_core.domain.errors import RefusedError
from algopioneer_core.domain.events import AccountEvent, Event, ExecutionReport, OrderFilled
from algopioneer_core.domain.instruments import InstrumentId
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.orders import Order, OrderIntent, OrderStatus
from algopioneer_core.engine.account_events import ACCOUNT_EVENTS, book
from algopioneer_core.engine.context import EngineContext
from algopioneer_core.engine.exit_gate import ExitGate, closing_order
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.order_manager import REPORTS, OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.strategy import Strategy

__all__ = ["NOTHING", "TradingEngine"]

NOTHING: Final[tuple[Command, ...]] = ()
"""The answer to an event after which there is nothing to do; always the same object."""


class TradingEngine:
    """
    Runs one strategy over its events.

    Args:
        strategy: Decides; see `Strategy`.
        portfolio: The strategy's own books, with its capital and instruments.
        orders: The strategy's orders.
        exits: Its exit policies; None when it has none.
    """

    def __init__(
        self,
        strategy: Strategy,
        portfolio: Portfolio,
        orders: OrderManager,
        exits: ExitMonitor | None = None,
    ) -> None:
        self.portfolio = portfolio
        self.orders = orders
        self._exits = exits
        self._exit_gate = ExitGate(exits, portfolio, orders) if exits else None
        self._context = EngineContext(portfolio, orders)
        self._on_event = strategy.on_event
        self._handlers: dict[type, Callable[..., Sequence[Command]]] = {
            Bar: self._on_bar,
            JointBar: self._on_joint_bar,
            Quote: self._on_quote,
            Trade: self._on_trade,
            **dict.fromkeys(REPORTS, self._on_report),
            **dict.fromkeys(ACCOUNT_EVENTS, self._on_account),
        }

    @property
    def now_ns(self) -> int:
        """Time of the latest event, UTC nanoseconds."""
        return self._context.now_ns

    def handle(self, event: Event) -> Sequence[Command]:
        """
        Take in *event* and return what to do now, in order; `NOTHING` most of the time.

        Raises:
            UnknownOrder, IllegalTransition: A report contradicts what is known of our orders.
            RefusedError: The strategy asked for what it was not given.
        """
        self._context.now_ns = event.ts_event
        return self._handlers.get(type(event), self._decide)(event)

    def warm_up(self, event: Event) -> None:
        """Let the strategy see an event of the past; whatever it wishes is dropped."""
        self._context.now_ns = event.ts_event
        for _ in self._on_event(event, self._context):
            pass

    def close_positions(self, reason: str) -> Sequence[Command]:
        """Return market orders that close all open positions, for *reason*."""
        return [
            self._submit(closing_order(position.instrument.id, position.quantity, reason))
            for position in self.portfolio.positions.values()
            if position.quantity
        ]

    # --- events ------------------------------------------------------------------------------

    def _on_bar(self, bar: Bar) -> Sequence[Command]:
        self.portfolio.mark_bar(bar)
        wishes = self._on_event(bar, self._context)
        if self._exit_gate is not None:
            wishes = self._exit_gate.review(
                wishes, (bar.instrument_id,), bar.ts_event, finished_bar=True
            )
        return self._carry_out(wishes) if wishes else NOTHING

    def _on_joint_bar(self, joint: JointBar) -> Sequence[Command]:
        for bar in joint.bars:
            self.portfolio.mark_bar(bar)
        wishes = self._on_event(joint, self._context)
        if self._exit_gate is not None:
            ids = [bar.instrument_id for bar in joint.bars]
            wishes = self._exit_gate.review(wishes, ids, joint.ts_event, finished_bar=True)
        return self._carry_out(wishes) if wishes else NOTHING

    def _on_quote(self, quote: Quote) -> Sequence[Command]:
        self.portfolio.mark_price(quote.instrument_id, quote.mid, quote.ts_event)
        return self._decide(quote)

    def _on_trade(self, trade: Trade) -> Sequence[Command]:
        self.portfolio.mark_price(trade.instrument_id, trade.price, trade.ts_event)
        return self._decide(trade)

    def _on_report(self, report: ExecutionReport) -> Sequence[Command]:
        before, after = self.orders.apply(report)
        if before is after and type(report) is OrderFilled:
            return NOTHING  # the same fill again
        if type(report) is OrderFilled:
            held_before, held_after = self.portfolio.apply(report.fill, after.intent.reason)
            if self._exits is not None:
                self._exits.on_fill(held_before, held_after, report.fill)
        return self._decide(report)

    def _on_account(self, event: AccountEvent) -> Sequence[Command]:
        book(event, self.portfolio)
        return self._decide(event)

    # --- decisions ---------------------------------------------------------------------------

    def _decide(self, event: Event) -> Sequence[Command]:
        wishes = self._on_event(event, self._context)
        return self._carry_out(wishes) if wishes else NOTHING

    def _carry_out(self, wishes: Iterable[StrategyCommand]) -> Sequence[Command]:
        commands: list[Command] = []
        for wish in wishes:
            if type(wish) is OrderIntent:
                commands.append(self._submit(wish))
            else:
                commands.extend(self._command(wish))
        return commands

    def _submit(self, intent: OrderIntent) -> Submit:
        if intent.instrument_id not in self.portfolio.instruments:
            raise RefusedError(
                "the strategy wants to trade what it was not given",
                where=intent.instrument_id,
                remedy="name every instrument in the strategy's configuration",
            )
        order = self.orders.make(intent, self._context.now_ns)
        return Submit(self.orders.submit(order))

    def _command(self, wish: StrategyCommand) -> Iterable[Command]:
        match wish:
            case Cancel():
                return self._cancel([self.orders.get(wish.client_order_id)])
            case CancelAll():
                return self._cancel(self._working(wish.instrument_id))
            case SetTimer() | Halt():
                return [wish]
            case OrderIntent():
                return [self._submit(wish)]
            case OpenSpread() | CloseSpread():
                raise RefusedError(
                    "this engine trades single instruments",
                    remedy="run the strategy with a leg manager",
                )

    def _working(self, instrument_id: InstrumentId | None) -> list[Order]:
        return [
            order
            for order in self.orders.working.values()
            if instrument_id in (None, order.intent.instrument_id)
        ]

    def _cancel(self, orders: Iterable[Order]) -> list[Command]:
        commands: list[Command] = []
        for order in orders:  # one that has ended meanwhile needs no cancel
            if order.status.is_working and order.status is not OrderStatus.PENDING_CANCEL:
                self.orders.request_cancel(order.client_order_id)
                commands.append(Cancel(order.client_order_id))
        return commands
