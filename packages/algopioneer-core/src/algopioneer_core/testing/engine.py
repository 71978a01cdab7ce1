"""
An engine on the bench: a scripted strategy, a ready engine, and reports to tell it.

For tests of strategies and exit policies, without a market. Nothing here needs Hypothesis.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from algopioneer_core.domain.commands import Command, StrategyCommand
from algopioneer_core.domain.events import Event, OrderFilled
from algopioneer_core.domain.fills import Fill, Liquidity
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import Bar
from algopioneer_core.domain.money import ZERO, Money, Price, Quantity, decimal_of, scaled
from algopioneer_core.domain.orders import Order
from algopioneer_core.domain.round_trips import RoundTrip
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.exit_monitor import ExitMonitor
from algopioneer_core.engine.exits import ExitCosts, ExitPolicy
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import DEFAULT_RETAINED, OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.risk import Denied, RiskGate
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext

__all__ = [
    "INSTRUMENT",
    "Decision",
    "ScriptedStrategy",
    "drive",
    "fill",
    "make_bar",
    "make_engine",
    "wishing_at_bar",
]

INSTRUMENT: Final = Instrument.undescribed(InstrumentId("test", "BTC-USD"))
"""The one instrument of an engine that was given none: spot, without rules of its own."""
_DECIMALS: Final = 8

Decision = Callable[[Event, StrategyContext], Iterable[StrategyCommand]]


class ScriptedStrategy:
    """
    Answers each event with the next entry of a script, and keeps what it was shown.

    A script is a sequence of answers, or a function of event and context. `wish` adds one answer.
    An event for which there is no answer is answered with nothing.

    Args:
        script: The answers.
        warmup_bars: What `requirements` says.
    """

    def __init__(
        self, script: Decision | Iterable[Sequence[StrategyCommand]] = (), *, warmup_bars: int = 0
    ) -> None:
        self._decide = script if callable(script) else None
        self._answers = deque(() if callable(script) else script)
        self._warmup_bars = warmup_bars
        self.seen: list[Event] = []
        """All events it was shown, oldest first."""

    def wish(self, *commands: StrategyCommand) -> None:
        """Answer the next event that has no answer yet with *commands*."""
        self._answers.append(commands)

    def requirements(self) -> Requirements:
        """Say how many bars it was made to ask for."""
        return Requirements(warmup_bars=self._warmup_bars)

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Return the next answer."""
        self.seen.append(event)
        if self._decide is not None:
            return self._decide(event, context)
        return self._answers.popleft() if self._answers else ()

    def snapshot(self) -> Mapping[str, object]:
        """Return how many events it has seen."""
        return {"seen": len(self.seen)}

    def restore(self, state: Mapping[str, object]) -> None:
        """Skip the answers to the events that were seen before."""
        seen = state["seen"]
        assert isinstance(seen, int)
        for _ in range(min(seen, len(self._answers))):
            self._answers.popleft()


def wishing_at_bar(number: int, *wishes: StrategyCommand) -> ScriptedStrategy:
    """Return a strategy that has *wishes* at its bar of that number (1 is the first), once."""
    bars = 0

    def decide(event: Event, _: StrategyContext) -> Iterable[StrategyCommand]:
        nonlocal bars
        bars += isinstance(event, Bar)
        return wishes if isinstance(event, Bar) and bars == number else ()

    return ScriptedStrategy(decide)


def make_engine(
    strategy: Strategy,
    *instruments: Instrument,
    name: str = "test",
    capital: Money | str = "10000",
    exits: Sequence[ExitPolicy] = (),
    exit_costs: ExitCosts | None = None,
    exit_on_quotes: bool = False,
    risk: RiskGate | None = None,
    on_denied: Callable[[Order, Denied], None] | None = None,
    on_round_trip: Callable[[RoundTrip], None] | None = None,
    retained: int = DEFAULT_RETAINED,
) -> TradingEngine:
    """
    Return an engine with fresh books, whose order ids are the same in every run.

    Args:
        strategy: What is tested.
        instruments: What it may trade; `INSTRUMENT` when none is given.
        name: Its name in the session.
        capital: What it starts with, in the settlement asset.
        exits: Its exit policies.
        exit_costs: What they expect the way out to cost; nothing when not given.
        exit_on_quotes: Whether they look at quotes and trades too.
        risk: The session's gate; one without limits when not given.
        on_denied: Called with each order that the gate refused.
        on_round_trip: Called with each finished round trip.
        retained: How many ended orders are remembered.
    """
    return TradingEngine(
        name,
        strategy,
        Portfolio(instruments or (INSTRUMENT,), decimal_of(capital), on_round_trip=on_round_trip),
        OrderManager(order_ids("test", "test", name), retained=retained),
        exits=ExitMonitor(exits, exit_costs),
        exit_on_quotes=exit_on_quotes,
        risk=risk,
        on_denied=on_denied,
    )


def drive(engine: TradingEngine, events: Iterable[Event]) -> list[Command]:
    """Let *engine* handle all *events* and return its commands, in order."""
    return [command for event in events for command in engine.handle(event)]


def make_bar(close: Price | str, ts_ns: int, *, instrument_id: InstrumentId = INSTRUMENT.id) -> Bar:
    """Return a bar that never moved: all four prices are *close*; 8 decimals at most."""
    ticks = scaled(decimal_of(close), _DECIMALS)
    return Bar(instrument_id, ts_ns, ticks, ticks, ticks, ticks, 0, _DECIMALS, 0, ts_ns)


def fill(
    order: Order,
    price: Price | str,
    *,
    quantity: Quantity | str | None = None,
    fee: Money | str = ZERO,
    fee_asset: str = "USD",
    fill_id: str | None = None,
    complete: bool | None = None,
    ts_ns: int | None = None,
) -> OrderFilled:
    """
    Return the report that *order* has traded.

    Args:
        order: As it was submitted.
        price: Of the fill.
        quantity: What was traded; all that remains when not given.
        fee: What the venue took.
        fee_asset: In which asset.
        fill_id: The venue's id; made of the order's own when not given, so give one for each of
            several fills of one order.
        complete: Whether the venue says that nothing remains.
        ts_ns: When; the time the order was made when not given.
    """
    traded = order.remaining_quantity if quantity is None else decimal_of(quantity)
    return OrderFilled(
        Fill(
            f"fill-of-{order.client_order_id}" if fill_id is None else fill_id,
            order.client_order_id,
            order.intent.instrument_id,
            order.intent.side,
            traded or ZERO,
            decimal_of(price),
            decimal_of(fee),
            fee_asset,
            Liquidity.TAKER,
            order.ts_created if ts_ns is None else ts_ns,
        ),
        complete,
    )
