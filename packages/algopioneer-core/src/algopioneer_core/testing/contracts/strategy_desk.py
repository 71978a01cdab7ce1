"""A desk for one strategy: a market it may see, an engine, and orders that fill at once."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from algopioneer_core.domain.commands import StrategyCommand, Submit
from algopioneer_core.domain.events import Event
from algopioneer_core.domain.instruments import Instrument, InstrumentId
from algopioneer_core.domain.market_data import NS_PER_SECOND, Bar, JointBar
from algopioneer_core.domain.money import ZERO, Price, Quantity, decimal_of, divide_half_even
from algopioneer_core.domain.orders import Order
from algopioneer_core.engine.engine import TradingEngine
from algopioneer_core.engine.leg_manager import LegManager
from algopioneer_core.engine.leg_rules import LegRules
from algopioneer_core.engine.order_ids import order_ids
from algopioneer_core.engine.order_manager import OrderManager
from algopioneer_core.engine.portfolio import Portfolio
from algopioneer_core.engine.strategy import Requirements, Strategy, StrategyContext
from algopioneer_core.journal.codec import decode, encode
from algopioneer_core.testing.engine import fill

__all__ = ["Answers", "MakeStrategy", "StrategyDesk", "market", "restored"]

MakeStrategy: TypeAlias = Callable[[], Strategy]
"""Makes the strategy under test, as its plugin's factory does; a fresh object each time."""
Answers: TypeAlias = list[tuple[StrategyCommand, ...]]
"""What a strategy answered, event by event."""

_START_NS: Final = 1_704_067_200 * NS_PER_SECOND
_HOUR_NS: Final = 3_600 * NS_PER_SECOND
_CAPITAL: Final = decimal_of("100000")
_PERIODS: Final = (34, 21)
_SWING: Final = 40
_PLACES: Final = 12
_ENDLESS: Final = 100
"""Events that come of one of the market, at most."""


def market(instruments: Sequence[Instrument], bars: int = 240) -> list[Event]:
    """
    Return hourly bars that rise and fall, joined where there are several instruments.

    Prices are around 100 and swing by some percent, each instrument's in a rhythm of its own.
    """
    found: list[Event] = []
    for number in range(1, bars + 1):
        ts_ns = _START_NS + number * _HOUR_NS
        joined = tuple(
            _bar(each.id, place, number, ts_ns) for place, each in enumerate(instruments)
        )
        found.append(joined[0] if len(joined) == 1 else JointBar(ts_ns, joined))
    return found


def _bar(instrument_id: InstrumentId, place: int, number: int, ts_ns: int) -> Bar:
    before, close = (_ticks(place, each) for each in (number - 1, number))
    high, low = max(before, close) + 5, min(before, close) - 5
    return Bar(instrument_id, ts_ns, before, high, low, close, 1_000, 2, 0, ts_ns)


def _ticks(place: int, number: int) -> int:
    period = _PERIODS[place % len(_PERIODS)]
    wave = abs(number % period - period // 2) * _SWING
    return 10_000 + wave + number * 7_919 % 31


class StrategyDesk:
    """
    Runs one strategy in an engine of its own; each order fills at once, at the last close.

    Args:
        make: Makes it.
        instruments: What it is configured with.
        every_event_anew: Whether it is replaced after each event by a fresh object that was given
            its snapshot, by way of the journal's text.
    """

    def __init__(
        self,
        make: MakeStrategy,
        instruments: Sequence[Instrument],
        *,
        every_event_anew: bool = False,
    ) -> None:
        self.answers: Answers = []
        """What it answered, event by event; reports on its orders are events too."""
        self._make = make
        self._strategy = make()
        self._anew = every_event_anew
        portfolio = Portfolio(instruments, _CAPITAL)
        orders = OrderManager(order_ids("contract", "contract", "strategy"))
        legs = None
        if len(instruments) > 1:
            first, second, *later = instruments
            legs = LegManager((first, second), portfolio, orders, LegRules(), {}, later)
        self._portfolio = portfolio
        self._engine = TradingEngine("strategy", self, portfolio, orders, legs=legs)

    def run(self, events: Iterable[Event]) -> Answers:
        """Show it *events* and the reports on its orders; return what it answered."""
        for event in events:
            waiting, handled = deque([event]), 0
            while waiting:
                handled += 1
                assert handled < _ENDLESS, "its orders lead to orders without end"
                commands = self._engine.handle(waiting.popleft())
                waiting.extend(
                    self._filled(each.order) for each in commands if isinstance(each, Submit)
                )
        return self.answers

    def _filled(self, order: Order) -> Event:
        price = self._portfolio.mark(order.intent.instrument_id)
        assert price is not None, "an order comes of an event that has a price"
        return fill(order, price, quantity=self._quantity(order, price), complete=True)

    def _quantity(self, order: Order, price: Price) -> Quantity:
        intent, instrument = order.intent, self._portfolio.instruments[order.intent.instrument_id]
        if intent.quote_amount is None:
            return order.remaining_quantity or ZERO
        return instrument.whole_quantity(
            divide_half_even(intent.quote_amount, price, places=_PLACES)
        )

    # --- the strategy, as its engine sees it -------------------------------------------------

    def requirements(self) -> Requirements:
        """Return its requirements."""
        return self._strategy.requirements()

    def on_event(self, event: Event, context: StrategyContext) -> Iterable[StrategyCommand]:
        """Ask it, keep its answer, and put a restored one in its place if that is wanted."""
        answer = tuple(self._strategy.on_event(event, context))
        self.answers.append(answer)
        if self._anew:
            self._strategy = restored(self._make, self._strategy)
        return answer

    def snapshot(self) -> Mapping[str, object]:
        """Return its state."""
        return self._strategy.snapshot()

    def restore(self, state: Mapping[str, object]) -> None:
        """Give it a state."""
        self._strategy.restore(state)


def restored(make: MakeStrategy, strategy: Strategy) -> Strategy:
    """
    Return a fresh strategy with the state of *strategy*, as a restart makes it.

    Raises:
        AssertionError: The state of the fresh one is another.
        CodecError: The state cannot be written down.
    """
    text = encode(dict(strategy.snapshot()))
    fresh = make()
    fresh.requirements()
    fresh.restore(decode(text))
    assert encode(dict(fresh.snapshot())) == text, "restored, its state is another"
    return fresh
