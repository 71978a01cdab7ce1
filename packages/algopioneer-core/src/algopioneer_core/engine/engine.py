"""
The trading engine: what happened goes in, what to do comes out.

One engine runs one strategy. A backtest, the paper venue and a live session all drive it through
`handle`; there is no other way in. It is synchronous and deterministic: time is in the events,
ids come from an injected counter, so the same events give the same commands.

The way of one decision: strategy → exits → risk → orders. The common case is that nothing is to
be done, and that case allocates nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from algopioneer_core.domain.commands import (
    Cancel,
    CancelAll,
    CloseSpread,
    Command,
    Halt,
    SetTimer,
    StrategyCommand,
)
from algopioneer_core.domain.events import (
    AccountEvent,
    Event,
    ExecutionReport,
    FeedGap,
    InstrumentStatusChanged,
    OrderFilled,
    RiskHalted,
    RiskResumed,
)
from algopioneer_core.domain.fills import Fill
from algopioneer_core.domain.market_data import Bar, JointBar, Quote, Trade
from algopioneer_core.domain.money import Money
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.positions import Position
from algopioneer_core.engine.account_events import ACCOUNT_EVENTS, AccountBook
from algopioneer_core.engine.closing import WayOut
from algopioneer_core.engine.context import EngineContext
from algopioneer_core.engine.daily_loss import LossStage
from algopioneer_core.engine.exit_gate import ExitGate
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.order_desk import NOTHING, OrderDesk
from algopioneer_core.engine.order_manager import REPORTS, OrderManager
from algopioneer_core.engine.own_exposure import OwnExposure
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied, Limit, RiskGate
from algopioneer_core.engine.risk_limits import RiskLimits
from algopioneer_core.engine.spread_desk import SpreadDesk
from algopioneer_core.engine.strategy import Strategy

__all__ = ["MOST_SKEW_NS", "NOTHING", "TradingEngine"]

MOST_SKEW_NS: Final = 3_600_000_000_000
"""By how much a venue's clock is taken to be behind ours: an hour, beyond which keys fail too."""

_HARMLESS: Final = (Cancel, CancelAll, SetTimer, Halt)
"""What a strategy may still ask for while it is being flattened."""


class TradingEngine:
    """
    Runs one strategy over its events.

    Market data and account events of instruments that the strategy was not given are left alone,
    and the strategy does not see them.

    Args:
        name: The strategy's name, unique in the session.
        strategy: Decides; see `Strategy`.
        portfolio: The strategy's own books, with its capital and instruments.
        orders: The strategy's orders.
        exits: Its exit policies; None when it has none.
        exit_on_quotes: Whether exit policies look at quotes and trades too, or at bars only.
        legs: Works the spreads of a two-leg strategy; None for one that trades single
            instruments. Exit policies then judge both legs as one position.
        risk: The session's risk gate; None for one of its own, without limits.
        on_denied: Called with each order that the risk gate refused, and why.
    """

    def __init__(
        self,
        name: str,
        strategy: Strategy,
        portfolio: Portfolio,
        orders: OrderManager,
        *,
        exits: ExitMonitor | None = None,
        exit_on_quotes: bool = False,
        legs: LegManager | None = None,
        risk: RiskGate | None = None,
        on_denied: Callable[[Order, Denied], None] | None = None,
    ) -> None:
        self.name = name
        self.portfolio = portfolio
        self.orders = orders
        self.legs = legs
        self._way_out = WayOut(portfolio, orders)
        self._exits = None if exits is None or exits.is_off else exits
        self._exit_gate = (
            None
            if self._exits is None or legs is not None
            else ExitGate(self._exits, portfolio, self._way_out)
        )
        self._exit_on_quotes = exit_on_quotes
        self._risk = risk or RiskGate(RiskLimits(), numeraire=portfolio.numeraire)
        self._exposure = OwnExposure(name, portfolio, orders)
        self._risk.register(self._exposure)
        self._desk = OrderDesk(name, portfolio, orders, self._risk, on_denied)
        self._spreads = (
            None if legs is None else SpreadDesk(name, legs, self._desk, portfolio, self._exits)
        )
        self._carry_out = (self._spreads or self._desk).carry_out
        self._check = (self._spreads or self._desk).check
        self._accounts = AccountBook(portfolio, orders, self._on_fill, self._on_transfer)
        self._context = EngineContext(portfolio, orders)
        self._on_event = strategy.on_event
        self._marks = portfolio.marks
        self._instruments = portfolio.instruments
        self._handlers: dict[type, Callable[..., Sequence[Command]]] = {
            Quote: self._on_quote,
            Trade: self._on_trade,
            RiskHalted: self._on_halted,
            RiskResumed: self._on_resumed,
            FeedGap: self._on_instrument,
            InstrumentStatusChanged: self._on_instrument,
            **dict.fromkeys(REPORTS, self._on_report),
            **dict.fromkeys(ACCOUNT_EVENTS, self._on_account),
        }

    @property
    def now_ns(self) -> int:
        """Time of the latest event, UTC nanoseconds; one that is told late does not set it back."""
        return self._context.now_ns

    def handle(self, event: Event) -> Sequence[Command]:
        """
        Take in *event* and return what to do now, in order; `NOTHING` most of the time.

        Venues have clocks of their own: where an event is older than one before it, time stands
        still. A deadline that began by one clock would be over at once by another that is ahead.
        An event that is older by more than `MOST_SKEW_NS` is of a market of the past that is shown
        again, not of a clock that is wrong: time follows it.

        Raises:
            UnknownOrder, IllegalTransition: A report contradicts what is known of our orders.
            UnknownOrder, RefusedError: The strategy asked for what it was not given, or to cancel
                what it never ordered; nothing of what it asked for was done.
        """
        context = self._context
        now_ns = event.ts_event
        if 0 < context.now_ns - now_ns <= MOST_SKEW_NS:
            now_ns = context.now_ns
        context.now_ns = now_ns
        if type(event) is Bar:  # nearly always, so what is done with a bar stands here
            instrument_id = event.instrument_id
            if instrument_id not in self._instruments:
                return NOTHING
            self._marks[instrument_id] = event
            wishes = self._on_event(event, context)
            if self._exit_gate is not None:
                ids = (instrument_id,)
                wishes = self._exit_gate.review(wishes, ids, now_ns, finished_bar=True)
            if self._risk.follows_loss:
                wishes = self._limit_loss(wishes)
            commands = self._carry_out(wishes, now_ns) if wishes else NOTHING
        elif type(event) is JointBar:  # as often, where a strategy has two legs
            commands = self._on_joint_bar(event)
            if commands or self.legs is None or self.legs.is_idle:
                return commands  # what `follow` would say: no call for each bar
        else:
            handler = self._handlers.get(type(event))
            commands = self._decide(event) if handler is None else handler(event)
        if self._spreads is None:
            return commands
        return self._spreads.follow(event, commands, now_ns)

    def warm_up(self, event: Event) -> None:
        """
        Let the strategy see an event of the past; whatever it wishes is dropped.

        What is held is marked by a bar, and exit policies remember it, for the best gain may have
        been then; what they would do about it is judged at the next one.
        """
        if isinstance(event, Bar | JointBar):
            self._take_note(event)
        context = self._context
        before_ns, context.now_ns = context.now_ns, event.ts_event
        for _ in self._on_event(event, context):
            pass
        if 0 < before_ns - context.now_ns <= MOST_SKEW_NS:
            context.now_ns = before_ns

    def _take_note(self, event: Bar | JointBar) -> None:
        bars = event.bars if isinstance(event, JointBar) else (event,)
        ours = [bar for bar in bars if bar.instrument_id in self._instruments]
        self._marks.update((bar.instrument_id, bar) for bar in ours)
        if self._spreads is not None:
            self._spreads.take_note(event.ts_event)
        elif self._exit_gate is not None:
            self._exit_gate.take_note(ours)

    def check(self, wish: StrategyCommand) -> None:
        """
        Refuse a wish of the strategy that can never be carried out; no order is made.

        Raises:
            RefusedError: An instrument was not given to the strategy, or a spread is asked for by
                one that trades single instruments.
            UnknownOrder: A cancel of what was never ordered.
        """
        self._check(wish)

    def flatten(self, reason: str) -> Sequence[Command]:
        """
        Return what takes the strategy out of everything, for *reason*: cancels, closing orders.

        A spread is closed by its leg manager, as a stop.
        """
        wishes: list[StrategyCommand] = []
        if self._spreads is not None:
            wishes.append(CloseSpread(reason, stop=True))
        else:
            for instrument_id in self._instruments:
                wishes += self._way_out.of(instrument_id, reason)
        return self._carry_out(wishes, self._context.now_ns)

    def cancel_orders(self) -> Sequence[Command]:
        """Return cancels of everything that works."""
        return self._desk.carry_out((CancelAll(),), self._context.now_ns)

    def cancel_order(self, client_order_id: str) -> Sequence[Command]:
        """
        Return the cancel of one order; nothing when it has ended, or was asked to already.

        Raises:
            UnknownOrder: It was never ordered here.
        """
        return self._desk.carry_out((Cancel(client_order_id),), self._context.now_ns)

    def close_positions(self, reason: str) -> Sequence[Command]:
        """Return market orders that close what open orders leave of all positions, for *reason*."""
        wishes: list[StrategyCommand] = []
        for instrument_id in self._instruments:
            wishes += self._way_out.closing(instrument_id, reason)
        return self._carry_out(wishes, self._context.now_ns)

    # --- memory ------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, object]:
        """
        Return books, orders, exits and legs, as JSON values and domain objects (orders, fills).

        The strategy's own state and the shared risk gate's are kept by their owners.
        """
        return {
            "now_ns": self.now_ns,
            "portfolio": self.portfolio.snapshot(),
            "orders": self.orders.snapshot(),
            "accounts": self._accounts.snapshot(),
            "exits": None if self._exits is None else self._exits.snapshot(),
            "legs": None if self.legs is None else self.legs.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Become what `snapshot` described; called before any event.

        Exit policies or legs that were added since begin without a memory.

        Raises:
            LedgerError: The saved ledger is out of balance.
        """
        self._context.now_ns = state["now_ns"]
        self.portfolio.restore(state["portfolio"])
        self.orders.restore(state["orders"])
        self._accounts.restore(state["accounts"])
        if self._exits is not None and state["exits"] is not None:
            self._exits.restore(state["exits"])
        if self.legs is not None and state["legs"] is not None:
            self.legs.restore(state["legs"])

    # --- market data -------------------------------------------------------------------------

    def _on_joint_bar(self, joint: JointBar) -> Sequence[Command]:
        marks, instruments = self._marks, self._instruments
        for bar in joint.bars:
            instrument_id = bar.instrument_id
            if instrument_id in instruments:
                marks[instrument_id] = bar
        wishes = self._on_event(joint, self._context)
        if self._exits is not None:
            wishes = self._judge_joint(wishes, joint)
        if self._risk.follows_loss:
            wishes = self._limit_loss(wishes)
        return self._carry_out(wishes, self._context.now_ns) if wishes else NOTHING

    def _judge_joint(
        self, wishes: Iterable[StrategyCommand], joint: JointBar
    ) -> Iterable[StrategyCommand]:
        """Return what exit policies leave of a decision: they judge the pair, or each leg."""
        if self._spreads is not None:
            return self._spreads.judge(wishes, self.now_ns, finished_bar=True)
        assert self._exit_gate is not None
        ids = [bar.instrument_id for bar in joint.bars if bar.instrument_id in self._instruments]
        return self._exit_gate.review(wishes, ids, self.now_ns, finished_bar=True)

    def _on_quote(self, quote: Quote) -> Sequence[Command]:
        return self._on_price(quote, quote.mid) if self._is_ours(quote) else NOTHING

    def _on_trade(self, trade: Trade) -> Sequence[Command]:
        return self._on_price(trade, trade.price) if self._is_ours(trade) else NOTHING

    def _is_ours(self, event: Quote | Trade | FeedGap | InstrumentStatusChanged) -> bool:
        return event.instrument_id in self._instruments

    def _on_price(self, event: Quote | Trade, price: Money) -> Sequence[Command]:
        self.portfolio.mark_price(event.instrument_id, price, event.ts_event)
        if self._exit_gate is None or not self._exit_on_quotes:
            wishes = self._wishes(event)
        else:
            wishes, ids = self._on_event(event, self._context), (event.instrument_id,)
            wishes = self._exit_gate.review(wishes, ids, self.now_ns, finished_bar=False)
        if self._risk.follows_loss:
            wishes = self._limit_loss(wishes)
        return self._carry_out(wishes, self._context.now_ns) if wishes else NOTHING

    def _limit_loss(self, wishes: Iterable[StrategyCommand]) -> Iterable[StrategyCommand]:
        """Tell the gate what the strategy is worth; flatten when the day's loss says so."""
        stage = self._risk.on_equity(self.name, self._context.now_ns, self._exposure.equity)
        if stage is not LossStage.FLATTEN:
            return wishes
        kept: list[StrategyCommand] = [wish for wish in wishes if isinstance(wish, _HARMLESS)]
        if self._spreads is not None:
            return [*kept, CloseSpread(Limit.DAILY_LOSS.value, stop=True)]
        for instrument_id in self._instruments:
            kept += self._way_out.of(instrument_id, Limit.DAILY_LOSS.value)
        return kept

    # --- reports, account and session ----------------------------------------------------------

    def _on_report(self, report: ExecutionReport) -> Sequence[Command]:
        before, after = self.orders.apply(report)
        if before is after:
            return NOTHING  # heard before
        if type(report) is OrderFilled:
            held_before, held_after = self.portfolio.apply(report.fill, after.intent.reason)
            if self._exits is not None:
                self._exits.on_fill(held_before, held_after, report.fill)
        wishes = self._wishes(report)
        if self._exit_gate is not None:
            wishes = self._exit_gate.after_report(wishes)
        return self._carry_out(wishes, self._context.now_ns) if wishes else NOTHING

    def _on_account(self, event: AccountEvent) -> Sequence[Command]:
        return self._decide(event) if self._accounts.book(event) else NOTHING

    def _on_fill(self, before: Position, after: Position, fill: Fill) -> None:
        if self._exits is not None:
            self._exits.on_fill(before, after, fill)

    def _on_transfer(self, ts_ns: int, worth: Money | None) -> None:
        self._risk.on_transfer(self.name, ts_ns, worth)

    def _on_instrument(self, event: FeedGap | InstrumentStatusChanged) -> Sequence[Command]:
        return self._decide(event) if self._is_ours(event) else NOTHING

    def _on_halted(self, event: RiskHalted) -> Sequence[Command]:
        self._risk.halt(event.reason, strategy=event.strategy)
        return self._decide(event)

    def _on_resumed(self, event: RiskResumed) -> Sequence[Command]:
        self._risk.resume(strategy=event.strategy)
        return self._decide(event)

    # --- decisions ---------------------------------------------------------------------------

    def _decide(self, event: Event) -> Sequence[Command]:
        wishes = self._wishes(event)
        return self._carry_out(wishes, self._context.now_ns) if wishes else NOTHING

    def _wishes(self, event: Event) -> Iterable[StrategyCommand]:
        """Return what the strategy wants after an event that brought no new mark to judge by."""
        wishes = self._on_event(event, self._context)
        if wishes and self._exit_gate is not None:
            return self._exit_gate.consent(wishes, self.now_ns)
        return wishes
